package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"sync"
	"time"

	"importer/importer/contact"
)

// flushAfter is how long a line waits for an fsync at most. The contract allows
// a second, fsync itself included.
const flushAfter = 500 * time.Millisecond

// A Report is the journal of an import. It implements contact.Report. Its
// methods may be called from several goroutines.
//
// After an error of any method the report is broken: every later call returns
// that first error. An fsync that failed is not tried again, for what it should
// have written may be gone from memory by then. Where a write failed, as on a
// full disk, the lines are kept for a last attempt in Close.
type Report struct {
	path    string
	options Options
	lock    *lockFile
	file    file
	info    fs.FileInfo // of file
	history *history    // not changed after OpenReport

	mu     sync.Mutex // guards what follows
	err    error      // the first one
	closed bool
	line   []byte      // reused
	size   int64       // length of the complete lines
	synced int64       // how much of it is on disk
	timer  *time.Timer // runs flush; made with the first line
	armed  bool
	full   bool   // err is that of a write
	kept   []byte // complete lines that could not be written

	syncing sync.Mutex // held over an fsync; taken before mu
}

// file is an *os.File, or in tests one on a disk that fails.
type file interface {
	io.Writer
	io.ReaderAt
	Sync() error
	Close() error
}

// Keys is what the earlier runs made of each key. It is the caller's from now on.
func (r *Report) Keys() *contact.Keys { return r.history.keys }

// ID names the report for good: it is the id of its first run.
func (r *Report) ID() string {
	if r.history.first.run != "" {
		return r.history.first.run
	}
	return r.options.Header.Run
}

// Size is the length of its complete lines in bytes.
func (r *Report) Size() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size
}

// Mode is that of its runs.
func (r *Report) Mode() string {
	if len(r.history.runs) == 0 {
		return r.options.Header.Mode
	}
	return r.history.first.mode
}

// Whole tells whether the last run, when the report was opened, had gone to its
// end and left nothing in doubt.
func (r *Report) Whole() bool { return r.history.whole }

// Runs is how many runs the report held when it was opened.
func (r *Report) Runs() int { return len(r.history.runs) }

// LastAlive is the time of the last line when the report was opened, the last
// sign of life of an earlier run; zero where there was none.
func (r *Report) LastAlive() time.Time { return r.history.last() }

// AnnouncedAt is when a key whose status was InDoubt or Unknown was first
// announced without having been decided since: a profile that is older was not
// created by these runs. It is zero for other keys.
func (r *Report) AnnouncedAt(k contact.Key) time.Time {
	n, ok := r.history.notes[k]
	if !ok || n.since == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n.since)
}

// Sent ranges over the requests that earlier runs sent within Options.Window
// before the report was opened: a time and how many were sent then or a moment
// before, in the order of time. Those whose time is not known count at the latest
// that is possible; look-ups of a run that was killed are not known at all.
func (r *Report) Sent() iter.Seq2[time.Time, int] { return r.history.sent.all() }

// Begin writes the run line, on disk before it returns. It comes before all
// other lines.
func (r *Report) Begin() error {
	h := r.options.Header
	return r.appendJSON(struct {
		Kind      string   `json:"kind"`
		Run       string   `json:"run"`
		At        string   `json:"at"`
		Version   string   `json:"version"`
		Mode      string   `json:"mode"`
		Sources   []string `json:"sources"`
		BaseURL   string   `json:"base_url"`
		ProjectID string   `json:"project_id"`
	}{"run", h.Run, formatTime(time.Now()), h.Version, h.Mode, h.Sources, h.BaseURL, h.ProjectID})
}

// Sending implements contact.Report.
func (r *Report) Sending(keys []contact.Key) error {
	if err := r.named(); err != nil {
		return r.fail(err)
	}
	if err := r.appendKeys("sending", keys); err != nil {
		return err
	}
	return r.flush()
}

// Changing implements contact.Report.
func (r *Report) Changing(keys []contact.Key) error {
	if err := r.named(); err != nil {
		return r.fail(err)
	}
	if err := r.appendKeys("changing", keys); err != nil {
		return err
	}
	return r.flush()
}

// Gone implements contact.Report.
func (r *Report) Gone(keys []contact.Key) error { return r.appendKeys("gone", keys) }

// Unsent implements contact.Report.
func (r *Report) Unsent(keys []contact.Key) error { return r.appendKeys("unsent", keys) }

// mostAppended is how many bytes of lines go into one write(2), before the line
// that exceeds it.
const mostAppended = 256 << 10

// Append implements contact.Report.
func (r *Report) Append(outcomes ...*contact.Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	r.line = r.line[:0]
	for i, o := range outcomes {
		r.line = r.appendRow(r.line, o)
		if i == len(outcomes)-1 || len(r.line) > mostAppended {
			// Where one fails, so do the others, and all are kept.
			err = r.write(r.line, true)
			r.line = r.line[:0]
		}
	}
	return err
}

func (r *Report) appendRow(b []byte, o *contact.Outcome) []byte {
	start := len(b)
	if b = appendRowLine(b, o, r.options.Redact); len(b)-start > maxLine {
		// Contact ids without end. The reject file has them.
		b = appendRowLine(b[:start], o, true)
	}
	return b
}

// Before implements contact.Report.
func (r *Report) Before(k contact.Key) (*contact.Outcome, error) {
	if err := r.failed(); err != nil {
		return nil, err
	}
	n, ok := r.history.notes[k]
	if !ok || n.offset == 0 {
		return nil, r.fail(fmt.Errorf("the report %s holds no outcome of the key %s", r.path, k))
	}
	b, err := bufio.NewReader(io.NewSectionReader(r.file, n.offset, maxLine)).ReadBytes('\n')
	if err != nil {
		return nil, r.fail(fmt.Errorf("reading the report %s at byte %d: %w", r.path, n.offset, err))
	}
	o, err := parseOutcome(b)
	if err != nil {
		return nil, r.fail(fmt.Errorf("reading the report %s at byte %d: %w", r.path, n.offset, err))
	}
	return o, nil
}

// Traffic writes what was sent over a while. No run resumes from it; it is for
// those who look at the report later.
func (r *Report) Traffic(t contact.Traffic) error {
	t.From, t.To = milliseconds(t.From), milliseconds(t.To)
	return r.appendJSON(struct {
		Kind string `json:"kind"`
		contact.Traffic
	}{"traffic", t})
}

// End writes the end line, on disk before it returns. It is the last line.
func (r *Report) End(s contact.Summary) error {
	if r.options.Redact && s.Reason != "" {
		s.Reason = redacted
	}
	return r.appendJSON(struct {
		Kind    string            `json:"kind"`
		Run     string            `json:"run"`
		At      string            `json:"at"`
		Status  contact.RunStatus `json:"status"`
		Summary contact.Summary   `json:"summary"`
	}{"end", s.Run, formatTime(time.Now()), s.Status, s})
}

// Close brings what was appended onto the disk, and frees the report. Of a broken
// report it returns the first error, also when what was kept can be written by
// now. A report without a line is removed.
func (r *Report) Close() error {
	err := r.flush()
	r.syncing.Lock()
	defer r.syncing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.err
	}
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.full {
		err = errors.Join(err, r.rescue())
	}
	err = errors.Join(err, r.file.Close())
	if r.size == 0 && err == nil {
		err = os.Remove(r.path)
	}
	if r.err == nil {
		r.err = fmt.Errorf("the report %s is closed", r.path)
	}
	return errors.Join(err, r.lock.unlock())
}

// maxKept bounds the lines that are kept for a last attempt, in bytes. They are
// those of the requests in flight, and one line each.
const maxKept = 4 << 20

// write appends complete lines with one write(2). With keep they are kept where
// they cannot be written. The caller holds mu.
func (r *Report) write(line []byte, keep bool) error {
	if r.err == nil {
		_, err := r.file.Write(line)
		if err == nil {
			r.size += int64(len(line))
			r.arm()
			return nil
		}
		r.err = fmt.Errorf("writing to the report %s: %w; make room or mend the disk, then run the same command again", r.path, err)
		r.full = true
	}
	if keep && r.full && !r.closed && len(r.kept)+len(line) <= maxKept {
		r.kept = append(r.kept, line...)
	}
	return r.err
}

// rescue is the last attempt to write what was kept, in the place of what is left
// of the line that failed. The lines before that have not met an fsync either.
// That it fails for want of room is no news. The caller holds mu.
func (r *Report) rescue() error {
	if err := r.named(); err != nil {
		return err
	}
	if err := cut(r.path, r.size); err != nil {
		return fmt.Errorf("cutting off the unfinished last line of the report: %w", err)
	}
	_, _ = r.file.Write(r.kept)
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("bringing the report %s onto the disk: %w", r.path, err)
	}
	return nil
}

// arm sees to it that the lines written since are flushed soon. The caller holds
// mu.
func (r *Report) arm() {
	switch {
	case r.armed:
		return
	case r.timer == nil:
		// The error, if any, is kept for the next call.
		r.timer = time.AfterFunc(flushAfter, func() { _ = r.flush() })
	default:
		r.timer.Reset(flushAfter)
	}
	r.armed = true
}

// flush brings every line written so far onto the disk. Lines may be appended
// meanwhile.
func (r *Report) flush() error {
	r.syncing.Lock()
	defer r.syncing.Unlock()
	r.mu.Lock()
	r.armed = false
	size, err, clean := r.size, r.err, r.size == r.synced
	r.mu.Unlock()
	if err != nil || clean {
		return err
	}
	err = r.file.Sync()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.full = false // no last attempt either
		if r.err == nil {
			r.err = fmt.Errorf("bringing the report %s onto the disk: %w; mend the disk, then run the same command again", r.path, err)
		}
		return r.err
	}
	r.synced = size
	return r.err
}

// appendKeys writes a line that names keys, or several where there are many.
func (r *Report) appendKeys(kind string, keys []contact.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for part := range slices.Chunk(keys, maxKeys) {
		r.line = appendKeysLine(r.line[:0], kind, part, time.Now())
		// What could not be announced is not sent, and must not seem to be.
		if err := r.write(r.line, kind == "unsent"); err != nil {
			return err
		}
	}
	return r.err
}

// appendJSON writes a line that is needed once a run, on disk before it returns.
func (r *Report) appendJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // ends the value with a line feed
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	r.mu.Lock()
	err := r.write(b.Bytes(), true)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.flush()
}

// named tells whether the report still has its name. Keys announced in a file
// that nobody finds again would be sent twice.
func (r *Report) named() error {
	info, err := os.Stat(r.path)
	if err == nil && os.SameFile(info, r.info) {
		return nil
	}
	if err == nil {
		err = errors.New("another file has its name")
	}
	return fmt.Errorf("the report %s was moved, removed or replaced during the run: %w; put it back before the next run, or rows will be sent twice", r.path, err)
}

// fail breaks the report, and returns the error that broke it first.
func (r *Report) fail(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	return r.err
}

func (r *Report) failed() error { return r.fail(nil) }
