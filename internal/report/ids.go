package report

import (
	"encoding/csv"
	"importer/importer/contact"
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
	err := eachID(path, func(key contact.Key, _ *Line) error {
		lines[key]++
		return nil
	})
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write([]string{"contactId", "_id", "status", "line"}); err != nil {
		return err
	}
	err = eachID(path, func(key contact.Key, l *Line) error {
		if lines[key]--; lines[key] > 0 {
			return nil // a later line holds
		}
		ids := l.ContactIDs
		if len(ids) == 0 {
			ids = []string{""}
		}
		for _, id := range ids {
			if err := out.Write([]string{harmless(id), l.ID, l.Status, strconv.Itoa(l.Line)}); err != nil {
				return err
			}
		}
		return nil
	})
	out.Flush()
	if err != nil {
		return err
	}
	return out.Error()
}

// eachID calls f with each line of a row that has the id of a profile.
func eachID(path string, f func(contact.Key, *Line) error) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		l, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if l.Kind != "row" || l.ID == "" || l.Key == "" {
			continue
		}
		key, err := contact.ParseKey(l.Key)
		if err == nil {
			err = f(key, l)
		}
		if err != nil {
			return err
		}
	}
}

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
