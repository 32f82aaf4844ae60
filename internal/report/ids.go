package report

import (
	"bufio"
	"encoding/csv"
	"errors"
	"importer/importer/contact"
	"io"
	"strings"

	"github.com/gocarina/gocsv"
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
	err := eachID(path, func(key contact.Key, _ *Line) error {
		lines[key]++
		return nil
	})
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	out := csv.NewWriter(buffered)
	if err := gocsv.MarshalCSV([]idRow{}, out); err != nil { // the header
		return err
	}
	var rows []idRow // of one profile
	err = eachID(path, func(key contact.Key, l *Line) error {
		if lines[key]--; lines[key] > 0 {
			return nil // a later line holds
		}
		ids := l.ContactIDs
		if len(ids) == 0 {
			ids = []string{""}
		}
		rows = rows[:0]
		for _, id := range ids {
			rows = append(rows, idRow{harmless(id), l.ID, l.Status, l.Line})
		}
		return gocsv.MarshalCSVWithoutHeaders(rows, out)
	})
	return errors.Join(err, buffered.Flush())
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
