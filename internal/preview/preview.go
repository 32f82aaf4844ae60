// Package preview shows one row for people: as it was read, as it is mapped, and the
// request that it would become.
package preview

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/words"
)

// Write shows a row of a file with this header, which is nil where its records have
// names of their own. invalid is why the row would be refused; nil: it would not.
func Write(w io.Writer, row contact.Row, header []string, invalid *contact.RowError, projectID string) error {
	_, err := fmt.Fprintf(w, "%s: row %d, line %d\n\nAs read\n%s\n", contact.Printable(row.Source), row.Number, row.Line, asRead(row.Raw, header))
	switch {
	case err != nil:
		return err
	case invalid != nil:
		return writeInvalid(w, invalid)
	default:
		return writeRow(w, row, projectID)
	}
}

func writeRow(w io.Writer, row contact.Row, projectID string) error {
	mapped := [][2]string{{"contactIds", words.QuoteNames(row.Profile.ContactIDs, len(row.Profile.ContactIDs))}}
	if row.Profile.Active != nil {
		mapped = append(mapped, [2]string{"active", strconv.FormatBool(*row.Profile.Active)})
	}
	for _, f := range row.Profile.Fields {
		mapped = append(mapped, [2]string{f.Name, string(f.Value)})
	}
	body := jsontext.Value(row.Profile.AppendCreateBody(nil, projectID))
	size := len(body)
	if err := body.Indent(jsontext.WithIndentPrefix("  "), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "Mapped\n%s\nRequest  POST /new/v2.0/profiles, %d bytes\n  %s\n\nKey      %s\nDigest   %s\n", columns(mapped), size, body, row.Key, row.Digest)
	return err
}

func writeInvalid(w io.Writer, row *contact.RowError) error {
	why := [][2]string{{"field", contact.Printable(row.Field)}, {"reason", contact.Printable(row.Reason)}, {"hint", contact.Printable(row.Hint)}}
	why = slices.DeleteFunc(why, func(line [2]string) bool { return line[1] == "" })
	_, err := fmt.Fprintf(w, "Invalid, would not be sent\n%s", columns(why))
	return err
}

// asRead shows the cells of a row. They are quoted: they come from strangers, and a
// terminal obeys what it is sent.
func asRead(raw, header []string) string {
	var lines [][2]string
	for i, cell := range raw {
		name := "record"
		switch {
		case i < len(header):
			name = header[i]
		case header != nil:
			name = fmt.Sprintf("(field %d)", i+1)
		}
		lines = append(lines, [2]string{name, strconv.Quote(cell)})
	}
	return columns(lines)
}

// columns puts the second of each pair below each other.
func columns(lines [][2]string) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintf(t, "  %s\t%s\n", contact.Printable(line[0]), line[1])
	}
	t.Flush() // into memory: there is no error
	return b.String()
}
