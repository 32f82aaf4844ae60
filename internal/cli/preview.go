package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/sandbox"
	"importer/source"
)

func newPreviewCommand(env Env) *cobra.Command {
	shown := config.Default()
	var number int64
	cmd := &cobra.Command{
		Use:   "preview --source FILE --row N",
		Short: "Show one row: as read, as mapped, and the request it would become",
		Long: `Show one row of the source: as it was read, as it is mapped, the JSON that would
be sent, and its key. Nothing is sent. A row that would be refused is shown with
the reason, and the exit code is 3.`,
		Example: "  importer preview --source contacts.csv --row 17",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := settings(cmd.Flags(), args, env.Getenv)
			if err != nil {
				return err
			}
			if number < 1 {
				return config.Errorf("--row is %d; want the number of a row, from 1", number)
			}
			return preview(env.Stdout, c, env.Stdin, number)
		},
	}
	addConfigFlag(cmd.Flags())
	bindSourceFlags(cmd.Flags(), &shown)
	cmd.Flags().StringVar(&shown.API.ProjectID, "project-id", shown.API.ProjectID, "`ID` of the project that the request names ($COGNIGY_PROJECT_ID)")
	cmd.Flags().Int64Var(&number, "row", 1, "`N`umber of the row in the whole input, from 1; the header does not count")
	return cmd
}

// preview writes one row of the input.
func preview(w io.Writer, c config.Config, stdin io.Reader, number int64) (err error) {
	input, err := openSource(c, stdin)
	if err != nil {
		return err
	}
	defer func() { err = worse(err, input.Close()) }()

	var read int64
	for row, err := range input.Rows() {
		var invalid *contact.RowError
		switch {
		case errors.As(err, &invalid):
			read = invalid.Number
			if read == number {
				return worse(errNotAllIn, previewInvalid(w, invalid, headerOf(input, invalid.Source)))
			}
		case err != nil:
			return err
		default:
			read = row.Number
			if read == number {
				return previewRow(w, row, headerOf(input, row.Source), c.API.ProjectID)
			}
		}
	}
	return config.Errorf("--row is %d, and the input has %d rows", number, read)
}

func headerOf(input *source.Input, name string) []string {
	for _, s := range input.Sources() {
		if s.Name == name {
			return s.Header
		}
	}
	return nil
}

func previewRow(w io.Writer, row contact.Row, header []string, projectID string) error {
	if projectID == "" {
		projectID = sandbox.DefaultProjectID
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: row %d, line %d\n\n", row.Source, row.Number, row.Line)
	writeRaw(&b, row.Raw, header)

	b.WriteString("\nMapped\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  contactIds\t%s\n", quoteAll(row.Profile.ContactIDs))
	if row.Profile.Active != nil {
		fmt.Fprintf(t, "  active\t%t\n", *row.Profile.Active)
	}
	for _, f := range row.Profile.Fields {
		fmt.Fprintf(t, "  %s\t%s\n", f.Name, f.Value)
	}
	if err := t.Flush(); err != nil {
		return err
	}

	body := jsontext.Value(row.Profile.AppendCreateBody(nil, projectID))
	fmt.Fprintf(&b, "\nRequest  POST /new/v2.0/profiles, %d bytes\n  ", len(body))
	if err := body.Indent(jsontext.WithIndentPrefix("  "), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	fmt.Fprintf(&b, "%s\n\nKey      %s\nDigest   %s\n", body, row.Key, row.Digest)
	_, err := w.Write(b.Bytes())
	return err
}

func previewInvalid(w io.Writer, invalid *contact.RowError, header []string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: row %d, line %d\n\n", invalid.Source, invalid.Number, invalid.Line)
	writeRaw(&b, invalid.Raw, header)
	b.WriteString("\nInvalid, would not be sent\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, part := range [][2]string{{"field", invalid.Field}, {"reason", invalid.Reason}, {"hint", invalid.Hint}} {
		if part[1] != "" {
			fmt.Fprintf(t, "  %s\t%s\n", part[0], part[1])
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeRaw writes a row as it was read. Values are quoted: they come from
// strangers, and a terminal obeys what it is sent.
func writeRaw(b *bytes.Buffer, raw, header []string) {
	b.WriteString("As read\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for i, cell := range raw {
		name := "record"
		switch {
		case i < len(header):
			name = quoteUnlessPlain(header[i])
		case header != nil:
			name = fmt.Sprintf("(field %d)", i+1)
		}
		fmt.Fprintf(t, "  %s\t%s\n", name, strconv.Quote(cell))
	}
	t.Flush() // into memory: there is no error
}

// quoteUnlessPlain quotes a name that a terminal or a tab would not show as it is.
func quoteUnlessPlain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

func quoteAll(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}
