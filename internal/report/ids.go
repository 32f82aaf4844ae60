package report

import (
	"bufio"
	"io"
	"strings"

	"github.com/gocarina/gocsv"

	"importer/importer/contact"
	"importer/internal/rejectfile"
	"importer/sink/journal"
)

// An idRow is what a CRM wants back of one contact id.
type idRow struct {
	ContactID string `csv:"contactId"`
	ID        string `csv:"_id"`
	Status    string `csv:"status"`
	Line      int    `csv:"line"`
}

// WriteIDs writes what a CRM wants back as CSV, contactId,_id,status,line: one
// line for each contact id of each contact that is in, or may be, in the order of the
// report of that name. Where the report does not know the profile, the _id is empty. Of a
// contact that several runs wrote the last line holds. Of a redacted report the contact
// ids are empty. Contacts that were announced and have no outcome are left out: their
// contact ids are not in the report.
//
// It reads the report twice.
func WriteIDs(w io.Writer, k journal.Keeper, name string) error {
	type holder struct {
		line  uint32
		hasID bool
	}
	holders := make(map[contact.Key]holder) // the line that holds, of each key
	n := uint32(0)
	for o, err := range journal.Outcomes(k, name) {
		if err != nil {
			return err
		}
		n++
		switch {
		case o.Status == contact.Invalid: // which is no contact
		case o.Status == contact.Absent:
			delete(holders, o.Row.Key)
		case o.ID != "", o.Status.In() && o.Status != contact.Duplicate, o.Status == contact.Unknown:
			holders[o.Row.Key] = holder{n, o.ID != ""}
		case o.Status != contact.Duplicate && !holders[o.Row.Key].hasID:
			delete(holders, o.Row.Key) // it was in doubt, and is not in
		}
	}
	buffered := bufio.NewWriter(w)
	out := rejectfile.NewWriter(buffered, ',')
	if err := gocsv.MarshalCSV([]idRow{}, out); err != nil { // the header
		return err
	}
	var rows []idRow // of one profile
	n = 0
	for o, err := range journal.Outcomes(k, name) {
		if err != nil {
			return err
		}
		if n++; holders[o.Row.Key].line != n {
			continue
		}
		ids := o.Row.Profile.ContactIDs
		if len(ids) == 0 {
			ids = []string{""}
		}
		rows = rows[:0]
		for _, id := range ids {
			rows = append(rows, idRow{harmless(id), rejectfile.Guard(o.ID), o.Status.String(), o.Row.Line})
		}
		if err := gocsv.MarshalCSVWithoutHeaders(rows, out); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// harmless keeps a spreadsheet from running a contact id as a formula. Phone numbers such
// as +49… are none, and stay as a CRM knows them.
func harmless(id string) string {
	if len(id) > 1 && strings.IndexByte("+-", id[0]) >= 0 && strings.Trim(id[1:], "0123456789 ()/.-") == "" {
		return id
	}
	return rejectfile.Guard(id)
}
