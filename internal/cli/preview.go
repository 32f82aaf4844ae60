package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/preview"
	"importer/internal/sandbox"
	"importer/internal/session"
)

// sourceFlags say what is read.
var sourceFlags = []string{"source", "format", "delimiter", "encoding", "sheet", "header-row"}

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
			return withSession(cmd, args, env, func(_ context.Context, s *session.Session) error { return previewRow(s, number) })
		},
	}
	help.AddFlags(cmd, append(sourceFlags, "config", "project-id")...)
	cmd.Flags().Int64Var(&number, "row", 1, "`N`umber of the row in the whole input, from 1; the header does not count")
	return cmd
}

func previewRow(s *session.Session, number int64) error {
	if number < 1 {
		return config.Errorf("--row is %d; want the number of a row, from 1", number)
	}
	if err := s.OpenSource(); err != nil {
		return err
	}
	var read int64
	for row, err := range s.Input.Rows() {
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
		for _, file := range s.Input.Sources() {
			if file.Name == row.Source {
				header = file.Header
			}
		}
		err := preview.Write(s.Env.Stdout, row, header, invalid, cmp.Or(s.Config.API.ProjectID, sandbox.DefaultProjectID))
		if isInvalid {
			return exit.Worse(exit.ErrNotAllIn, err)
		}
		return err
	}
	return config.Errorf("--row is %d, and the input has %d rows", number, read)
}
