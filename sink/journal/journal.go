package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"importer/importer/contact"
	"importer/importer/idrule"
)

// flushAfter is how long a line waits for an fsync at most. The contract allows
// a second, fsync itself included.
const flushAfter = 500 * time.Millisecond

// A Journal is one that a run writes. It implements importer.Journal. Its methods
// may be called from several goroutines.
//
// After an error of any method the journal is broken: every later call returns
// that first error. An fsync that failed is not tried again, because what it should
// have written may be gone from memory by then. Where a write failed, as on a full
// disk, the lines are kept for a last attempt in Close.
type Journal struct {
	*contents
	// Replaced is where a report of another import was moved that nobody will miss, and
	// Because says why; empty: there was none.
	Replaced, Because string

	options Options
	held    Held
	file    Writing

	mu     sync.Mutex // guards what follows
	err    error      // the first one
	closed bool
	buf    []byte      // reused
	size   int64       // length of the complete lines
	count  int64       // how many there are
	synced int64       // how much of it is on disk
	timer  *time.Timer // runs flush; made with the first line
	armed  bool
	full   bool   // err is that of a write
	kept   []byte // complete lines that could not be written

	syncing sync.Mutex // held over an fsync; taken before mu
}

// ID names the journal for good: it is the id of its first run.
func (j *Journal) ID() string { return j.beginning().Run }

// Size is the length of its complete lines in bytes.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size
}

// Extent is how many complete lines it has, and their length in bytes.
func (j *Journal) Extent() (lines, bytes int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.count, j.size
}

// Mode is that of its runs.
func (j *Journal) Mode() string { return j.beginning().Mode }

// beginning is the header of the first run.
func (j *Journal) beginning() *Header { return cmp.Or(j.first, &j.options.Header) }

// Follow has the run to come know contacts by the rules of a lineage as well. It is to be
// called before Begin.
func (j *Journal) Follow(l idrule.Lineage) {
	j.lineage = j.lineage.Merge(l)
	j.options.Header.IDs = j.lineage
}

// Runs is how many runs the journal held when it was opened.
func (j *Journal) Runs() int { return len(j.runs) }

// AnnouncedAt is when a key whose status was InDoubt or Unknown was first
// announced without having been decided since: a profile that is older was not
// created by these runs. It is zero for other keys.
func (j *Journal) AnnouncedAt(k contact.Key) time.Time {
	if since := j.unsettled[k].since; since != 0 {
		return time.UnixMilli(since)
	}
	return time.Time{}
}

// Sent ranges over the requests that earlier runs sent within Options.Window
// before the journal was opened: a time and how many were sent then or a moment
// before, in the order of time. Those whose time is not known count at the latest
// that is possible; look-ups of a run that was killed are not known at all.
func (j *Journal) Sent() iter.Seq2[time.Time, int] { return j.sent.all() }

// Beside says beside which state the report is written, before Begin.
func (j *Journal) Beside(state string) { j.options.Header.State = state }

// Begin writes the run line, on disk before it returns. It comes before all
// other lines.
func (j *Journal) Begin() error {
	h := j.options.Header.bounded()
	h.stamp = now()
	if j.options.Redact {
		h.IDs = h.IDs.Redacted()
	}
	lines := []Line{&h}
	if len(j.runs) == 0 && len(j.contents.rejects) > 0 { // of a journal that was set aside for this one
		lines = append(lines, &Rejects{Digests: j.contents.rejects, stamp: now()})
	}
	if err := j.append(true, lines...); err != nil {
		return err
	}
	return j.flush()
}

// Sending implements importer.Journal.
func (j *Journal) Sending(keys []contact.Key) error {
	return j.announce(keys, func(l keyList) Line { return &Sending{l} })
}

// Changing implements importer.Journal.
func (j *Journal) Changing(keys []contact.Key, to contact.Intent) error {
	return j.announce(keys, func(l keyList) Line { return &Changing{l, to} })
}

// Gone implements importer.Journal.
func (j *Journal) Gone(keys []contact.Key) error {
	return j.appendKeys(keys, false, func(l keyList) Line { return &Gone{l} })
}

// Unsent implements importer.Journal.
func (j *Journal) Unsent(keys []contact.Key, to contact.Intent) error {
	return j.appendKeys(keys, true, func(l keyList) Line { return &Unsent{l, to} })
}

// KnownAs implements importer.Journal.
func (j *Journal) KnownAs(key, as contact.Key) error {
	return j.append(true, &Known{Key: key, As: as, stamp: now()})
}

// announce writes keys on disk before it returns. What could not be announced is
// not sent, and must not seem to be: it is not kept for a last attempt.
func (j *Journal) announce(keys []contact.Key, line func(keyList) Line) error {
	if err := j.untouched(); err != nil {
		return j.fail(err)
	}
	if err := j.appendKeys(keys, false, line); err != nil {
		return err
	}
	return j.flush()
}

// maxKeys bounds the keys of one line.
const maxKeys = 10_000

// appendKeys writes a line that names keys, or several where there are many.
func (j *Journal) appendKeys(keys []contact.Key, keep bool, line func(keyList) Line) error {
	for part := range slices.Chunk(keys, maxKeys) {
		if err := j.append(keep, line(keyList{part, now()})); err != nil {
			return err
		}
	}
	return j.failed()
}

// Append implements importer.Journal.
func (j *Journal) Append(outcomes ...*contact.Outcome) error {
	lines := make([]Line, len(outcomes))
	for i, o := range outcomes {
		lines[i] = rowOf(o)
	}
	return j.append(true, lines...)
}

// maxWrite is how many bytes of lines go into one write(2), before the line that
// exceeds it.
const maxWrite = 256 << 10

// append writes lines, all at once where they are not very long. With keep they
// are kept for a last attempt where they cannot be written.
func (j *Journal) append(keep bool, lines ...Line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var failed error
	j.buf = j.buf[:0]
	for i, l := range lines {
		var err error
		if j.buf, err = j.encode(j.buf, l); err != nil {
			failed = err // and the others are written
		}
		if i == len(lines)-1 || len(j.buf) > maxWrite {
			j.write(j.buf, keep)
			j.buf = j.buf[:0]
		}
	}
	if j.err == nil && failed != nil {
		j.err = fmt.Errorf("writing to the report %s: %w", j.report, failed)
	}
	return j.err
}

func (j *Journal) encode(b []byte, l Line) ([]byte, error) {
	if j.options.Redact {
		l.purge()
	}
	long, err := appendLine(b, l)
	if err == nil && len(long)-len(b) > maxLine {
		l.shorten()
		long, err = appendLine(b, l)
	}
	if n := len(long) - len(b); err == nil && n > maxLine {
		return b, fmt.Errorf("a line of the kind %q has %d bytes, and no run could read one of more than %d: are there too many sources, or are their names too long?", l.kind(), n, maxLine)
	}
	return long, err
}

// appendSynced writes a line that is needed once a run, on disk before it returns.
func (j *Journal) appendSynced(l Line) error {
	if err := j.append(true, l); err != nil {
		return err
	}
	return j.flush()
}

// Before implements importer.Journal.
func (j *Journal) Before(k contact.Key) (*contact.Outcome, error) {
	if err := j.failed(); err != nil {
		return nil, err
	}
	o, err := j.contents.Before(k)
	if err != nil {
		return nil, j.fail(err)
	}
	return o, nil
}

// Traffic writes what was sent over a while.
func (j *Journal) Traffic(t contact.Traffic) error {
	return j.appendSynced(&Traffic{From: Time{t.From}, stamp: stamp{Time{t.To}}, Requests: t.Requests, Latency: t.Latency})
}

// End writes the end line, on disk before it returns. It is the last line.
func (j *Journal) End(s contact.Summary) error {
	if err := j.untouched(); err != nil {
		return j.fail(err)
	}
	return j.appendSynced(&End{Run: s.Run, stamp: now(), Status: s.Status, Summary: &s})
}

// Close brings what was appended onto the disk, and frees the journal. Of a broken
// one it returns the first error, also when what was kept can be written by now. A
// file without a line is removed.
func (j *Journal) Close() error {
	err := j.flush()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return j.err
	}
	j.closed = true
	if j.timer != nil {
		j.timer.Stop()
	}
	if j.full {
		err = errors.Join(err, j.rescue())
	}
	err = errors.Join(err, j.file.Close())
	if j.size == 0 && err == nil {
		err = j.held.Remove()
	}
	if j.err == nil {
		j.err = fmt.Errorf("the report %s is closed", j.report)
	}
	return errors.Join(err, j.held.Release())
}

// maxKept bounds the lines that are kept for a last attempt, in bytes. They are
// those of the requests in flight, and one line each.
const maxKept = 4 << 20

// write appends complete lines with one write(2), or sets err. With keep they are
// kept where they cannot be written. The caller holds mu.
func (j *Journal) write(line []byte, keep bool) {
	if j.err == nil {
		_, err := j.file.Write(line)
		if err == nil {
			j.size += int64(len(line))
			j.count += int64(bytes.Count(line, []byte{'\n'}))
			j.arm()
			return
		}
		j.err = diskError(err, "writing to the report %s: %w; make room or fix the disk, then run the same command again", j.report)
		j.full = true
	}
	if keep && j.full && !j.closed && len(j.kept)+len(line) <= maxKept {
		j.kept = append(j.kept, line...)
	}
}

// rescue is the last attempt to write what was kept, in the place of what is left
// of the line that failed. The lines before that have not met an fsync either.
// That it fails for want of room is no news. The caller holds mu.
func (j *Journal) rescue() error {
	if err := j.held.Cut(j.size); err != nil {
		return err
	}
	_, _ = j.file.Write(j.kept)
	if err := j.file.Sync(); err != nil {
		return diskError(err, "bringing the report %s onto the disk: %w", j.report)
	}
	return nil
}

// arm sees to it that the lines written since are flushed soon. The caller holds
// mu.
func (j *Journal) arm() {
	switch {
	case j.armed:
		return
	case j.timer == nil:
		// The error, if any, is kept for the next call.
		j.timer = time.AfterFunc(flushAfter, func() { _ = j.flush() })
	default:
		j.timer.Reset(flushAfter)
	}
	j.armed = true
}

// flush brings every line written so far onto the disk. Lines may be appended
// meanwhile.
func (j *Journal) flush() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	j.armed = false
	size, err, clean := j.size, j.err, j.size == j.synced
	j.mu.Unlock()
	if err != nil || clean {
		return err
	}
	err = j.file.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.full = false // no last attempt either
		if j.err == nil {
			j.err = diskError(err, "bringing the report %s onto the disk: %w; fix the disk, then run the same command again", j.report)
		}
		return j.err
	}
	j.synced = size
	return j.err
}

// untouched tells whether the report is where the next run finds it, as it was written.
func (j *Journal) untouched() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	return j.held.Untouched(j.size)
}

// fail breaks the journal, and returns the error that broke it first.
func (j *Journal) fail(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = err
	}
	return j.err
}

func (j *Journal) failed() error { return j.fail(nil) }
