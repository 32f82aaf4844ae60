package session

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"importer/internal/files"
	"importer/internal/rejectfile"
	"importer/internal/store"
	"importer/sink/rejects"
)

// KeepRejects keeps the reject files that the run has written in the store as well, where
// there is one. A run that did not see all rows takes nothing away there.
func (s *Session) KeepRejects(ctx context.Context, written rejects.Committed, complete bool) error {
	if s.store == nil {
		return nil
	}
	claim := s.store.Held(s.reportID(s.Path))
	whole := complete && !s.Rejects.Partly
	if claim == nil || !whole && len(written.Paths) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // whoever interrupts a run wants what it refused
	there, err := s.store.Files(ctx, claim.Run())
	keep := map[string]store.Source{}
	for _, path := range written.Paths {
		name := filepath.Base(path)
		switch taken := slices.Contains(there, name); {
		case taken && !complete:
			name += ".tmp"
		case taken && !whole && !s.Rejects.Reads(path): // the one that is there holds other rows
			name = nextFree(name, there)
		}
		keep[name] = sourceOf(path)
	}
	if err == nil {
		err = claim.PutFiles(ctx, whole, keep)
	}
	if err != nil {
		return fmt.Errorf("keeping the reject file in the store: %w", err)
	}
	return nil
}

// nextFree is the first of NAME.1, NAME.2 … that is not among names.
func nextFree(name string, names []string) string {
	for n := 1; ; n++ {
		if next := fmt.Sprintf("%s.%d", name, n); !slices.Contains(names, next) {
			return next
		}
	}
}

func sourceOf(path string) store.Source {
	return func() (io.ReadCloser, error) { return files.OpenOrdinary(path) }
}

// reportID is how the store knows a report of the project of the session.
func (s *Session) reportID(name string) store.ID {
	return store.ID{Kind: store.KindReport, BaseURL: s.BaseURL, ProjectID: s.Config.API.ProjectID, Name: store.ReportName(name)}
}

// Dropper removes the reject files that the store keeps with a report; nil where there is
// no store.
func (s *Session) Dropper(ctx context.Context) func(report string) error {
	if s.store == nil {
		return nil
	}
	return func(report string) error {
		_, err := s.dropFiles(ctx, s.reportID(report))
		return err
	}
}

// dropFiles removes what the store keeps beside a report, and returns the names. A
// *store.HeldError says that another process has the report.
func (s *Session) dropFiles(ctx context.Context, id store.ID) (names []string, err error) {
	runs, err := s.store.Find(ctx, id.Kind, id.Name, id.BaseURL, id.ProjectID)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	if names, err = s.store.Files(ctx, runs[0].Number); err != nil || len(names) == 0 {
		return nil, err
	}
	claim, err := s.store.Claim(ctx, id)
	if err != nil {
		return nil, err
	}
	return names, Also(claim.PutFiles(ctx, true, nil), claim.Release())
}

// DropRejects removes the reject files that a store keeps with the report, and returns
// their names. What lies beside a report that is a file stays.
func (k *Kept) DropRejects(ctx context.Context) ([]string, error) {
	if k.run == nil {
		return nil, nil
	}
	return k.session.dropFiles(ctx, k.run.ID)
}

// A RejectFile is one that is kept with a report.
type RejectFile struct {
	Name string // without a folder
	Open func() (io.ReadCloser, error)
}

// RejectFiles are those of the report: beside it, or in the store.
func (k *Kept) RejectFiles(ctx context.Context) (all []RejectFile, err error) {
	if k.run == nil {
		paths, err := rejects.Beside(k.Name)
		for _, path := range paths {
			all = append(all, RejectFile{filepath.Base(path), sourceOf(path)})
		}
		return all, err
	}
	names, err := k.session.store.Files(ctx, k.run.Number)
	for _, name := range names {
		if !rejectfile.IsNamed(name) || filepath.Base(name) != name {
			return nil, fmt.Errorf("the store %s keeps a file %q beside the report %s, which no import writes: remove it there", k.session.store.Name(), name, k.Name)
		}
		all = append(all, RejectFile{name, func() (io.ReadCloser, error) { return k.session.store.File(ctx, k.run.Number, name) }})
	}
	return all, err
}
