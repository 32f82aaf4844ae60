package journal

import (
	"errors"
	"io/fs"
	"time"

	"importer/importer/contact"
)

// A Snapshot is what a journal says when it is read: it is not locked, and not
// changed.
type Snapshot struct {
	*contents
	close func() error
}

// Read reads the journal that a keeper has under a name. One that is not there is an empty
// one. Its errors are those of Open, but for *LockedError: another run may be appending to
// it. The caller closes the Snapshot.
func Read(k Keeper, name string, o Options) (*Snapshot, error) {
	empty := &Snapshot{contents: &contents{report: name, keys: contact.NewKeys()}, close: func() error { return nil }}
	if o.Restart {
		return empty, nil
	}
	r, err := k.Read(name, o.Unnamed)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := replay(name, r, o.Window, time.Now())
	if err == nil {
		c.file = r
		err = c.matches(o)
	}
	if err != nil {
		if err = errors.Join(err, r.Close()); isSpent(err) != "" && !o.Header.Corrects {
			return empty, nil
		}
		return nil, err
	}
	return &Snapshot{contents: c, close: r.Close}, nil
}

// Sent is how many requests were sent within Options.Window.
func (s *Snapshot) Sent() (n int) {
	for _, k := range s.sent.all() {
		n += k
	}
	return n
}

// Close frees the report.
func (s *Snapshot) Close() error { return s.close() }
