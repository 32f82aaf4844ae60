package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"importer/importer/contact"
	"importer/internal/files"
)

// A Snapshot is what a journal says when it is read: it is not locked, and not
// changed.
type Snapshot struct {
	*contents
	close func() error
}

// Read reads the journal at path. One that is not there is an empty one. Its errors
// are those of Open, but for *LockedError: another run may be appending to it. The
// caller closes the Snapshot.
func Read(path string, o Options) (*Snapshot, error) {
	empty := &Snapshot{contents: &contents{report: path, keys: contact.NewKeys()}, close: func() error { return nil }}
	if o.Restart {
		return empty, nil
	}
	if err := o.refuseLink(path); err != nil {
		return nil, err
	}
	f, err := files.OpenOrdinary(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	c, err := replay(path, f, o.Window, time.Now())
	if err == nil {
		c.file = f
		err = c.matches(o)
	}
	if err != nil {
		if err = errors.Join(err, f.Close()); isSpent(err) != "" && !o.Header.Corrects {
			return empty, nil
		}
		return nil, err
	}
	return &Snapshot{contents: c, close: f.Close}, nil
}

// Sent is how many requests were sent within Options.Window.
func (s *Snapshot) Sent() (n int) {
	for _, k := range s.sent.all() {
		n += k
	}
	return n
}

// Close frees the file.
func (s *Snapshot) Close() error { return s.close() }
