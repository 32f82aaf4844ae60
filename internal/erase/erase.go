// Package erase takes one person out of what imports have left behind: reports, the reject
// files and the verdicts that belong to them, and states. The accounts stay.
package erase

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"importer/importer/contact"
	"importer/internal/files"
	"importer/internal/plain"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink/journal"
)

// A File is a reject file.
type File struct {
	Name string // of the file, without a folder
	Told string // where it is, for people
	Open func() (io.ReadCloser, error)
	// Replace puts what write makes of it in its place, at once. Write may be called again.
	Replace func(write func(w io.Writer, old io.Reader) error) error
	Stored  bool // no person edits it: it is in a store
}

// A Report is one, and what belongs to it.
type Report struct {
	Name    string
	Rejects []File
	// Verdicts is the path of the file with what was verified by it, which need not be there.
	Verdicts string
	// Others are files beside it that may name anybody, and are left to their owner.
	Others []string
}

// A Search is where a person is looked for. All is of one base URL and project.
type Search struct {
	Keeper  journal.Keeper
	Reports []Report
	States  []*state.State // of the names that follow, held by the caller
	Names   []string
	Out     io.Writer // what is done is said there

	person *journal.Person
	found  int64
	byHand []string // files that are left to a person
	copied []journal.Copied
	lacks  map[string]int64 // rows of each reject file that name the person
}

// Contact erases who has the contact id, and says what was erased, and where.
func (s *Search) Contact(id string) error {
	s.person, s.lacks = journal.NewPerson(id), map[string]int64{}
	if err := s.learn(); err != nil {
		return err
	}
	for _, r := range s.Reports {
		for _, f := range r.Rejects {
			if err := s.look(f); err != nil {
				return err
			}
		}
		for _, other := range r.Others {
			if err := s.lookAtOther(other); err != nil {
				return err
			}
		}
	}
	for i := range s.Reports {
		if err := s.erase(&s.Reports[i]); err != nil {
			return err
		}
	}
	for i, st := range s.States {
		n, err := st.Forget(func(k contact.Key) bool { return s.person.Is(k, "", nil) }, s.person.Quotes)
		if err != nil {
			return err
		}
		s.tell(int64(n), "the state "+s.Names[i], "entry", "entries")
	}
	s.conclude(id)
	return nil
}

// learn finds out all that stands for the person, until nothing says more.
func (s *Search) learn() error {
	for more := true; more; {
		more = false
		for _, r := range s.Reports {
			m, err := s.person.Learn(s.Keeper, r.Name)
			if err != nil {
				return err
			}
			more = more || m
		}
		for _, st := range s.States {
			m, err := s.learnFrom(st)
			if err != nil {
				return err
			}
			more = more || m
		}
	}
	return nil
}

// page is how many contacts of a state are read at once.
const page = 1000

func (s *Search) learnFrom(st *state.State) (more bool, err error) {
	var after contact.Key
	for {
		entries, err := st.Entries(after, page)
		if err != nil || len(entries) == 0 {
			return more, err
		}
		for _, e := range entries {
			after = e.Key
			if s.person.Is(e.Key, e.ID, e.ContactIDs) {
				more = s.person.Know(e.Key, e.ContactIDs) || more
			}
		}
	}
}

// look finds out how many rows of a reject file name the person. One that was edited is
// left to whoever did that.
func (s *Search) look(f File) error {
	copied, n, err := digests(f.Open, f.Name, s.person)
	if err == nil && n == 0 {
		return nil
	}
	known := f.Stored
	for _, r := range s.Reports {
		if known || err != nil {
			break
		}
		known, err = journal.WroteFile(s.Keeper, r.Name, copied.Was)
	}
	switch {
	case err != nil:
		return err
	case !known:
		s.byHand = append(s.byHand, f.Told)
	default:
		s.lacks[f.Told] = n
	}
	s.copied = append(s.copied, copied)
	return nil
}

// lookAtOther takes note of a file that names the person and is not to be rewritten.
func (s *Search) lookAtOther(path string) error {
	in, err := files.OpenOrdinary(path)
	if err != nil {
		return err
	}
	n, err := withoutObjects(io.Discard, in, s.person) // line by line, whatever it is
	if err == nil && n > 0 {
		s.byHand = append(s.byHand, path)
	}
	return errors.Join(err, in.Close())
}

func (s *Search) erase(r *Report) error {
	n, err := s.person.Erase(s.Keeper, r.Name, s.copied...)
	if err != nil {
		return err
	}
	s.tell(n, "the report "+r.Name, "line", "lines")
	for _, f := range r.Rejects {
		if s.lacks[f.Told] == 0 {
			continue
		}
		err := f.Replace(func(w io.Writer, old io.Reader) (err error) {
			n, err = withoutRows(w, old, f.Name, s.person)
			return err
		})
		if err != nil {
			return err
		}
		s.tell(n, "the reject file "+f.Told, "row", "rows")
	}
	return s.eraseVerdicts(r.Verdicts)
}

func (s *Search) eraseVerdicts(path string) error {
	rewrite := func(w io.Writer) (n int64, err error) {
		in, err := files.OpenOrdinary(path)
		if err != nil {
			return 0, err
		}
		n, err = withoutVerdicts(w, in, s.person)
		return n, errors.Join(err, in.Close())
	}
	n, err := rewrite(io.Discard)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && n > 0 {
		err = files.Replace(path, func(w io.Writer) error { _, err := rewrite(w); return err })
	}
	if err != nil {
		return fmt.Errorf("the verdicts %s: %w", path, err)
	}
	s.tell(n, "the verdicts "+path, "line", "lines")
	return nil
}

// tell says what was erased somewhere.
func (s *Search) tell(n int64, where, one, many string) {
	if n == 0 {
		return
	}
	s.found += n
	fmt.Fprintf(s.Out, "%s: %s erased.\n", plain.Line(where), words.Plural(n, one, many))
}

func (s *Search) conclude(id string) {
	for _, path := range s.byHand {
		fmt.Fprintf(s.Out, "%s names the person, and a person may have worked on it: take them out of it by hand, or delete it.\n", plain.Line(path))
	}
	if s.found > 0 {
		fmt.Fprintln(s.Out, "The accounts are kept: keys, profile ids, statuses and places, which name nobody; the same import resumes. The profile in the project stays, and so does the source: an import of it writes the person down again.")
		return
	}
	if len(s.byHand) > 0 {
		return
	}
	looked := words.Plural(int64(len(s.Reports)), "report", "reports")
	if n := len(s.States); n > 0 {
		looked += " and " + words.Plural(int64(n), "state", "states")
	}
	fmt.Fprintf(s.Out, "Nothing was found of the contact id %s, in %s: nothing was changed.\n", plain.Line(strings.TrimSpace(id)), looked)
}
