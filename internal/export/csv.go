package export

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/rejectfile"
)

// maxColumns bounds the fields that profiles may have to be written as CSV: a spreadsheet
// takes no more.
const maxColumns = 16_000

// A row is a profile as CSV shows it.
type row struct {
	ID          string                    `json:"_id"`
	ContactIDs  []string                  `json:"contactIds"`
	Active      bool                      `json:"active"`
	CreatedAt   int64                     `json:"createdAt"`
	LastChanged int64                     `json:"lastChanged"`
	Profile     map[string]jsontext.Value `json:"profile"`
}

// WriteCSV writes the profiles as CSV with a column for each field that any of them has.
// Cells that a spreadsheet would run as a formula are made harmless, as in a reject file;
// lists and objects are JSON.
func (p *Part) WriteCSV(w io.Writer) error {
	names, err := p.fields()
	if err != nil {
		return err
	}
	out := rejectfile.NewWriter(w, ',')
	cells := slices.Clone(rejectfile.ExportColumns[:])
	for _, name := range names {
		cells = append(cells, rejectfile.Guard(name))
	}
	if err := out.Write(cells); err != nil {
		return err
	}
	return p.each(func(line []byte) error {
		var r row
		if err := json.Unmarshal(line, &r, lenient); err != nil {
			return err
		}
		cells = append(cells[:0], r.ID, rejectfile.Guard(list(r.ContactIDs)), fmt.Sprint(r.Active), shown(r.CreatedAt), shown(r.LastChanged))
		for _, name := range names {
			text, err := cell(r.Profile[name])
			if err != nil {
				return err
			}
			cells = append(cells, rejectfile.Guard(text))
		}
		return out.Write(cells)
	})
}

// fields are the names of all fields, sorted.
func (p *Part) fields() ([]string, error) {
	names := make(map[string]struct{})
	err := p.each(func(line []byte) error {
		var r row
		if err := json.Unmarshal(line, &r, lenient); err != nil {
			return err
		}
		for name := range r.Profile {
			names[name] = struct{}{}
			if slices.Contains(rejectfile.ExportColumns[:], name) {
				return fmt.Errorf("the profile %s has a field with the name %s, which a column of CSV has already: use --format ndjson", r.ID, name)
			}
		}
		if len(names) > maxColumns {
			return fmt.Errorf("the profiles have more than %d different fields, too many for the columns of CSV: use --format ndjson", maxColumns)
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), err
}

// list is one contact id as it is, and several as a list, which an import takes apart.
func list(ids []string) string {
	if len(ids) == 1 && !strings.ContainsAny(ids[0], "[];,|/\\\"\n\r\t\v\f ") {
		return ids[0]
	}
	return string(contact.AppendStrings(nil, ids))
}

// cell is a value as a cell shows it.
func cell(v jsontext.Value) (string, error) {
	switch v = bytes.TrimSpace(v); v.Kind() {
	case 'n', 0:
		return "", nil
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		return string(b), err
	}
	return string(v), nil
}

// shown is a time for people; empty where there is none.
func shown(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
