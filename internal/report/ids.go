package report

import (
	"bufio"
	"encoding/csv"
	"io"
	"strings"

	"github.com/gocarina/gocsv"

	"importer/importer/contact"
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
// line for each contact id of each profile whose id the report at path knows, in
// the order of the report. Of a profile that several runs wrote the last line
// holds. Of a redacted report the contact ids are empty.
//
// It reads the report twice.
func WriteIDs(w io.Writer, path string) error {
	lines := make(map[contact.Key]uint32) // with an id, of each key
	for o, err := range journal.Outcomes(path, 0) {
		if err != nil {
			return err
		}
		if hasID(o) {
			lines[o.Row.Key]++
		}
	}
	buffered := bufio.NewWriter(w)
	out := csv.NewWriter(buffered)
	if err := gocsv.MarshalCSV([]idRow{}, out); err != nil { // the header
		return err
	}
	var rows []idRow // of one profile
	for o, err := range journal.Outcomes(path, 0) {
		if err != nil {
			return err
		}
		if !hasID(o) {
			continue
		}
		if lines[o.Row.Key]--; lines[o.Row.Key] > 0 {
			continue // a later line holds
		}
		ids := o.Row.Profile.ContactIDs
		if len(ids) == 0 {
			ids = []string{""}
		}
		rows = rows[:0]
		for _, id := range ids {
			rows = append(rows, idRow{harmless(id), o.ID, o.Status.String(), o.Row.Line})
		}
		if err := gocsv.MarshalCSVWithoutHeaders(rows, out); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// hasID tells whether an outcome is of a contact whose profile is known. An invalid
// row is no contact.
func hasID(o *contact.Outcome) bool { return o.ID != "" && o.Status != contact.Invalid }

// harmless keeps a spreadsheet from running a contact id as a formula, with an
// apostrophe before it. Phone numbers such as +49… are no formula, and stay.
func harmless(id string) string {
	if id == "" {
		return id
	}
	number := len(id) > 1 && strings.Trim(id[1:], "0123456789 ()/.-") == ""
	if strings.IndexByte("=@\t\r", id[0]) >= 0 || strings.IndexByte("+-", id[0]) >= 0 && !number {
		return "'" + id
	}
	return id
}
