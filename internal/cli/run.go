package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/session"
	"importer/sink"
)

// withSession runs a command with the settings of its command line.
func withSession(cmd *cobra.Command, args []string, env Env, run func(context.Context, *session.Session) error) error {
	c, err := config.Settings(cmd.Flags(), args, env.Getenv)
	if err != nil {
		return err
	}
	s, err := session.New(c, env)
	if err != nil {
		return err
	}
	s.Line = commandline.Line{Program: env.Program, Mode: s.Config.Mode, Flags: cmd.Flags(), Args: args}
	return exit.Worse(run(cmd.Context(), s), s.Close())
}

// printResult writes what a command that went to its end has to say: as one JSON object,
// as text, or not at all where all is well and nobody wants to hear of it.
func printResult(s *session.Session, allIn bool, object any, text string) error {
	switch {
	case s.Config.JSON:
		*s.Env.Printed = true
		return sink.WriteJSON(s.Env.Stdout, object)
	case s.Config.Quiet && allIn:
		return nil
	}
	_, err := io.WriteString(s.Env.Stdout, text)
	return err
}

// A tally is how many of something there are, and the words for it.
type tally struct {
	n      int64
	format string
}

// tell is a line for each tally but those of nothing.
func tell(tallies []tally) string {
	var b strings.Builder
	for _, t := range tallies {
		if t.n > 0 {
			fmt.Fprintf(&b, t.format+"\n", t.n)
		}
	}
	return b.String()
}
