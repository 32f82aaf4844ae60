package state

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"importer/importer"
)

// A Listing holds the profiles of a project that were listed, to be found by
// contact id. It lies in a file without a name that ends with the process, so
// that memory does not grow with the project. It implements importer.Listing;
// its methods may be called from several goroutines.
type Listing struct {
	mu sync.Mutex // over the one connection
	db *sql.DB
	n  int
}

const listingSchema = `
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
CREATE TABLE profile (id TEXT PRIMARY KEY, found BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE contact (id TEXT NOT NULL, profile TEXT NOT NULL, PRIMARY KEY (id, profile)) WITHOUT ROWID;`

// NewListing makes an empty listing. The caller closes it.
func NewListing() (*Listing, error) {
	db, err := sql.Open("sqlite", "") // a private file, which SQLite removes
	if err != nil {
		return nil, fmt.Errorf("a file for the list of profiles: %w", err)
	}
	db.SetMaxOpenConns(1) // each connection would have a file of its own
	if _, err := db.Exec(listingSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("a file for the list of profiles: %w", err), db.Close())
	}
	return &Listing{db: db}, nil
}

// Len is how many profiles it holds.
func (l *Listing) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// Add takes a page of profiles, and returns how many of them are new. A profile
// that is there already stays as it is.
func (l *Listing) Add(page []importer.Found) (added int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if err != nil {
			err = fmt.Errorf("keeping the list of profiles: %w", err)
		}
	}()
	tx, err := l.db.Begin()
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	for _, f := range page {
		text, err := json.Marshal(f)
		if err != nil {
			return 0, err
		}
		done, err := tx.Exec("INSERT OR IGNORE INTO profile VALUES (?, ?)", f.ID, text)
		if err != nil {
			return 0, err
		}
		if n, err := done.RowsAffected(); err != nil {
			return 0, err
		} else if n == 0 {
			continue
		}
		added++
		for _, id := range f.ContactIDs {
			if _, err := tx.Exec("INSERT OR IGNORE INTO contact VALUES (?, ?)", id, f.ID); err != nil {
				return 0, err
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	l.n += added
	return added, nil
}

// Find returns the profiles that hold one of these contact ids, each once.
func (l *Listing) Find(contactIDs []string) ([]importer.Found, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []importer.Found
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

func (l *Listing) find(contactID string) ([]importer.Found, error) {
	rows, err := l.db.Query("SELECT p.found FROM contact c JOIN profile p ON p.id = c.profile WHERE c.id = ?", contactID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []importer.Found
	for rows.Next() {
		var text []byte
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		var f importer.Found
		if err := json.Unmarshal(text, &f); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, rows.Err()
}

// Get is the profile of an id; false where it was not listed.
func (l *Listing) Get(id string) (f importer.Found, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text []byte
	err = l.db.QueryRow("SELECT found FROM profile WHERE id = ?", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return f, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return f, false, fmt.Errorf("reading the list of profiles: %w", err)
	}
	return f, true, nil
}

func contains(found []importer.Found, id string) bool {
	for _, f := range found {
		if f.ID == id {
			return true
		}
	}
	return false
}

// Close removes the listing.
func (l *Listing) Close() error { return l.db.Close() }
