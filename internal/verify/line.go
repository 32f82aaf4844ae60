package verify

import (
	"cmp"
	"fmt"
	"strings"

	"importer/importer/change"
	"importer/importer/contact"
)

// A Line is what was found of one row, and a line of REPORT.verify.
type Line struct {
	Key         contact.Key         `json:"key"`
	ID          string              `json:"_id,omitempty"`
	Source      string              `json:"source,omitempty"`
	Line        int                 `json:"line,omitzero"`
	ContactIDs  []string            `json:"contactIds,omitempty"`
	Verdict     change.Verdict      `json:"verdict"`
	Differences []change.Difference `json:"differences,omitempty"`
	Reason      string              `json:"reason,omitempty"` // why it is not verifiable
}

// failures are what is wrong with a profile that is not as it should be, in the terms of a
// summary.
func (l *Line) failures() []contact.FailureLine {
	place := cmp.Or(l.ID, l.Key.String())
	if l.Source != "" {
		place = contact.Place{Source: l.Source, Line: l.Line}.String()
	}
	f := contact.FailureLine{Status: string(l.Verdict), Count: 1, Example: place}
	switch l.Verdict {
	case change.VerdictSame, change.VerdictThere:
		return nil
	case change.VerdictUnverifiable:
		f.Example += ": " + l.Reason
	}
	if len(l.Differences) == 0 {
		return []contact.FailureLine{f}
	}
	var all []contact.FailureLine
	for _, d := range l.Differences {
		f.Field, f.Example = d.Field, place
		if d.Expected != "" { // not redacted
			f.Example += fmt.Sprintf(": expected %s, found %s", d.Expected, cmp.Or(d.Found, "nothing"))
		}
		all = append(all, f)
	}
	return all
}

// WriteText says what is wrong with a profile that is not as it should be, a line for
// each thing.
func (l *Line) WriteText(text *strings.Builder) {
	where := contact.Printable(cmp.Or(l.ID, "a row without a profile id"))
	if l.Source != "" {
		where = fmt.Sprintf("%s:%d: %s", contact.Printable(l.Source), l.Line, where)
	}
	switch l.Verdict {
	case change.VerdictMissing:
		fmt.Fprintf(text, "%s: missing\n", where)
	case change.VerdictUnverifiable:
		fmt.Fprintf(text, "%s: cannot be verified: %s\n", where, contact.Printable(l.Reason))
	}
	for _, d := range l.Differences {
		fmt.Fprintf(text, "%s: %s differs", where, contact.Printable(d.Field))
		if d.Expected != "" { // not redacted
			fmt.Fprintf(text, ": expected %s, found %s", contact.Printable(d.Expected), contact.Printable(cmp.Or(d.Found, "nothing")))
		}
		text.WriteByte('\n')
	}
}
