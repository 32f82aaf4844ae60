package state

import (
	"errors"
	"fmt"
	"importer/importer/contact"
	"sync"

	"github.com/go-json-experiment/json"
	"zombiezen.com/go/sqlite"
)

// A Listing holds the profiles of a project that were listed, to be found by
// contact id. It lies in a file without a name that ends with the process, so
// that memory does not grow with the project, and is made with the first profile.
// The zero value is empty; the caller closes it. It implements importer.Listing;
// its methods may be called from several goroutines.
type Listing struct {
	mu   sync.Mutex   // over what follows
	conn *sqlite.Conn // nil: no profile was added
	n    int
}

const listingSchema = `
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
CREATE TABLE profile (id TEXT PRIMARY KEY, found BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE contact (id TEXT NOT NULL, profile TEXT NOT NULL, PRIMARY KEY (id, profile)) WITHOUT ROWID;`

// Len is how many profiles it holds.
func (l *Listing) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// Add takes a page of profiles, and returns how many of them are new. A profile
// that is there already stays as it is.
func (l *Listing) Add(page []contact.Found) (added int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if err != nil {
			err = fmt.Errorf("keeping the list of profiles: %w", err)
		}
	}()
	if l.conn == nil {
		if l.conn, err = temporary(listingSchema); err != nil {
			return 0, err
		}
	}
	if err := run(l.conn, "BEGIN", nil); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, run(l.conn, "ROLLBACK", nil))
		}
	}()
	for _, f := range page {
		text, err := json.Marshal(f, asEver)
		if err != nil {
			return 0, err
		}
		if err := run(l.conn, "INSERT OR IGNORE INTO profile VALUES (?, ?)", nil, f.ID, text); err != nil {
			return 0, err
		}
		if l.conn.Changes() == 0 {
			continue
		}
		added++
		for _, id := range f.ContactIDs {
			if err := run(l.conn, "INSERT OR IGNORE INTO contact VALUES (?, ?)", nil, id, f.ID); err != nil {
				return 0, err
			}
		}
	}
	if err := run(l.conn, "COMMIT", nil); err != nil {
		return 0, err
	}
	l.n += added
	return added, nil
}

// Find returns the profiles that hold one of these contact ids, each once.
func (l *Listing) Find(contactIDs []string) ([]contact.Found, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil, nil
	}
	var all []contact.Found
	for _, id := range contactIDs {
		found, err := l.find(id)
		if err != nil {
			return nil, fmt.Errorf("reading the list of profiles: %w", err)
		}
		for _, f := range found {
			if !contains(all, f.ID) {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

func (l *Listing) find(contactID string) (found []contact.Found, err error) {
	err = run(l.conn, "SELECT p.found FROM contact c JOIN profile p ON p.id = c.profile WHERE c.id = ?", func(stmt *sqlite.Stmt) error {
		var f contact.Found
		err := json.Unmarshal(blob(stmt, 0), &f, asEver)
		found = append(found, f)
		return err
	}, contactID)
	return found, err
}

// Get is the profile of an id; false where it was not listed.
func (l *Listing) Get(id string) (f contact.Found, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return f, false, nil
	}
	err = run(l.conn, "SELECT found FROM profile WHERE id = ?", func(stmt *sqlite.Stmt) error {
		ok = true
		return json.Unmarshal(blob(stmt, 0), &f, asEver)
	}, id)
	if err != nil {
		return f, false, fmt.Errorf("reading the list of profiles: %w", err)
	}
	return f, ok, nil
}

func contains(found []contact.Found, id string) bool {
	for _, f := range found {
		if f.ID == id {
			return true
		}
	}
	return false
}

// Close removes the listing.
func (l *Listing) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	conn := l.conn
	l.conn = nil
	if conn == nil {
		return nil
	}
	return conn.Close()
}
