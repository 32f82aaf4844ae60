package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/sandbox"
)

func newPreviewCommand(env Env) *cobra.Command {
	var number int64
	cmd := &cobra.Command{
		Use:   "preview --source FILE --row N",
		Short: "Show one row: as read, as mapped, and the request it would become",
		Long: `Show one row of the source: as it was read, as it is mapped, the JSON that would
be sent, and its key. Nothing is sent. A row that would be refused is shown with
the reason, and the exit code is 3.`,
		Example: "  importer preview --source contacts.csv --row 17",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withSession(cmd, args, env, func(s *session, _ context.Context) error { return s.preview(number) })
		},
	}
	addFlags(cmd, append(sourceFlags, "config", "project-id")...)
	cmd.Flags().Int64Var(&number, "row", 1, "`N`umber of the row in the whole input, from 1; the header does not count")
	return cmd
}

func (s *session) preview(number int64) error {
	if number < 1 {
		return config.Errorf("--row is %d; want the number of a row, from 1", number)
	}
	if err := s.openSource(); err != nil {
		return err
	}
	var read int64
	for row, err := range s.input.Rows() {
		invalid, isInvalid := errors.AsType[*contact.RowError](err)
		switch {
		case isInvalid:
			row = contact.OutcomeOf(invalid).Row
		case err != nil:
			return err
		}
		if read = row.Number; read != number {
			continue
		}
		var header []string
		for _, file := range s.input.Sources() {
			if file.Name == row.Source {
				header = file.Header
			}
		}
		_, err := fmt.Fprintf(s.env.Stdout, "%s: row %d, line %d\n\nAs read\n%s\n", row.Source, row.Number, row.Line, asRead(row.Raw, header))
		switch {
		case err != nil:
			return err
		case isInvalid:
			return worse(errNotAllIn, previewInvalid(s.env.Stdout, invalid))
		default:
			return previewRow(s.env.Stdout, row, cmp.Or(s.c.API.ProjectID, sandbox.DefaultProjectID))
		}
	}
	return config.Errorf("--row is %d, and the input has %d rows", number, read)
}

func previewRow(w io.Writer, row contact.Row, projectID string) error {
	mapped := [][2]string{{"contactIds", quoteAll(row.Profile.ContactIDs)}}
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

func previewInvalid(w io.Writer, row *contact.RowError) error {
	why := [][2]string{{"field", row.Field}, {"reason", row.Reason}, {"hint", row.Hint}}
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
			name = contact.Printable(header[i])
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
		fmt.Fprintf(t, "  %s\t%s\n", line[0], line[1])
	}
	t.Flush() // into memory: there is no error
	return b.String()
}

func quoteAll(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}
