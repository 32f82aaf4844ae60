package doctor

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"importer/importer/contact"
	"importer/internal/words"
)

// A Source is that of an import.
type Source struct {
	Once   bool   // it is left for the run; see ReadOnce
	Err    error  // why it cannot be opened
	Name   string // of the first file
	Others int    // how many files there are besides
	Rows   iter.Seq2[contact.Row, error]
}

// ReadOnce tells whether one of the paths is standard input or a pipe, of which whoever
// reads it takes something away from a run.
func ReadOnce(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return path == "-" || err == nil && !info.Mode().IsRegular() && !info.IsDir()
	})
}

const (
	sourceRows = 1000 // at most, of the source
	sourceTime = 2 * time.Second
)

// check maps the first rows.
func (s *Source) check() Check {
	c := Check{Name: "source", Status: OK}
	switch {
	case s.Once:
		c.Detail = "standard input and pipes can be read once, and are left for the run"
		return c
	case s.Err != nil:
		c.Status, c.Detail = Fail, oneLine(s.Err.Error())
		c.Hint = "look at --source, or at the mapping; importer init FILE guesses one"
		return c
	}
	began := time.Now()
	read, refused, first := 0, 0, ""
	for _, err := range s.Rows {
		invalid, isInvalid := errors.AsType[*contact.RowError](err)
		switch {
		case isInvalid:
			if refused++; first == "" {
				first = invalid.Error()
			}
		case err != nil:
			c.Status, c.Detail, c.Hint = Fail, contact.Printable(err.Error()), "the source cannot be read to its end: export it again"
			return c
		}
		if read++; read == sourceRows || time.Since(began) > sourceTime {
			break
		}
	}
	name := contact.Printable(s.Name)
	if s.Others > 0 {
		name += fmt.Sprintf(" and %s", words.Plural(s.Others, "other", "others"))
	}
	c.Detail = fmt.Sprintf("%s: of the first %s, %d would be refused", name, words.Plural(read, "row", "rows"), refused)
	switch {
	case read == 0:
		c.Status, c.Detail, c.Hint = Warn, name+" holds no rows", "look at --source"
	case refused > 0:
		c.Status, c.Hint = Warn, "the first: "+contact.Printable(first)+"; importer check shows all of them"
		if refused == read {
			c.Status = Fail
		}
	}
	return c
}
