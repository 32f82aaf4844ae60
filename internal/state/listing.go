package state

import (
	"fmt"
	"sync"

	"github.com/go-json-experiment/json"
	"zombiezen.com/go/sqlite"

	"importer/importer/contact"
	"importer/internal/sqlfile"
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
		if l.conn, err = sqlfile.Temporary(listingSchema); err != nil {
			return 0, err
		}
	}
	err = sqlfile.Transaction(l.conn, func() error {
		for _, f := range page {
			isNew, err := l.add(f)
			if err != nil {
				return err
			}
			if isNew {
				added++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	l.n += added
	return added, nil
}

// add takes one profile, and tells whether it is new.
func (l *Listing) add(f contact.Found) (bool, error) {
	text, err := json.Marshal(f, asEver)
	if err != nil {
		return false, err
	}
	if err := sqlfile.Run(l.conn, "INSERT OR IGNORE INTO profile VALUES (?, ?)", nil, f.ID, text); err != nil {
		return false, err
	}
	if l.conn.Changes() == 0 {
		return false, nil
	}
	for _, id := range f.ContactIDs {
		if err := sqlfile.Run(l.conn, "INSERT OR IGNORE INTO contact VALUES (?, ?)", nil, id, f.ID); err != nil {
			return false, err
		}
	}
	return true, nil
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
	err = sqlfile.Run(l.conn, "SELECT p.found FROM contact c JOIN profile p ON p.id = c.profile WHERE c.id = ?", func(stmt *sqlite.Stmt) error {
		var f contact.Found
		err := json.Unmarshal(sqlfile.Blob(stmt, 0), &f, asEver)
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
	err = sqlfile.Run(l.conn, "SELECT found FROM profile WHERE id = ?", func(stmt *sqlite.Stmt) error {
		ok = true
		return json.Unmarshal(sqlfile.Blob(stmt, 0), &f, asEver)
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
