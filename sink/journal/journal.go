package journal

import (
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
	past
	options Options
	lock    *lockFile
	file    file
	info    fs.FileInfo // of file

	mu     sync.Mutex // guards what follows
	err    error      // the first one
	closed bool
	lines  []byte      // reused
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

// ID names the report for good: it is the id of its first run.
func (r *Report) ID() string {
	if r.history.first == nil {
		return r.options.Header.Run
	}
	return r.history.first.Run
}

// Size is the length of its complete lines in bytes.
func (r *Report) Size() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size
}

// Mode is that of its runs.
func (r *Report) Mode() string {
	if r.history.first == nil {
		return r.options.Header.Mode
	}
	return r.history.first.Mode
}

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
	h.stamp = now()
	return r.appendSynced(&h)
}

// Sending implements contact.Report.
func (r *Report) Sending(keys []contact.Key) error {
	return r.announce(keys, func(l keyList) Line { return &Sending{l} })
}

// Changing implements contact.Report.
func (r *Report) Changing(keys []contact.Key) error {
	return r.announce(keys, func(l keyList) Line { return &Changing{l} })
}

// Gone implements contact.Report.
func (r *Report) Gone(keys []contact.Key) error {
	return r.appendKeys(keys, false, func(l keyList) Line { return &Gone{l} })
}

// Unsent implements contact.Report.
func (r *Report) Unsent(keys []contact.Key) error {
	return r.appendKeys(keys, true, func(l keyList) Line { return &Unsent{l} })
}

// announce writes keys on disk before it returns. What could not be announced is
// not sent, and must not seem to be: it is not kept for a last attempt.
func (r *Report) announce(keys []contact.Key, line func(keyList) Line) error {
	if err := r.named(); err != nil {
		return r.fail(err)
	}
	if err := r.appendKeys(keys, false, line); err != nil {
		return err
	}
	return r.flush()
}

// maxKeys bounds the keys of one line.
const maxKeys = 10_000

// appendKeys writes a line that names keys, or several where there are many.
func (r *Report) appendKeys(keys []contact.Key, keep bool, line func(keyList) Line) error {
	for part := range slices.Chunk(keys, maxKeys) {
		if err := r.append(keep, line(keyList{part, now()})); err != nil {
			return err
		}
	}
	return r.failed()
}

// Append implements contact.Report.
func (r *Report) Append(outcomes ...*contact.Outcome) error {
	lines := make([]Line, len(outcomes))
	for i, o := range outcomes {
		lines[i] = rowOf(o)
	}
	return r.append(true, lines...)
}

// maxWrite is how many bytes of lines go into one write(2), before the line that
// exceeds it.
const maxWrite = 256 << 10

// append writes lines, all at once where they are not very long. With keep they
// are kept for a last attempt where they cannot be written.
func (r *Report) append(keep bool, lines ...Line) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failed error
	r.lines = r.lines[:0]
	for i, l := range lines {
		var err error
		if r.lines, err = r.encode(r.lines, l); err != nil {
			failed = err // and the others are written
		}
		if i == len(lines)-1 || len(r.lines) > maxWrite {
			r.write(r.lines, keep)
			r.lines = r.lines[:0]
		}
	}
	if r.err == nil && failed != nil {
		r.err = fmt.Errorf("writing to the report %s: %w", r.path, failed)
	}
	return r.err
}

func (r *Report) encode(b []byte, l Line) ([]byte, error) {
	if r.options.Redact {
		l.purge()
	}
	long, err := appendLine(b, l)
	if err == nil && len(long)-len(b) > maxLine {
		// Contact ids without end. The reject file has them.
		l.purge()
		return appendLine(b, l)
	}
	return long, err
}

// appendSynced writes a line that is needed once a run, on disk before it returns.
func (r *Report) appendSynced(l Line) error {
	if err := r.append(true, l); err != nil {
		return err
	}
	return r.flush()
}

// Before implements contact.Report.
func (r *Report) Before(k contact.Key) (*contact.Outcome, error) {
	if err := r.failed(); err != nil {
		return nil, err
	}
	o, err := r.past.Before(k)
	if err != nil {
		return nil, r.fail(err)
	}
	return o, nil
}

// Traffic writes what was sent over a while.
func (r *Report) Traffic(t contact.Traffic) error {
	return r.appendSynced(&Traffic{From: Time{t.From}, stamp: stamp{Time{t.To}}, Requests: t.Requests, Latency: t.Latency})
}

// End writes the end line, on disk before it returns. It is the last line.
func (r *Report) End(s contact.Summary) error {
	return r.appendSynced(&End{Run: s.Run, stamp: now(), Status: s.Status, Summary: &s})
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
		err = os.Remove(r.lock.report)
	}
	if r.err == nil {
		r.err = fmt.Errorf("the report %s is closed", r.path)
	}
	return errors.Join(err, r.lock.unlock())
}

// maxKept bounds the lines that are kept for a last attempt, in bytes. They are
// those of the requests in flight, and one line each.
const maxKept = 4 << 20

// write appends complete lines with one write(2), or sets err. With keep they are
// kept where they cannot be written. The caller holds mu.
func (r *Report) write(line []byte, keep bool) {
	if r.err == nil {
		_, err := r.file.Write(line)
		if err == nil {
			r.size += int64(len(line))
			r.arm()
			return
		}
		r.err = fmt.Errorf("writing to the report %s: %w; make room or mend the disk, then run the same command again", r.path, err)
		r.full = true
	}
	if keep && r.full && !r.closed && len(r.kept)+len(line) <= maxKept {
		r.kept = append(r.kept, line...)
	}
}

// rescue is the last attempt to write what was kept, in the place of what is left
// of the line that failed. The lines before that have not met an fsync either.
// That it fails for want of room is no news. The caller holds mu.
func (r *Report) rescue() error {
	if err := r.named(); err != nil {
		return err
	}
	if err := cut(r.lock.report, r.size); err != nil {
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
