package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"importer/sink/journal"
)

// Reports is the keeper of the reports of a project of a base URL. A report has the name of
// the run; .report.ndjson, with which the file of one ends, is not part of it.
func (s *Store) Reports(baseURL, projectID string) journal.Keeper {
	return &reports{s: s, baseURL: baseURL, projectID: projectID}
}

type reports struct {
	s                  *Store
	baseURL, projectID string
}

var fileEnding = regexp.MustCompile(`\.report\.ndjson(\.[1-9][0-9]*)?$`)

// ReportName is the name in a store of a report that would have that name as a file.
func ReportName(file string) string { return fileEnding.ReplaceAllString(file, "$1") }

func (k *reports) id(name string) ID {
	return ID{Kind: KindReport, BaseURL: k.baseURL, ProjectID: k.projectID, Name: ReportName(name)}
}

// inStore is an error that says all there is to say.
func inStore(err error) error {
	if err == nil {
		return nil
	}
	if held, ok := errors.AsType[*HeldError](err); ok {
		return &lockedError{held}
	}
	return &journal.KeeperError{Err: err}
}

// A lockedError is a HeldError for who knows the errors of a journal.
type lockedError struct{ *HeldError }

func (e *lockedError) Unwrap() []error {
	return []error{e.HeldError, &journal.LockedError{Report: e.Name, PID: e.PID}}
}

// run is the run of a report; fs.ErrNotExist where it has no line.
func (k *reports) run(name string) (Run, error) {
	id := k.id(name)
	found, err := k.s.Find(context.Background(), id.Kind, id.Name, id.BaseURL, id.ProjectID)
	if err != nil {
		return Run{}, inStore(err)
	}
	for _, r := range found {
		if r.ID == id && r.Size > 0 {
			return r, nil
		}
	}
	return Run{}, fmt.Errorf("the store %s has no report %s of this base URL and project: %w", k.s.name, id.Name, fs.ErrNotExist)
}

// Read implements journal.Keeper.
func (k *reports) Read(name string, _ bool) (journal.Reading, error) {
	r, err := k.run(name)
	if err != nil {
		return nil, err
	}
	return &reading{s: k.s, run: r.Number, report: r.Name}, nil
}

// Hold implements journal.Keeper: it claims the run.
func (k *reports) Hold(name string, _ bool) (journal.Held, error) {
	c, err := k.s.Claim(context.Background(), k.id(name))
	if err != nil {
		return nil, inStore(err)
	}
	return &heldReport{c: c}, nil
}

// Aside implements journal.Keeper.
func (k *reports) Aside(name string) (names []string, err error) {
	err = k.s.persist(context.Background(), 0, func(ctx context.Context) error {
		all, err := numbered(ctx, k.s.pool, k.id(name))
		names = nil
		for _, a := range all {
			names = append(names, a.name)
		}
		return err
	})
	return names, inStore(err)
}

// Beside implements journal.Keeper: of a store those of the base URL and project are it.
func (k *reports) Beside(string) (names []string) {
	found, _ := k.s.Find(context.Background(), KindReport, "", k.baseURL, k.projectID)
	for _, r := range found {
		if r.Size > 0 && r.BaseURL == k.baseURL && r.ProjectID == k.projectID {
			names = append(names, r.Name)
		}
	}
	return names
}

// Foreign implements journal.Keeper: who can write to the tables is trusted.
func (k *reports) Foreign(string) error { return nil }

// Unchanged implements journal.Keeper. Replace gives all chunks the time at which it made
// them.
func (k *reports) Unchanged(name string, since time.Time) (same bool, err error) {
	r, err := k.run(name)
	if err != nil {
		return false, err
	}
	err = k.s.persist(context.Background(), 0, func(ctx context.Context) error {
		return k.s.pool.QueryRow(ctx, "select at = $2 from importer_journal where run = $1 order by seq desc limit 1", r.Number, since).Scan(&same)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return same, inStore(err)
}

// A heldReport is a report that this process has claimed.
type heldReport struct {
	c    *Claim
	open *writing // what Open returned last
}

// Alive implements journal.Held.
func (h *heldReport) Alive() time.Time { return h.c.Lapsed }

// Open implements journal.Held.
func (h *heldReport) Open() (journal.Writing, error) {
	h.open = &writing{c: h.c, stored: &reading{s: h.c.s, run: h.c.Run(), report: h.c.id.Name}, kept: h.c.Size()}
	return h.open, nil
}

// SetAside implements journal.Held.
func (h *heldReport) SetAside() (string, error) {
	if h.c.Size() == 0 {
		return "", nil
	}
	aside, err := h.c.SetAside(context.Background())
	return aside, inStore(err)
}

// Untouched implements journal.Held: the next Sync fails where anybody has taken it over.
func (h *heldReport) Untouched(int64) error { return nil }

// Cut implements journal.Held.
func (h *heldReport) Cut(size int64) error {
	if h.open != nil {
		h.open.drop(size)
	}
	return inStore(h.c.Cut(context.Background(), size))
}

// Replace implements journal.Held.
func (h *heldReport) Replace(at time.Time, write func(w io.Writer, old io.Reader) error) error {
	if h.c.Size() == 0 {
		return fmt.Errorf("the store %s has no report %s of this base URL and project: %w", h.c.s.name, h.c.id.Name, fs.ErrNotExist)
	}
	return inStore(h.c.Replace(context.Background(), at, write))
}

// Remove implements journal.Held.
func (h *heldReport) Remove() error { return inStore(h.c.Empty(context.Background())) }

// Release implements journal.Held.
func (h *heldReport) Release() error { return inStore(h.c.Release()) }

// Cut shortens the journal to so many bytes, which are whole lines. What was sent before
// and may still arrive is refused from then on.
func (c *Claim) Cut(ctx context.Context, size int64) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	if size >= c.size {
		return nil
	}
	err := c.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		run := c.current().run
		if _, err := tx.Exec(ctx, "delete from importer_journal where run = $1 and start >= $2", run, size); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update importer_journal set lines = substring(lines for ($2 - start)::int) where run = $1 and start + length(lines) > $2", run, size); err != nil {
			return err
		}
		return c.setEnding(ctx, tx)
	}, c.renewing(1))
	if err != nil {
		return err
	}
	return c.s.persist(ctx, 0, c.readEnd)
}

// setEnding takes status and summary from the last chunk.
func (c *Claim) setEnding(ctx context.Context, tx pgx.Tx) error {
	run := c.current().run
	var lines []byte
	err := tx.QueryRow(ctx, "select lines from importer_journal where run = $1 order by seq desc limit 1", run).Scan(&lines)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	status, summary := ending(lines)
	_, err = tx.Exec(ctx, "update importer_run set status = $2, summary = $3 where id = $1", run, status, summary)
	return err
}

// Replace has write make the journal anew, in one transaction: until that is committed
// everybody reads the old one. Every chunk gets the time at. Write may be called again, where
// the database was away in between. It is also how a journal comes into an empty run.
func (c *Claim) Replace(ctx context.Context, at time.Time, write func(w io.Writer, old io.Reader) error) error {
	return c.ReplaceAll(ctx, at, write, nil)
}

// ReplaceAll is Replace, and PutFiles in the same transaction.
func (c *Claim) ReplaceAll(ctx context.Context, at time.Time, write func(w io.Writer, old io.Reader) error, files map[string]Source) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	err := c.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		run := c.current().run
		if err := c.putFiles(ctx, tx, files); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from importer_journal where run = $1", run); err != nil {
			return err
		}
		w := &replacing{ctx: ctx, tx: tx, c: c, at: at, seq: c.seq + 1} // a gap, for who reads the old one
		if err := write(w, &reading{s: c.s, run: run, report: c.id.Name}); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		return c.setEnding(ctx, tx)
	}, c.renewing(1))
	if err != nil {
		return err
	}
	return c.s.persist(ctx, 0, c.readEnd)
}

// maxChunk is how many bytes of lines are gathered, before the line that exceeds it.
const maxChunk = 1 << 20

// A replacing writes the chunks of a journal that is made anew.
type replacing struct {
	ctx   context.Context
	tx    pgx.Tx
	c     *Claim
	at    time.Time
	seq   int64
	start int64
	buf   []byte
}

func (w *replacing) Write(b []byte) (int, error) {
	w.buf = append(w.buf, b...)
	if len(w.buf) < maxChunk {
		return len(b), nil
	}
	return len(b), w.flush()
}

func (w *replacing) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	w.seq++
	f := w.c.current()
	_, err := w.tx.Exec(w.ctx, "insert into importer_journal (run, seq, epoch, start, at, lines) values ($1, $2, $3, $4, $5, $6)", f.run, w.seq, f.epoch, w.start, w.at, w.buf)
	w.start += int64(len(w.buf))
	w.buf = w.buf[:0]
	return err
}
