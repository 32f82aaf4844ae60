package journal

import (
	"bufio"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"io/fs"
	"os"
	"time"
)

// A Past is a report that is only read: it is not locked, and not changed.
type Past struct {
	path    string
	file    *os.File // nil where there is no report
	history *history
}

// OpenPast reads the report at path. One that is not there is an empty one. Its
// errors are those of OpenReport, but for *LockedError: another run may be
// appending to it. The caller closes it.
func OpenPast(path string, o Options) (*Past, error) {
	p := &Past{path: path, history: &history{keys: contact.NewKeys()}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || o.Restart {
		if f != nil {
			f.Close()
		}
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	p.file = f
	if p.history, err = replay(f, o.Window, time.Now()); err == nil {
		err = (&Report{path: path, options: o, history: p.history}).matches()
	} else if corrupt, ok := errors.AsType[*CorruptError](err); ok {
		corrupt.Report = path
	} else {
		err = fmt.Errorf("reading the report %s: %w", path, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// Keys is what the runs made of each key. It is the caller's from now on.
func (p *Past) Keys() *contact.Keys { return p.history.keys }

// Sent is how many requests were sent within Options.Window.
func (p *Past) Sent() (n int) {
	for _, k := range p.history.sent.all() {
		n += k
	}
	return n
}

// Whole is as Report.Whole.
func (p *Past) Whole() bool { return p.history.whole }

// Before implements change.Past.
func (p *Past) Before(k contact.Key) (*contact.Outcome, error) {
	n, ok := p.history.notes[k]
	if !ok || n.offset == 0 {
		return nil, fmt.Errorf("the report %s holds no outcome of the key %s", p.path, k)
	}
	b, err := bufio.NewReader(io.NewSectionReader(p.file, n.offset, maxLine)).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading the report %s at byte %d: %w", p.path, n.offset, err)
	}
	return parseOutcome(b)
}

// Close frees the file.
func (p *Past) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}
