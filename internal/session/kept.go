package session

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/store"
	"importer/internal/words"
	"importer/sink/journal"
)

// Kept is a report that is there, and where it is kept.
type Kept struct {
	Reports journal.Keeper
	Name    string

	session *Session   // nil: it is a file
	run     *store.Run // of the store; nil: it is a file
}

// Close frees what it takes to read the report.
func (k *Kept) Close() error {
	if k.session == nil {
		return nil
	}
	return k.session.Close()
}

// Settings are those of its last run, as JSON; nil where they were not kept.
func (k *Kept) Settings() []byte {
	if k.run == nil {
		return nil
	}
	return k.run.Config
}

// OpenKept says where a report is kept that is read by its name alone: in the store that
// flags, environment or configuration name, else it is a file. A store may hold several
// of a name; which is meant, say the base URL and the project, where they are set. With
// alters, a report of another project than these is refused.
func OpenKept(ctx context.Context, flags *pflag.FlagSet, name string, alters bool, env Env) (*Kept, error) {
	s, err := openReading(ctx, flags, env)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return &Kept{Reports: journal.Files{}, Name: name}, nil
	}
	k := &Kept{Name: s.kept(name), session: s}
	if k.run, err = s.mustPick(ctx, name); err == nil {
		err = s.tellOther(k.run, alters)
	}
	if err != nil {
		return nil, Also(err, s.Close())
	}
	k.Reports = s.Reports
	return k, nil
}

// openReading is a session with the store that flags, environment or configuration name;
// nil where they name none. It reads no source.
func openReading(ctx context.Context, flags *pflag.FlagSet, env Env) (*Session, error) {
	c, err := config.Unchecked(flags, nil, env.Getenv)
	if err != nil || c.Store == "" {
		return nil, err
	}
	c.Source.Paths, c.Progress, c.Log.Level, c.Mode = []string{"-"}, "none", "warn", "create"
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := New(c, env)
	if err != nil {
		return nil, err
	}
	if err := s.OpenStore(ctx); err != nil {
		return nil, Also(err, s.Close())
	}
	return s, nil
}

// tellOther says that a report is of another project than the settings name, which is no
// reason not to read it.
func (s *Session) tellOther(r *store.Run, alters bool) error {
	project := cmp.Or(s.Config.API.ProjectID, r.ProjectID)
	if cmp.Or(s.BaseURL, r.BaseURL) == r.BaseURL && project == r.ProjectID {
		return nil
	}
	text := fmt.Sprintf("the report %s in the store is of %s, and the settings name %s", contact.Printable(r.Name), projectAt(r.ProjectID, r.BaseURL), projectAt(project, cmp.Or(s.BaseURL, r.BaseURL)))
	if alters {
		return config.Errorf("%s: nothing was changed; name that project with --base-url and --project-id", text)
	}
	fmt.Fprintf(s.Env.Stderr, "%s.\n", text)
	return nil
}

// mustPick is pickReport of a report that has to be there, and that somebody named so.
func (s *Session) mustPick(ctx context.Context, named string) (*store.Run, error) {
	name := s.kept(named)
	there := isFile(named)
	if there && filepath.Base(named) != named {
		return nil, config.Errorf("%s is a file, and %s keeps reports by their names: leave the store out to read the file (%s), name the report as %s, or put the file into the store with importer report FILE --to-store NAME",
			contact.Printable(named), s.store.Name(), s.storeFrom(), contact.Printable(name))
	}
	run, err := s.pickReport(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case run == nil && there:
		return nil, config.Errorf("the store %s has no report %s, but there is a file of that name here: leave the store out to read it (%s), or put it into the store with importer report %s --to-store %s",
			s.store.Name(), contact.Printable(name), s.storeFrom(), contact.Printable(named), contact.Printable(name))
	case run == nil:
		return nil, s.nothingNamed(ctx, name)
	case there:
		fmt.Fprintf(s.Env.Stderr, "This is the report %s of the store; the file of that name here is not looked at.\n", contact.Printable(name))
	}
	return run, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// storeFrom is where the settings have the store from.
func (s *Session) storeFrom() string {
	switch {
	case s.Config.StoreGiven:
		return "--store"
	case s.Config.StoreInFile:
		return "store in " + s.Config.File
	}
	return "$IMPORTER_STORE"
}

// maxListed is how many reports are listed at most where none has the name.
const maxListed = 20

// nothingNamed says which reports there are where none has a name, those first whose names
// are most like it.
func (s *Session) nothingNamed(ctx context.Context, name string) error {
	all, err := s.reportsThere(ctx, "")
	if err != nil {
		return err
	}
	text := fmt.Sprintf("the store %s has no report %s", s.store.Name(), contact.Printable(name))
	if len(all) == 0 {
		return config.Errorf("%s, and no other", text)
	}
	var there []string
	for _, r := range all {
		there = append(there, r.Name)
	}
	slices.Sort(there)
	there = slices.Compact(there)
	slices.SortStableFunc(there, func(a, b string) int { return cmp.Compare(alike(b, name), alike(a, name)) })
	for i := range there {
		there[i] = contact.Printable(there[i])
	}
	listed := strings.Join(there[:min(len(there), maxListed)], ", ")
	if n := len(there) - maxListed; n > 0 {
		listed += fmt.Sprintf(" and %s more", words.Comma(n))
	}
	return config.Errorf("%s; it has %s", text, listed)
}

// alike is how much two names are alike: one within the other, else how they begin.
func alike(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if strings.Contains(a, b) || strings.Contains(b, a) {
		return 1000 - max(len(a), len(b)) + min(len(a), len(b))
	}
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// reportsThere are the reports of a name that have a line; empty is any.
func (s *Session) reportsThere(ctx context.Context, name string) ([]store.Run, error) {
	all, err := s.store.Find(ctx, store.KindReport, name, "", "")
	return slices.DeleteFunc(all, func(r store.Run) bool { return r.Size == 0 }), err
}

// pickReport has the session read the report of that name that there is in the store,
// whatever project it is of, where the settings do not say which. It is nil where there
// is none.
func (s *Session) pickReport(ctx context.Context, name string) (*store.Run, error) {
	all, err := s.reportsThere(ctx, name)
	if err != nil {
		return nil, err
	}
	named := slices.DeleteFunc(slices.Clone(all), func(r store.Run) bool {
		return s.BaseURL != "" && r.BaseURL != s.BaseURL || s.Config.API.ProjectID != "" && r.ProjectID != s.Config.API.ProjectID
	})
	if len(named) == 0 && len(all) == 1 {
		named = all
	}
	switch {
	case len(all) == 0:
		return nil, nil
	case len(named) == 1:
		s.Reports = s.store.Reports(named[0].BaseURL, named[0].ProjectID)
		return &named[0], nil
	}
	var of []string
	for _, r := range all {
		of = append(of, projectAt(r.ProjectID, r.BaseURL))
	}
	return nil, config.Errorf("the store holds %d reports %s, of %s: say which with $COGNIGY_BASE_URL and $COGNIGY_PROJECT_ID, or --base-url and --project-id",
		len(all), contact.Printable(name), strings.Join(of, ", "))
}
