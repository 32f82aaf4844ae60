package state

import (
	"fmt"
	"slices"
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
	before := l.n
	if l.conn == nil {
		l.conn, err = sqlfile.Temporary(listingSchema)
	}
	for i := 0; i < len(page) && err == nil; i++ {
		err = l.add(page[i])
	}
	if err != nil {
		return 0, fmt.Errorf("keeping the list of profiles: %w", err)
	}
	return l.n - before, nil
}

func (l *Listing) add(f contact.Found) error {
	f.Others = nil // nobody who is looked for here is asked about them
	text, err := json.Marshal(f, asEver)
	if err != nil {
		return err
	}
	if err := sqlfile.Run(l.conn, "INSERT OR IGNORE INTO profile VALUES (?, ?)", nil, f.ID, text); err != nil {
		return err
	}
	if l.conn.Changes() == 0 {
		return nil
	}
	l.n++
	for _, id := range f.ContactIDs {
		if err := sqlfile.Run(l.conn, "INSERT OR IGNORE INTO contact VALUES (?, ?)", nil, id, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// Find returns the profiles that hold one of these contact ids, each once.
func (l *Listing) Find(contactIDs []string) (all []contact.Found, err error) {
	for _, id := range contactIDs {
		found, err := l.query("SELECT p.found FROM contact c JOIN profile p ON p.id = c.profile WHERE c.id = ?", id)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.ContainsFunc(all, func(one contact.Found) bool { return one.ID == f.ID }) {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// Get is the profile of an id; false where it was not listed.
func (l *Listing) Get(id string) (f contact.Found, ok bool, err error) {
	found, err := l.query("SELECT found FROM profile WHERE id = ?", id)
	if err != nil || len(found) == 0 {
		return f, false, err
	}
	return found[0], true, nil
}

func (l *Listing) query(query, id string) (found []contact.Found, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil, nil
	}
	err = sqlfile.Run(l.conn, query, func(stmt *sqlite.Stmt) error {
		var f contact.Found
		err := json.Unmarshal(sqlfile.Blob(stmt, 0), &f, asEver)
		found = append(found, f)
		return err
	}, id)
	if err != nil {
		return nil, fmt.Errorf("reading the list of profiles: %w", err)
	}
	return found, nil
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
