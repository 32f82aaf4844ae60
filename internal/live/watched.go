package live

import (
	"importer/importer/contact"
	"importer/sink/journal"
	"importer/sink/rejects"
)

// A Watched run shows, of what it records, the rows that are not in.
type Watched struct {
	*journal.Journal
	Rejects *rejects.Rejects
	Watch   *Watch
}

// Append implements importer.Journal.
func (w Watched) Append(outcomes ...*contact.Outcome) error {
	for _, out := range outcomes {
		if !out.Status.In() && !out.Status.Refused() {
			w.Watch.Failed(out)
		}
	}
	return w.Journal.Append(outcomes...)
}

// Reject implements importer.Rejects. It is also given what an earlier run had refused
// and nobody changed.
func (w Watched) Reject(out *contact.Outcome) error {
	w.Watch.Failed(out)
	return w.Rejects.Reject(out)
}
