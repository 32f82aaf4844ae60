package report

import (
	"encoding/csv"
	"importer/importer/contact"
	"importer/sink/journal"
	"io"
	"strconv"
	"strings"
)

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
	out := csv.NewWriter(w)
	if err := out.Write([]string{"contactId", "_id", "status", "line"}); err != nil {
		return err
	}
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
		for _, id := range ids {
			if err := out.Write([]string{harmless(id), o.ID, o.Status.String(), strconv.Itoa(o.Row.Line)}); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
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
