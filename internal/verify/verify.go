// Package verify reads back the profiles that a report says were written, compares them
// with the rows of the source, and keeps the verdicts in a file beside the report, from
// which a verification that was interrupted goes on.
package verify

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"importer/importer"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/files"
	"importer/internal/state"
	"importer/sink"
)

// Suffix makes the name of the file with the verdicts from the report's.
const Suffix = ".verify"

// verdictsEnd is the last line of a verification that went to its end.
const verdictsEnd = `{"end":true}` + "\n"

// Options say what is verified.
type Options struct {
	Report  string         // the path
	Written *state.Written // what the report says was written
	Redact  bool           // the verdicts show no contact data
}

// A Verification is one verification of a report: opened, run and closed once.
type Verification struct {
	Options
	log      zerolog.Logger
	verdicts *os.File
	reader   *importer.Reader
	listed   *state.Listing // nil: profiles are read one by one
	whole    bool           // who is not listed is not in the project
	total    int            // of the rows to verify
	done     atomic.Int64

	mu       sync.Mutex // over what follows, and over writes to verdicts
	counts   map[change.Verdict]int64
	shown    []Line                // the first that are not as they should be
	failures []contact.FailureLine // the groups of those
}

const (
	maxShown    = 50  // profiles that are not as they should be; the file has all
	maxFailures = 100 // groups of them
)

// New is a verification that has found nothing yet. The caller closes it.
func New(o Options) *Verification {
	return &Verification{Options: o, counts: map[change.Verdict]int64{}}
}

// Open counts what is to be verified, and takes in what an interrupted verification
// found. doubtful are the rows that may be in or not.
func (v *Verification) Open(doubtful iter.Seq[contact.Key]) (err error) {
	if v.total, err = v.Written.Verifiable(doubtful); err != nil {
		return err
	}
	return v.openVerdicts()
}

// Close closes what Open and Run opened. The file of the verdicts stays.
func (v *Verification) Close() error {
	var err error
	if v.listed != nil {
		err = v.listed.Close()
	}
	if v.verdicts != nil {
		err = errors.Join(err, v.verdicts.Close())
	}
	return err
}

// Total is how many rows there are to verify, and Done how many of them have a verdict.
func (v *Verification) Total() int64 { return int64(v.total) }

// Done may be called while Run runs.
func (v *Verification) Done() int64 { return v.done.Load() }

// Run reads the profiles of all rows that have no verdict yet, by the options of
// importer.NewReader and with so many workers. rows are those of the source.
func (v *Verification) Run(ctx context.Context, rows iter.Seq2[contact.Row, error], o importer.Options) error {
	reader, stop := importer.NewReader(ctx, o)
	defer stop()
	v.reader, v.log = reader, o.Log
	err := v.list(v.total - int(v.done.Load()))
	if err == nil {
		err = v.walk(ctx, rows, o.Workers)
	}
	if ended := reader.Ended(); ended != nil {
		return ended
	}
	if err != nil {
		return err
	}
	if _, err := v.verdicts.WriteString(verdictsEnd); err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	return nil
}

// walk verifies what the source holds, then what it does not hold any more, several
// profiles at once. The first error ends it.
func (v *Verification) walk(ctx context.Context, rows iter.Seq2[contact.Row, error], workers int) error {
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(workers)
	err := v.walkSource(ctx, rows, readers)
	if err == nil {
		err = v.walkRest(ctx, readers)
	}
	return errors.Join(err, readers.Wait())
}

func (v *Verification) walkSource(ctx context.Context, rows iter.Seq2[contact.Row, error], readers *errgroup.Group) error {
	for row, err := range rows {
		if _, invalid := errors.AsType[*contact.RowError](err); invalid {
			continue
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		w, ok, err := v.Written.Get(row.Key)
		if err != nil {
			return err
		}
		if !ok || !w.Doubt && w.Digest != row.Digest || w.Seen {
			continue // never written, or in another version
		}
		if err := v.Written.See(row.Key); err != nil {
			return err
		}
		w.Place = contact.Place{Source: row.Source, Line: row.Line}
		if len(w.ContactIDs) == 0 { // in doubt, or of a redacted report
			w.ContactIDs = row.Profile.ContactIDs
		}
		readers.Go(func() error { return v.one(w, &row.Profile) })
	}
	return nil
}

func (v *Verification) walkRest(ctx context.Context, readers *errgroup.Group) error {
	for rows, err := range v.Written.Unseen() {
		if err != nil || ctx.Err() != nil {
			return err
		}
		for _, w := range rows {
			readers.Go(func() error { return v.one(w, nil) })
		}
	}
	return nil
}

// one reads and judges one profile, if it is to be there as its row said; want is nil
// where there is nothing to compare it with. What cannot be read is a verdict, too,
// as long as others can be.
func (v *Verification) one(w change.WrittenRow, want *contact.Profile) error {
	if w.Status == contact.Existing {
		want = nil
	}
	l := Line{Key: w.Key, ID: w.ID, Source: w.Place.Source, Line: w.Place.Line, ContactIDs: w.ContactIDs}
	err := v.judge(&l, w.Doubt, want)
	if ended := v.reader.Ended(); ended != nil {
		return ended
	}
	if problem, failed := errors.AsType[*contact.APIError](err); failed {
		l.Verdict, l.Reason = change.VerdictUnverifiable, problem.Error()
	} else if err != nil {
		return err
	}
	if v.Redact {
		l.ContactIDs = nil
		if problem, failed := errors.AsType[*contact.APIError](err); failed {
			l.Reason = fmt.Sprintf("it cannot be read: HTTP %d", problem.HTTP)
		}
		for i := range l.Differences {
			l.Differences[i].Expected, l.Differences[i].Found = "", ""
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := sink.WriteJSON(v.verdicts, l); err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	v.count(l)
	return nil
}

// judge finds the profile of a row, and sets the verdict.
func (v *Verification) judge(l *Line, doubt bool, want *contact.Profile) error {
	compare := func(f contact.Found) {
		if l.Verdict = change.VerdictThere; want != nil {
			l.Verdict, l.Differences = change.Verify(f, *want)
		}
	}
	switch {
	case doubt:
		l.Verdict, l.Reason = change.VerdictUnverifiable, "the report does not know whether it is in: the same import, run again, looks it up"
		return nil
	case l.ID == "" && len(l.ContactIDs) > 0:
		found, err := v.reader.Find(l.ContactIDs[0])
		if len(found) == 1 {
			l.ID = found[0].ID
			compare(found[0])
			return nil
		}
		l.Verdict, l.Reason = change.VerdictUnverifiable, fmt.Sprintf("its profile id is not in the report, and a look-up finds %d profiles", len(found))
		return err
	case l.ID == "":
		l.Verdict, l.Reason = change.VerdictUnverifiable, "neither its profile id nor a contact id is in the report"
		return nil
	}
	contactIDs := l.ContactIDs
	if v.listed != nil {
		f, there, err := v.listed.Get(l.ID)
		if err != nil {
			return err
		}
		if there {
			compare(f)
			if l.Verdict != change.VerdictDiffers {
				return nil
			}
		} else if v.whole {
			contactIDs = nil
		}
	}
	// A page may have missed it, or not show all of it: it is asked for.
	f, there, err := v.reader.Get(l.ID, contactIDs)
	if l.Verdict, l.Differences = change.VerdictMissing, nil; there {
		compare(f)
	}
	return err
}

// list reads the whole list where that costs less than so many reads. The first
// page says how long it is. Of a list that does not end, or fails, what was read by
// then is used all the same, and the rest is read one by one.
func (v *Verification) list(reads int) error {
	if reads <= 1 {
		return nil
	}
	asked, total := 0, 0
	for page, err := range change.Pages(func(q contact.ListQuery) (contact.ListPage, error) {
		asked++
		return v.reader.List(q)
	}, contact.ListQuery{}) {
		if err != nil {
			v.log.Warn().Err(err).Msg("the list of the project cannot be read; the rest is read one by one")
			return v.reader.Ended()
		}
		total = max(total, page.Total)
		switch {
		case v.listed == nil && page.Total/change.PageSize >= reads:
			return nil // one by one is cheaper
		case v.listed == nil:
			v.listed = &state.Listing{}
		}
		if _, err := v.listed.Add(page.Profiles); err != nil || asked >= reads {
			return err
		}
	}
	v.whole = total > 0 && v.listed.Len() >= total
	return nil
}

// openVerdicts opens REPORT.verify, and takes in what an interrupted verification
// found. One that went to its end is forgotten.
func (v *Verification) openVerdicts() (err error) {
	path := v.Report + Suffix
	if v.verdicts, err = files.Open(path, os.O_RDWR|os.O_CREATE); err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	whole, err := v.readVerdicts()
	if err == nil && whole == 0 {
		err = v.holdsVerdicts()
	}
	if err == nil {
		err = v.verdicts.Truncate(whole)
	}
	if err == nil {
		_, err = v.verdicts.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("the verdicts in %s: %w; remove the file to begin anew", path, err)
	}
	return nil
}

// holdsVerdicts is an error where the file begins with something else than a line of
// this program: it is not written over.
func (v *Verification) holdsVerdicts() error {
	first := make([]byte, 1)
	if n, err := v.verdicts.ReadAt(first, 0); n == 0 && err == io.EOF || n == 1 && first[0] == '{' {
		return nil
	} else if n == 0 {
		return err
	}
	return errors.New("they are none")
}

func endsWith(f *os.File, end string) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() < int64(len(end)) {
		return false, err
	}
	tail := make([]byte, len(end))
	_, err = f.ReadAt(tail, info.Size()-int64(len(end)))
	return string(tail) == end, err
}

// readVerdicts takes in the complete lines, and returns how long they are together.
// What was not verifiable is tried again: of several lines of a key the last holds.
func (v *Verification) readVerdicts() (whole int64, err error) {
	if ended, err := endsWith(v.verdicts, verdictsEnd); ended || err != nil {
		return 0, err
	}
	for r := bufio.NewReader(v.verdicts); ; {
		b, err := r.ReadBytes('\n')
		if err == io.EOF {
			return whole, nil
		}
		var l Line
		if err == nil {
			err = json.Unmarshal(b, &l)
		}
		if err == nil && l.Verdict == "" {
			err = errors.New("there is a line without a verdict")
		}
		if err == nil && l.Verdict != change.VerdictUnverifiable {
			err = v.Written.See(l.Key)
		}
		if err != nil {
			return whole, err
		}
		if l.Verdict != change.VerdictUnverifiable {
			v.count(l)
		}
		whole += int64(len(b))
	}
}

// count takes note of a verdict. The caller holds mu, or is alone.
func (v *Verification) count(l Line) {
	v.done.Add(1)
	v.counts[l.Verdict]++
	for _, f := range l.failures() {
		switch i := slices.IndexFunc(v.failures, func(g contact.FailureLine) bool { return g.Status == f.Status && g.Field == f.Field }); {
		case i >= 0:
			v.failures[i].Count++
		case len(v.failures) < maxFailures:
			v.failures = append(v.failures, f)
		}
	}
	if l.Verdict != change.VerdictSame && l.Verdict != change.VerdictThere && len(v.shown) < maxShown {
		v.shown = append(v.shown, l)
	}
}

// A Result is what a verification found by the time that it ended.
type Result struct {
	Same         int64  `json:"same"`
	Differs      int64  `json:"differs"`
	Missing      int64  `json:"missing"`
	There        int64  `json:"there"`
	Unverifiable int64  `json:"unverifiable"`
	Left         int64  `json:"left"`
	Requests     int64  `json:"requests"` // the caller's
	Verdicts     string `json:"verdicts"` // the path of the file
	Examples     []Line `json:"examples"`
	// Failures are what is not as it should be, in groups, the largest first: of a profile
	// that differs in several fields one for each.
	Failures []contact.FailureLine `json:"failures"`
}

// Result is what was found. It is not called while Run runs.
func (v *Verification) Result() Result {
	failures := slices.Clone(v.failures)
	slices.SortStableFunc(failures, func(a, b contact.FailureLine) int { return cmp.Compare(b.Count, a.Count) })
	return Result{
		Failures: failures,
		Same:     v.counts[change.VerdictSame], Differs: v.counts[change.VerdictDiffers], Missing: v.counts[change.VerdictMissing],
		There: v.counts[change.VerdictThere], Unverifiable: v.counts[change.VerdictUnverifiable],
		Left: v.Total() - v.Done(), Verdicts: v.Report + Suffix, Examples: v.shown,
	}
}

// AllIn tells whether no row was found that is not as it should be.
func (r Result) AllIn() bool { return r.Differs+r.Missing+r.Unverifiable == 0 }
