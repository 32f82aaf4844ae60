package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/state"
	"importer/sink"
)

func newVerifyCommand(env Env) *cobra.Command {
	shown := config.Default()
	cmd := &cobra.Command{
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
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			b, err := openBack(cmd, args, env)
			if err != nil {
				return err
			}
			defer func() { err = b.close(err) }()
			return b.verify(cmd.Context())
		},
	}
	bindBackFlags(cmd, &shown)
	flags := cmd.Flags()
	bindSourceFlags(flags, &shown)
	return cmd
}

// A verdictLine is a line of REPORT.verify. The last one of a verification that
// went to its end has no key.
type verdictLine struct {
	Key         string              `json:"key,omitempty"`
	ID          string              `json:"_id,omitempty"`
	Source      string              `json:"source,omitempty"`
	Line        int                 `json:"line,omitzero"`
	ContactIDs  []string            `json:"contactIds,omitempty"`
	Verdict     change.Verdict      `json:"verdict,omitempty"`
	Differences []change.Difference `json:"differences,omitempty"`
	End         bool                `json:"end,omitzero"`
}

// A verification is one run of the command.
type verification struct {
	*lookBack
	verdicts *os.File
	listed   *state.Listing // nil: profiles are read one by one
	cancel   context.CancelCauseFunc

	mu     sync.Mutex // over what follows
	counts map[change.Verdict]int64
	shown  []verdictLine // the first that are not as they should be

	done atomic.Int64
}

// maxShown is how many profiles that differ or are missing are printed. The file
// has all.
const maxShown = 50

func (b *lookBack) verify(ctx context.Context) error {
	if err := b.read(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := &verification{lookBack: b, counts: map[change.Verdict]int64{}, cancel: cancel}
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
	if err := v.list(ctx, total-int(v.done.Load())); err != nil {
		return v.ended(ctx, err)
	}
	var readers errgroup.Group
	readers.SetLimit(v.c.Workers)
	walkErr := v.walk(ctx, v.input.Rows(), &readers)
	if err := errors.Join(walkErr, readers.Wait()); err != nil || ctx.Err() != nil {
		return v.ended(ctx, err)
	}
	if err := v.write(verdictLine{End: true}); err != nil {
		return err
	}
	allIn := v.counts[change.VerdictDiffers]+v.counts[change.VerdictMissing] == 0
	return result(ctx, contact.Complete, allIn, v.print(allIn))
}

// ended is the error of a verification that did not go to its end. What stopped
// it comes first.
func (v *verification) ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// walk verifies what the source holds, then what it does not hold any more.
func (v *verification) walk(ctx context.Context, rows contact.Rows, readers *errgroup.Group) error {
	for row, err := range rows {
		var invalid *contact.RowError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &invalid):
			continue
		case err != nil:
			return err
		}
		w, ok, err := v.written.Get(row.Key)
		if err != nil {
			return err
		}
		if !ok || w.Digest != row.Digest || !verifiable(w) || w.Seen {
			continue // never written, or in another version
		}
		if err := v.written.See(row.Key); err != nil {
			return err
		}
		w.Place = contact.Place{Source: row.Source, Line: row.Line}
		profile := row.Profile
		readers.Go(func() error { return v.one(ctx, w, &profile) })
	}
	for rows, err := range v.each(v.written.Unseen) {
		if err != nil {
			return err
		}
		for _, w := range rows {
			if ctx.Err() != nil {
				return nil
			}
			if verifiable(w) {
				readers.Go(func() error { return v.one(ctx, w, nil) })
			}
		}
	}
	return nil
}

// verifiable reports whether a profile is to be there as its row said.
func verifiable(w change.WrittenRow) bool {
	return w.Status == contact.Created || w.Status == contact.Updated || w.Status == contact.Unchanged
}

// one reads and judges one profile; want is nil where there is nothing to compare
// it with.
func (v *verification) one(ctx context.Context, w change.WrittenRow, want *contact.Profile) error {
	l := verdictLine{Key: w.Key.String(), ID: w.ID, Source: w.Place.Source, Line: w.Place.Line, ContactIDs: w.ContactIDs}
	found, there, err := v.find(ctx, w.ID)
	if err != nil {
		v.cancel(err)
		return nil
	}
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
	if err := v.write(l); err != nil {
		v.cancel(err)
	}
	return nil
}

// find returns the profile of an id, and whether it is there.
func (v *verification) find(ctx context.Context, id string) (f contact.Found, there bool, err error) {
	if v.listed != nil {
		// A page may have missed it: what is not in the list is asked for.
		if f, there, err = v.listed.Get(id); there || err != nil {
			return f, there, err
		}
	}
	err = v.request(ctx, func(ctx context.Context) (err error) {
		f, err = v.client.Get(ctx, id)
		return err
	})
	var problem *contact.APIError
	if errors.As(err, &problem) && problem.Class == contact.Permanent && problem.HTTP == 404 {
		return f, false, nil
	}
	return f, err == nil, err
}

// list reads the whole list where that costs less than so many reads. The first
// page says how long it is. Of a list that does not end, what was read by then is
// used all the same, and the rest is read one by one.
func (v *verification) list(ctx context.Context, reads int) error {
	if reads <= 1 {
		return nil
	}
	asked := 0
	for page, err := range change.Pages(func(q contact.ListQuery) (page contact.ListPage, err error) {
		asked++
		err = v.request(ctx, func(ctx context.Context) (err error) {
			page, err = v.client.List(ctx, q)
			return err
		})
		return page, err
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
// found.
func (v *verification) openVerdicts() error {
	path := v.path + ".verify"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	v.verdicts = f
	v.onClose(f.Close)
	whole, err := v.readVerdicts(f)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("the verdicts in %s: %w; remove the file to begin anew", path, err)
	}
	return nil
}

// readVerdicts reads the verdicts of an interrupted verification, and returns how long
// its complete lines are: 0 where it went to its end, and a new one begins.
func (v *verification) readVerdicts(f *os.File) (whole int64, err error) {
	ended := false
	whole, err = eachVerdict(f, func(l verdictLine) error {
		ended = ended || l.End
		return nil
	})
	if err != nil || ended {
		return 0, err
	}
	_, err = eachVerdict(f, func(l verdictLine) error {
		key, err := contact.ParseKey(l.Key)
		if err != nil {
			return err
		}
		v.count(l)
		return v.written.See(key)
	})
	return whole, err
}

// eachVerdict reads the complete lines of REPORT.verify, and returns their length.
func eachVerdict(f *os.File, take func(verdictLine) error) (whole int64, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	r := bufio.NewReader(f)
	for {
		b, err := r.ReadBytes('\n')
		if err == io.EOF {
			return whole, nil
		}
		var l verdictLine
		if err == nil {
			err = json.Unmarshal(b, &l)
		}
		if err == nil {
			err = take(l)
		}
		if err != nil {
			return whole, err
		}
		whole += int64(len(b))
	}
}

// count counts a verdict, and keeps it where it is to be shown. The caller holds
// mu, or is alone.
func (v *verification) count(l verdictLine) {
	v.done.Add(1)
	v.counts[l.Verdict]++
	if (l.Verdict == change.VerdictDiffers || l.Verdict == change.VerdictMissing) && len(v.shown) < maxShown {
		v.shown = append(v.shown, l)
	}
}

// write takes one verdict.
func (v *verification) write(l verdictLine) error {
	b, err := json.Marshal(l, jsontext.EscapeForHTML(true), jsontext.EscapeForJS(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, err := v.verdicts.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("the verdicts: %w", err)
	}
	if l.End {
		return nil
	}
	v.count(l)
	return nil
}

func (v *verification) print(allIn bool) error {
	switch {
	case v.c.JSON:
		return sink.WriteJSON(v.env.Stdout, struct {
			Same     int64         `json:"same"`
			Differs  int64         `json:"differs"`
			Missing  int64         `json:"missing"`
			There    int64         `json:"there"`
			Requests int64         `json:"requests"`
			Verdicts string        `json:"verdicts"`
			Examples []verdictLine `json:"examples"`
		}{v.counts[change.VerdictSame], v.counts[change.VerdictDiffers], v.counts[change.VerdictMissing], v.counts[change.VerdictThere],
			v.progress.Snapshot().Requests, v.path + ".verify", append([]verdictLine{}, v.shown...)})
	case v.c.Quiet && allIn:
		return nil
	}
	_, err := io.WriteString(v.env.Stdout, v.text())
	return err
}

func (v *verification) text() string {
	var s strings.Builder
	for _, l := range v.shown {
		where := l.ID
		if l.Source != "" {
			where = fmt.Sprintf("%s:%d: %s", l.Source, l.Line, l.ID)
		}
		if l.Verdict == change.VerdictMissing {
			fmt.Fprintf(&s, "%s: missing\n", where)
		}
		for _, d := range l.Differences {
			if d.Expected == "" {
				fmt.Fprintf(&s, "%s: %s differs\n", where, d.Field)
				continue
			}
			found := d.Found
			if found == "" {
				found = "nothing"
			}
			fmt.Fprintf(&s, "%s: %s differs: expected %s, found %s\n", where, d.Field, d.Expected, found)
		}
	}
	if len(v.shown) > 0 {
		s.WriteByte('\n')
	}
	for _, c := range []struct {
		verdict change.Verdict
		text    string
	}{
		{change.VerdictSame, "as they were sent"},
		{change.VerdictDiffers, "differ"},
		{change.VerdictMissing, "missing"},
		{change.VerdictThere, "there, and not compared: the source does not hold that version of their rows any more"},
	} {
		if n := v.counts[c.verdict]; n > 0 {
			fmt.Fprintf(&s, "%10d  %s\n", n, c.text)
		}
	}
	fmt.Fprintf(&s, "%10d  requests; all verdicts are in %s\n", v.progress.Snapshot().Requests, v.path+".verify")
	return s.String()
}
