package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"importer/internal/config"
	"importer/internal/erase"
	"importer/internal/files"
	"importer/internal/state"
	"importer/internal/store"
	"importer/sink/journal"
	"importer/sink/rejects"
)

// EraseContact takes the person with a contact id out of a report and those set aside under
// its name, of what belongs to them, and of the states of their project. Without a name it
// is all reports of the project that there are in the store. Verdicts is what the name of a
// report has behind it in that of the file with what was verified by it.
func EraseContact(ctx context.Context, flags *pflag.FlagSet, name, id, verdicts string, env Env) (err error) {
	s, err := openReading(ctx, flags, env)
	if err != nil {
		return err
	}
	search := &erase.Search{Out: env.Stdout}
	defer func() {
		for _, st := range search.States {
			err = Also(err, st.Close())
		}
		if s != nil {
			err = Also(err, s.Close())
		}
	}()
	switch {
	case s != nil:
		err = s.eraseInStore(ctx, search, name, verdicts)
	case name == "":
		return config.Errorf("--contact needs the report that names the person; with a store (--store, $IMPORTER_STORE) it may be left out, for all of a project")
	default:
		err = eraseInFiles(flags, search, name, verdicts, env)
	}
	if err != nil {
		return err
	}
	return search.Contact(id)
}

// eraseInFiles has a report that is a file be searched, and what lies beside it.
func eraseInFiles(flags *pflag.FlagSet, search *erase.Search, name, verdicts string, env Env) error {
	search.Keeper = journal.Files{}
	header, err := journal.ReadHeader(search.Keeper, name)
	if err != nil {
		return err
	}
	names, err := search.Keeper.Aside(name)
	if err != nil {
		return err
	}
	for _, report := range append(names, name) {
		h, err := journal.ReadHeader(search.Keeper, report)
		if err != nil {
			return fmt.Errorf("%w; what it says of the person stays, as does all else: move it away, or repair it", err)
		}
		if h.BaseURL == header.BaseURL && h.ProjectID == header.ProjectID {
			search.Reports = append(search.Reports, erase.Report{Name: report, Verdicts: report + verdicts})
		}
	}
	if err := besideReport(&search.Reports[len(search.Reports)-1], name); err != nil {
		return err
	}
	c, err := config.Unchecked(flags, nil, env.Getenv)
	if err != nil {
		return err
	}
	aside, err := files.Numbered(c.Sync.State)
	if err != nil {
		return err
	}
	for _, path := range append(aside, c.Sync.State) {
		if !isFile(path) {
			continue
		}
		st, err := state.Open(path, state.Options{BaseURL: header.BaseURL, ProjectID: header.ProjectID, Unnamed: !c.StateNamed, Stay: true})
		if _, other := errors.AsType[*state.MismatchError](err); other {
			continue
		}
		if err != nil {
			return err
		}
		search.States, search.Names = append(search.States, st), append(search.Names, path)
	}
	return nil
}

// besideReport adds the files that lie beside a report.
func besideReport(r *erase.Report, name string) error {
	written, err := rejects.Beside(name)
	if err != nil {
		return err
	}
	for _, path := range written {
		r.Rejects = append(r.Rejects, erase.File{Name: filepath.Base(path), Told: path, Open: sourceOf(path), Replace: func(write func(io.Writer, io.Reader) error) error {
			old, err := files.OpenOrdinary(path)
			if err != nil {
				return err
			}
			return Also(files.Replace(path, func(w io.Writer) error {
				if _, err := old.Seek(0, io.SeekStart); err != nil {
					return err
				}
				return write(w, old)
			}), old.Close())
		}})
	}
	r.Others, err = rejects.SetAside(name)
	for _, path := range []string{rejects.Base(name) + ".check.csv", rejects.Base(name) + ".check.ndjson"} {
		if isFile(path) {
			r.Others = append(r.Others, path)
		}
	}
	return err
}

// eraseInStore has the reports of a store be searched.
func (s *Session) eraseInStore(ctx context.Context, search *erase.Search, name, verdicts string) error {
	runs, err := s.runsOf(ctx, name)
	if err != nil {
		return err
	}
	search.Keeper = s.Reports
	for _, r := range runs {
		report := erase.Report{Name: r.Name, Verdicts: r.Name + verdicts}
		if err := besideReport(&report, r.Name); err != nil {
			return err
		}
		kept, err := s.store.Files(ctx, r.Number)
		if err != nil {
			return err
		}
		for _, file := range kept {
			report.Rejects = append(report.Rejects, s.storedFile(ctx, r, file))
		}
		search.Reports = append(search.Reports, report)
	}
	states, err := s.store.Find(ctx, store.KindState, "", runs[0].BaseURL, runs[0].ProjectID)
	if err != nil {
		return err
	}
	for _, r := range states {
		shelf := s.store.Shelf(r.BaseURL, r.ProjectID, r.Name)
		if there, err := shelf.Exists(ctx); err != nil || !there {
			if err != nil {
				return err
			}
			continue
		}
		st, err := state.Open(r.Name, state.Options{BaseURL: r.BaseURL, ProjectID: r.ProjectID, Stay: true, Shelf: shelf})
		if err != nil {
			return err
		}
		search.States, search.Names = append(search.States, st), append(search.Names, r.Name)
	}
	return nil
}

// runsOf are the reports of a name and those set aside under it, or all of the project where
// the name is empty. It has the session read that project's.
func (s *Session) runsOf(ctx context.Context, name string) (runs []store.Run, err error) {
	project := store.ID{BaseURL: s.BaseURL, ProjectID: s.Config.API.ProjectID}
	var names []string
	if name != "" {
		run, err := s.mustPick(ctx, name)
		if err == nil {
			err = s.tellOther(run, true)
		}
		if err != nil {
			return nil, err
		}
		project = run.ID
		if names, err = s.Reports.Aside(run.Name); err != nil {
			return nil, err
		}
		names = append(names, run.Name)
	}
	all, err := s.store.Find(ctx, store.KindReport, "", project.BaseURL, project.ProjectID)
	if err != nil {
		return nil, err
	}
	var projects []string
	for _, r := range all {
		if r.Size == 0 || names != nil && !slices.Contains(names, r.Name) {
			continue
		}
		runs = append(runs, r)
		projects = append(projects, projectAt(r.ProjectID, r.BaseURL))
	}
	slices.Sort(projects)
	switch projects = slices.Compact(projects); len(projects) {
	case 0:
		return nil, config.Errorf("the store %s has no report of %s", s.store.Name(), projectAt(project.ProjectID, project.BaseURL))
	case 1:
		s.Reports = s.store.Reports(runs[0].BaseURL, runs[0].ProjectID)
		return runs, nil
	}
	return nil, config.Errorf("the store %s holds reports of %s: say of which the person is to be erased with $COGNIGY_BASE_URL and $COGNIGY_PROJECT_ID, or --base-url and --project-id; nothing was changed",
		s.store.Name(), strings.Join(projects[:min(len(projects), maxListed)], ", "))
}

// storedFile is a file that the store keeps beside a report.
func (s *Session) storedFile(ctx context.Context, r store.Run, name string) erase.File {
	open := func() (io.ReadCloser, error) { return s.store.File(ctx, r.Number, name) }
	return erase.File{Name: name, Told: name + " of " + r.Name + " in the store", Stored: true, Open: open, Replace: func(write func(io.Writer, io.Reader) error) error {
		claim, err := s.store.Claim(ctx, r.ID)
		if err != nil {
			return err
		}
		err = claim.PutFiles(ctx, false, map[string]store.Source{name: func() (io.ReadCloser, error) {
			old, err := open()
			if err != nil {
				return nil, err
			}
			from, to := io.Pipe()
			go func() { to.CloseWithError(Also(write(to, old), old.Close())) }() // ends when from is closed
			return from, nil
		}})
		return Also(err, claim.Release())
	}}
}
