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

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/state"
	"importer/sink"
)

func newVerifyCommand(env Env) *cobra.Command {
	cmd := lookingBack(&cobra.Command{
		Use:   "verify REPORT",
		Short: "Read back what a report says was written, compare, say what differs",
		Long: `Read back the profiles that a report says were created, updated or found as
they should be, and compare every field that the mapping names with the source.
The sources are those of the report, read with the same configuration, or others
that are named. Where a row has changed since, verify only looks whether its
profile is there.

The project is listed, 100 profiles a request, where that costs less than reading
the profiles one by one. The verdicts are written to REPORT.verify, one JSON object
a line: a verification that was interrupted goes on from there. The exit code is 3
where a profile differs or is missing.`,
		Example: "  importer verify contacts.csv.report.ndjson",
	}, env, (*lookBack).verify)
	addFlags(cmd, sourceFlags...)
	return cmd
}

// A verdictLine is a line of REPORT.verify.
type verdictLine struct {
	Key         contact.Key         `json:"key"`
	ID          string              `json:"_id,omitempty"`
	Source      string              `json:"source,omitempty"`
	Line        int                 `json:"line,omitzero"`
	ContactIDs  []string            `json:"contactIds,omitempty"`
	Verdict     change.Verdict      `json:"verdict"`
	Differences []change.Difference `json:"differences,omitempty"`
}

// verdictsEnd is the last line of a verification that went to its end.
const verdictsEnd = `{"end":true}` + "\n"

// A verification is one run of the command.
type verification struct {
	*lookBack
	verdicts *os.File
	listed   *state.Listing // nil: profiles are read one by one
	done     atomic.Int64

	mu     sync.Mutex // over what follows, and over writes to verdicts
	counts map[change.Verdict]int64
	shown  []verdictLine // the first that are not as they should be
}

const maxShown = 50 // profiles that are not as they should be; the file has all

func (b *lookBack) verify(ctx context.Context) error {
	if err := eachOutcome(b.path, 0, b.written.Record); err != nil {
		return err
	}
	v := &verification{lookBack: b, counts: map[change.Verdict]int64{}}
	if err := v.openVerdicts(); err != nil {
		return err
	}
	if err := v.openSource(); err != nil {
		return fmt.Errorf("the source of the report: %w; name another with --source", err)
	}
	total, err := v.written.Len()
	if err != nil {
		return err
	}
	defer v.show(int64(total), v.done.Load)()
	err = v.list(ctx, total-int(v.done.Load()))
	if err == nil {
		err = v.walk(ctx)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	if _, err := v.verdicts.WriteString(verdictsEnd); err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	allIn := v.counts[change.VerdictDiffers]+v.counts[change.VerdictMissing] == 0
	return result(ctx, contact.Complete, allIn, v.printVerdicts(allIn))
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
		if !ok || w.Digest != row.Digest || w.Seen {
			continue // never written, or in another version
		}
		if err := v.written.See(row.Key); err != nil {
			return err
		}
		w.Place = contact.Place{Source: row.Source, Line: row.Line}
		readers.Go(func() error { return v.one(ctx, w, &row.Profile) })
	}
	return nil
}

func (v *verification) walkRest(ctx context.Context, readers *errgroup.Group) error {
	for rows, err := range v.written.Unseen() {
		if err != nil || ctx.Err() != nil {
			return err
		}
		for _, w := range rows {
			readers.Go(func() error { return v.one(ctx, w, nil) })
		}
	}
	return nil
}

// one reads and judges one profile, if it is to be there as its row said; want is nil
// where there is nothing to compare it with.
func (v *verification) one(ctx context.Context, w change.WrittenRow, want *contact.Profile) error {
	if w.Status != contact.Created && w.Status != contact.Updated && w.Status != contact.Unchanged {
		return nil
	}
	found, there, err := v.find(ctx, w.ID)
	if err != nil {
		return err
	}
	l := verdictLine{Key: w.Key, ID: w.ID, Source: w.Place.Source, Line: w.Place.Line, ContactIDs: w.ContactIDs}
	switch {
	case !there:
		l.Verdict = change.VerdictMissing
	case want == nil:
		l.Verdict = change.VerdictThere
	default:
		l.Verdict, l.Differences = change.Verify(found, *want)
	}
	if v.c.Report.Redact {
		l.ContactIDs = nil
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

// find returns the profile of an id, and whether it is there.
func (v *verification) find(ctx context.Context, id string) (contact.Found, bool, error) {
	if v.listed != nil {
		// A page may have missed it: what is not in the list is asked for.
		if f, there, err := v.listed.Get(id); there || err != nil {
			return f, there, err
		}
	}
	return v.get(ctx, id)
}

// list reads the whole list where that costs less than so many reads. The first
// page says how long it is. Of a list that does not end, what was read by then is
// used all the same, and the rest is read one by one.
func (v *verification) list(ctx context.Context, reads int) error {
	if reads <= 1 {
		return nil
	}
	asked := 0
	for page, err := range change.Pages(func(q contact.ListQuery) (contact.ListPage, error) {
		asked++
		return request(ctx, v.session, func(ctx context.Context) (contact.ListPage, error) { return v.client.List(ctx, q) })
	}, contact.ListQuery{}) {
		switch {
		case errors.Is(err, change.ErrEndless):
			v.log.Warn().Err(err).Msg("the rest is read one by one")
			return nil
		case err != nil:
			return err
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
	return nil
}

// openVerdicts opens REPORT.verify, and takes in what an interrupted verification
// found. One that went to its end is forgotten.
func (v *verification) openVerdicts() (err error) {
	path := v.path + ".verify"
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
		if err == nil {
			err = v.written.See(l.Key)
		}
		if err != nil {
			return whole, err
		}
		v.count(l)
		whole += int64(len(b))
	}
}

// count takes note of a verdict. The caller holds mu, or is alone.
func (v *verification) count(l verdictLine) {
	v.done.Add(1)
	v.counts[l.Verdict]++
	if (l.Verdict == change.VerdictDiffers || l.Verdict == change.VerdictMissing) && len(v.shown) < maxShown {
		v.shown = append(v.shown, l)
	}
}

func (v *verification) printVerdicts(allIn bool) error {
	requests, path := v.progress.Snapshot().Requests, v.path+".verify"
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
		{v.counts[change.VerdictThere], "%10d  there, and not compared: the source does not hold that version of their rows any more"},
	}))
	fmt.Fprintf(&text, "%10d  requests; all verdicts are in %s\n", requests, path)
	return v.print(allIn, struct {
		Same     int64         `json:"same"`
		Differs  int64         `json:"differs"`
		Missing  int64         `json:"missing"`
		There    int64         `json:"there"`
		Requests int64         `json:"requests"`
		Verdicts string        `json:"verdicts"`
		Examples []verdictLine `json:"examples"`
	}{v.counts[change.VerdictSame], v.counts[change.VerdictDiffers], v.counts[change.VerdictMissing], v.counts[change.VerdictThere],
		requests, path, v.shown}, text.String())
}

// writeVerdict says what is wrong with a profile that is missing or differs.
func writeVerdict(text *strings.Builder, l verdictLine) {
	where := l.ID
	if l.Source != "" {
		where = fmt.Sprintf("%s:%d: %s", l.Source, l.Line, l.ID)
	}
	if l.Verdict == change.VerdictMissing {
		fmt.Fprintf(text, "%s: missing\n", where)
	}
	for _, d := range l.Differences {
		fmt.Fprintf(text, "%s: %s differs", where, d.Field)
		if d.Expected != "" { // not redacted
			fmt.Fprintf(text, ": expected %s, found %s", d.Expected, cmp.Or(d.Found, "nothing"))
		}
		text.WriteByte('\n')
	}
}
