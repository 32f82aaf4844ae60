package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"importer/importer/contact"
)

// past is what the earlier runs of a report say.
type past struct {
	path    string
	file    io.ReaderAt
	history *history // not changed any more
}

// Keys is what the runs made of each key. It is the caller's from now on.
func (p *past) Keys() *contact.Keys { return p.history.keys }

// Whole tells whether the last run had gone to its end and left nothing in doubt.
func (p *past) Whole() bool { return p.history.whole }

// Before reads back the outcome that was recorded last for a key whose status is
// Rejected, Failed or Unknown.
func (p *past) Before(k contact.Key) (*contact.Outcome, error) {
	n, ok := p.history.notes[k]
	if !ok || n.offset == 0 {
		return nil, fmt.Errorf("the report %s holds no outcome of the key %s", p.path, k)
	}
	b, err := bufio.NewReader(io.NewSectionReader(p.file, n.offset, maxLine)).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading the report %s at byte %d: %w", p.path, n.offset, err)
	}
	l, err := parseLine(b[:len(b)-1])
	if err != nil {
		return nil, fmt.Errorf("the report %s: the line at byte %d %w", p.path, n.offset, err)
	}
	row, ok := l.(*Row)
	if !ok || row.Key != k {
		return nil, fmt.Errorf("the report %s: the line at byte %d is not about the key %s any more", p.path, n.offset, k)
	}
	return row.Outcome(), nil
}

// A Past is a report that is only read: it is not locked, and not changed.
type Past struct {
	past
	close func() error
}

// OpenPast reads the report at path. One that is not there is an empty one. Its
// errors are those of OpenReport, but for *LockedError: another run may be
// appending to it. The caller closes it.
func OpenPast(path string, o Options) (*Past, error) {
	p := &Past{past: past{path: path, history: &history{keys: contact.NewKeys()}}, close: func() error { return nil }}
	if o.Restart {
		return p, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	p.file, p.close = f, f.Close
	if p.history, err = replay(path, f, o.Window, time.Now()); err == nil {
		err = p.history.matches(path, o)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// Sent is how many requests were sent within Options.Window.
func (p *Past) Sent() (n int) {
	for _, k := range p.history.sent.all() {
		n += k
	}
	return n
}

// Close frees the file.
func (p *Past) Close() error { return p.close() }
