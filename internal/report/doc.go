// Package report reads the report of an import for people: a text, JSON, the
// ids for a CRM as CSV, and a page that opens in any browser, also while the run
// lasts.
//
//	journal.Reader → Account → WriteText, WriteJSON, WriteHTML
//	journal.Outcomes → WriteIDs
//
// An Account takes lines as they come, so that the page of a run that lasts is the
// page of its report so far. Memory grows with the contacts (about
// sixty bytes each, to know which line of a contact is the last), not with the
// length of the report.
package report
