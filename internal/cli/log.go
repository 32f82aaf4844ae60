package cli

import (
	"importer/internal/config"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"
)

// newLogger logs to w: for people where w is a terminal, else as JSON. The colours
// are of the form for people.
func newLogger(w io.Writer, isTerminal, colored bool, o config.Log) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(o.Level)
	if err != nil {
		return zerolog.Nop(), usage(err)
	}
	if o.Format == "console" || o.Format == "auto" && isTerminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !colored}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

// isTerminal reports whether w is a terminal that a cursor can be moved on.
func isTerminal(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb"
}

// isColored reports whether people see colours on a terminal and want them.
func isColored(w io.Writer, getenv func(string) string) bool {
	return isTerminal(w, getenv) && getenv("NO_COLOR") == ""
}
