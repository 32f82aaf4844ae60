// Package importer is the engine: one run from rows to outcomes.
//
//	source ──► reader ──► feeder ──► workers ──► recorder ──► journal
//	                        │          │            ▲
//	                        ▼          ▼            │
//	                       lane of doubt ───────────┘
//
// The feeder announces rows in the journal before any of them can reach the API,
// and hands them to the workers. A worker takes a row from step to step (way.go),
// as a table says from what each step brought (step.go), until it is settled. A row
// of which it is not known whether the API has it is parked in the lane of doubt
// (doubt.go) until it is looked up; the lane takes it on from there. The recorder alone
// counts and appends outcomes.
//
//	run.go       Run, its goroutines and channels
//	feeder.go    reads, admits, announces, hands out
//	step.go      the policy: what follows on what is known of a row
//	way.go       a row from step to step
//	steps.go     what each step does: create, read, update, delete
//	lookup.go    who holds a contact id, and whether we made that profile; package whose judges
//	presence.go  who is in the project before anybody is created
//	request.go   when one request may leave, and the reads that are asked again
//	reader.go    reads by the rules of a run, for the commands that look back
//	doubt.go     the lane of doubt
//	recorder.go  counts, and appends to the journal
//	mirror.go    what the source no longer holds
//	undo.go      takes back what a run wrote
//
// What it needs of its siblings it declares as interfaces: API, Journal, Rejects,
// Listing, and State in package change. It reads no clock and no random source but
// those of the standard library, so that testing/synctest runs it in virtual time.
package importer
