package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"importer/importer"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/state"
	"importer/sink"
	"importer/sink/journal"
)

func newVerifyCommand(env Env) *cobra.Command {
	cmd := lookingBack(&cobra.Command{
		Use:   "verify REPORT",
		Short: "Read back what a report says was written, compare, say what differs",
		Long: `Read back the profiles that a report says were created, updated or found as
they should be, and compare every field that the mapping names with the source.
The sources are those of the report, read with the same configuration, or others
that are named. Where a row has changed since, or its profile was there before,
verify only looks whether the profile is there.

The project is listed, 100 profiles a request, where that costs less than reading
the profiles one by one. The verdicts are written to REPORT.verify, one JSON object
a line: a verification that was interrupted goes on from there. The exit code is 3
where a profile differs, is missing, or cannot be verified: it cannot be read, its
profile id is not known and no look-up finds it, or the report is in doubt itself.`,
		Example: "  importer verify contacts.csv.report.ndjson",
	}, env, (*lookBack).verify)
	addFlags(cmd, sourceFlags...)
	return cmd
}

// verdictsSuffix makes the name of the file with the verdicts from the report's.
const verdictsSuffix = ".verify"

// A verdictLine is a line of REPORT.verify.
type verdictLine struct {
	Key         contact.Key         `json:"key"`
	ID          string              `json:"_id,omitempty"`
	Source      string              `json:"source,omitempty"`
	Line        int                 `json:"line,omitzero"`
	ContactIDs  []string            `json:"contactIds,omitempty"`
	Verdict     change.Verdict      `json:"verdict"`
	Differences []change.Difference `json:"differences,omitempty"`
	Reason      string              `json:"reason,omitempty"` // why it is not verifiable
}

// verdictsEnd is the last line of a verification that went to its end.
const verdictsEnd = `{"end":true}` + "\n"

// A verification is one run of the command.
type verification struct {
	*lookBack
	verdicts *os.File
	reader   *importer.Reader
	listed   *state.Listing // nil: profiles are read one by one
	whole    bool           // who is not listed is not in the project
	total    int            // of the rows to verify
	done     atomic.Int64

	mu     sync.Mutex // over what follows, and over writes to verdicts
	counts map[change.Verdict]int64
	shown  []verdictLine // the first that are not as they should be
}

const maxShown = 50 // profiles that are not as they should be; the file has all

func (b *lookBack) verify(ctx context.Context) error {
	v := &verification{lookBack: b, counts: map[change.Verdict]int64{}}
	err := v.open()
	if err == nil {
		err = v.readAll(ctx)
	}
	if err == nil {
		if _, err = v.verdicts.WriteString(verdictsEnd); err != nil {
			err = fmt.Errorf("the verdicts: %w", err)
		}
	}
	allIn := v.counts[change.VerdictDiffers]+v.counts[change.VerdictMissing]+v.counts[change.VerdictUnverifiable] == 0
	return result(ctx, contact.Complete, allIn, also(err, v.printVerdicts(err, allIn)))
}

// open reads the report, what an interrupted verification found, and opens the source.
func (v *verification) open() error {
	if err := eachOutcome(v.path, 0, v.written.Record); err != nil {
		return err
	}
	keys, err := journal.ReadKeys(v.path)
	if err != nil {
		return err
	}
	if v.total, err = v.written.Verifiable(keys.Doubtful()); err != nil {
		return err
	}
	if err := v.openVerdicts(); err != nil {
		return err
	}
	if err := v.openSource(); err != nil {
		return fmt.Errorf("the source of the report: %w; name another with --source", err)
	}
	return nil
}

// readAll reads the profiles of all rows that have no verdict yet.
func (v *verification) readAll(ctx context.Context) error {
	reader, stop := importer.NewReader(ctx, importer.Options{
		API: v.client, Pacer: v.pacer, Log: v.log, Progress: &v.progress,
		Workers: v.c.Workers, Retries: v.c.Retries, Settle: v.c.InDoubt.Settle, GiveUpAfter: v.c.GiveUpAfter, GiveUpAtStart: v.c.GiveUpAtStart,
	})
	defer stop()
	v.reader = reader
	defer v.show(int64(v.total), v.done.Load)()
	err := v.list(v.total - int(v.done.Load()))
	if err == nil {
		err = v.walk(ctx)
	}
	if ended := reader.Ended(); ended != nil {
		return ended
	}
	return err
}

// walk verifies what the source holds, then what it does not hold any more, several
// profiles at once. The first error ends it.
func (v *verification) walk(ctx context.Context) error {
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(v.c.Workers)
	err := v.walkSource(ctx, readers)
	if err == nil {
		err = v.walkRest(ctx, readers)
	}
	return errors.Join(err, readers.Wait())
}

func (v *verification) walkSource(ctx context.Context, readers *errgroup.Group) error {
	for row, err := range v.input.Rows() {
		if _, invalid := errors.AsType[*contact.RowError](err); invalid {
			continue
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		w, ok, err := v.written.Get(row.Key)
		if err != nil {
			return err
		}
		if !ok || !w.Doubt && w.Digest != row.Digest || w.Seen {
			continue // never written, or in another version
		}
		if err := v.written.See(row.Key); err != nil {
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

func (v *verification) walkRest(ctx context.Context, readers *errgroup.Group) error {
	for rows, err := range v.written.Unseen() {
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
func (v *verification) one(w change.WrittenRow, want *contact.Profile) error {
	if w.Status == contact.Existing {
		want = nil
	}
	l := verdictLine{Key: w.Key, ID: w.ID, Source: w.Place.Source, Line: w.Place.Line, ContactIDs: w.ContactIDs}
	err := v.judge(&l, w.Doubt, want)
	if ended := v.reader.Ended(); ended != nil {
		return ended
	}
	if problem, failed := errors.AsType[*contact.APIError](err); failed {
		l.Verdict, l.Reason = change.VerdictUnverifiable, problem.Error()
	} else if err != nil {
		return err
	}
	if v.c.Report.Redact {
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
func (v *verification) judge(l *verdictLine, doubt bool, want *contact.Profile) error {
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
func (v *verification) list(reads int) error {
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
			v.onClose(v.listed.Close)
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
func (v *verification) openVerdicts() (err error) {
	path := v.path + verdictsSuffix
	v.verdicts, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err := v.keep(v.verdicts, err); err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	whole, err := v.readVerdicts()
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
func (v *verification) readVerdicts() (whole int64, err error) {
	if ended, err := endsWith(v.verdicts, verdictsEnd); ended || err != nil {
		return 0, err
	}
	for r := bufio.NewReader(v.verdicts); ; {
		b, err := r.ReadBytes('\n')
		if err == io.EOF {
			return whole, nil
		}
		var l verdictLine
		if err == nil {
			err = json.Unmarshal(b, &l)
		}
		if err == nil && l.Verdict == "" {
			err = errors.New("there is a line without a verdict")
		}
		if err == nil && l.Verdict != change.VerdictUnverifiable {
			err = v.written.See(l.Key)
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
func (v *verification) count(l verdictLine) {
	v.done.Add(1)
	v.counts[l.Verdict]++
	if l.Verdict != change.VerdictSame && l.Verdict != change.VerdictThere && len(v.shown) < maxShown {
		v.shown = append(v.shown, l)
	}
}

// printVerdicts says what was found by the time that the verification ended, with an
// error or with none.
func (v *verification) printVerdicts(ended error, allIn bool) error {
	left := int64(v.total) - v.done.Load()
	if ended != nil && !v.c.JSON && v.done.Load() == 0 {
		return nil
	}
	status := stoppedBy(contact.Summary{Status: contact.Complete}, ended)
	requests, path := v.progress.Snapshot().Requests, v.path+verdictsSuffix
	var text strings.Builder
	for _, l := range v.shown {
		writeVerdict(&text, l)
	}
	if len(v.shown) > 0 {
		text.WriteByte('\n')
	}
	text.WriteString(tell([]tally{
		{v.counts[change.VerdictSame], "%10d  as they were sent"},
		{v.counts[change.VerdictDiffers], "%10d  differ"},
		{v.counts[change.VerdictMissing], "%10d  missing"},
		{v.counts[change.VerdictThere], "%10d  there, and not compared: they were there before, or the source does not hold that version of their rows any more"},
		{v.counts[change.VerdictUnverifiable], "%10d  cannot be verified: see the reasons"},
		{left, "%10d  not verified yet: the same command goes on with them"},
	}))
	fmt.Fprintf(&text, "%10d  requests; all verdicts are in %s\n", requests, path)
	return v.print(ended == nil && allIn, struct {
		Status       contact.RunStatus `json:"status"`
		Reason       string            `json:"reason,omitempty"`
		Same         int64             `json:"same"`
		Differs      int64             `json:"differs"`
		Missing      int64             `json:"missing"`
		There        int64             `json:"there"`
		Unverifiable int64             `json:"unverifiable"`
		Left         int64             `json:"left"`
		Requests     int64             `json:"requests"`
		Verdicts     string            `json:"verdicts"`
		Examples     []verdictLine     `json:"examples"`
	}{status.Status, status.Reason, v.counts[change.VerdictSame], v.counts[change.VerdictDiffers], v.counts[change.VerdictMissing],
		v.counts[change.VerdictThere], v.counts[change.VerdictUnverifiable], left, requests, path, v.shown}, text.String())
}

// writeVerdict says what is wrong with a profile that is missing or differs.
func writeVerdict(text *strings.Builder, l verdictLine) {
	where := cmp.Or(l.ID, "a row without a profile id")
	if l.Source != "" {
		where = fmt.Sprintf("%s:%d: %s", l.Source, l.Line, where)
	}
	switch l.Verdict {
	case change.VerdictMissing:
		fmt.Fprintf(text, "%s: missing\n", where)
	case change.VerdictUnverifiable:
		fmt.Fprintf(text, "%s: cannot be verified: %s\n", where, contact.Printable(l.Reason))
	}
	for _, d := range l.Differences {
		fmt.Fprintf(text, "%s: %s differs", where, d.Field)
		if d.Expected != "" { // not redacted
			fmt.Fprintf(text, ": expected %s, found %s", d.Expected, cmp.Or(d.Found, "nothing"))
		}
		text.WriteByte('\n')
	}
}
