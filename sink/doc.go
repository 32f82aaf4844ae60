// Package sink keeps what a run did: the report, the reject file, the summary.
//
// The report is the journal that a run resumes from, and the audit trail, in
// one file of NDJSON lines that is only ever appended to:
//
//	run      a run begins: where from, and whereto
//	sending  these keys may from now on reach the API; on disk before they do
//	unsent   these announced keys were certainly never sent
//	row      what became of one row
//	end      the run ended; its summary
//
// OpenReport locks the report, replays its complete lines into what is known of
// each key, and cuts off a line that a crash left unterminated. What was
// announced and has no outcome after that is in doubt.
package sink
