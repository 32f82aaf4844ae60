// Package state keeps what runs of the importer have to know of the API's
// profiles, in SQLite files: the Listing of a project, for the length of a run,
// and the State that a sync leaves for the next one.
package state

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/gofrs/flock"
	"zombiezen.com/go/sqlite"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/internal/files"
	"importer/internal/sqlfile"
	"importer/internal/words"
)

// Options say what a state is about.
type Options struct {
	BaseURL   string
	ProjectID string
	// Rehearsal tells of a base URL and a project whether they are a sandbox: a state of
	// it is set aside elsewhere, whatever it holds. Nil: none is.
	Rehearsal func(baseURL, projectID string) bool
	// IDs is where the contact ids of the run to come are taken from. A state of another
	// id rule is refused, unless it knows nobody or Adopt goes on with it.
	IDs   idrule.Rules
	Adopt bool
	// Over says that a state of another id rule is not gone on with in any case, and why:
	// then it is set aside. Empty: it is refused.
	Over   string
	Redact bool // name no column in errors
	// Unnamed is that nobody chose the path: where it is a symbolic link, that is refused
	// and not followed.
	Unnamed bool
	// Stay leaves a state of another project where it is, whatever it holds.
	Stay bool
	// Shelf keeps the state, in the place of a file. Nil: it is a file.
	Shelf Shelf
}

// A State is what the last sync left in the API: for each key its profile, the
// digest that was sent last, and when it was touched last. It is a SQLite file,
// readable by its owner alone, locked while it is open; or a copy of what a Shelf keeps,
// which nobody else has meanwhile. It implements
// change.State; its methods may be called from several goroutines.
//
// What is recorded is committed in batches, together with the place in the
// report up to which it goes: what a crash kept out of the state is read from
// there. After an error of Record or Commit nothing more is committed, because it
// would be said to go up to a place that it does not; every later call returns that
// error.
type State struct {
	Options // as Open was given them

	// Replaced is where a state of another project was moved that nobody will miss, and
	// Because says why; empty: there was none.
	Replaced, Because string

	path    string
	lock    *flock.Flock   // nil: it is no file
	lineage idrule.Lineage // of the run to come

	mu          sync.Mutex   // over what follows
	conn        *sqlite.Conn // the only one; nil when it is closed
	copy        *workingCopy // nil: nothing but conn keeps the state
	n           int
	uncommitted int
	committed   time.Time
	err         error // of Record or Commit; the first
	source      Source
	extent      func() (lines, bytes int64)
}

// When what was recorded is committed, at the latest.
const (
	maxUncommitted = 5000
	commitEvery    = time.Second
)

// asEver is JSON as encoding/json has it: other versions share the state.
var asEver = jsonv1.DefaultOptionsV1()

const applicationID = 0x494d5354

// migrations lead from one version of the schema to the next. A file says in its
// user_version how many of them it has seen. None is ever changed.
var migrations = []string{
	`CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
	CREATE TABLE contact (
		key         BLOB PRIMARY KEY,
		id          TEXT NOT NULL,
		digest      BLOB NOT NULL,    -- of the row that was sent last
		touched     INTEGER NOT NULL, -- when the API last changed it, as far as is known, in Unix seconds
		inactive    INTEGER NOT NULL, -- it was missing from the source, and deactivated because of that
		contact_ids TEXT NOT NULL     -- JSON array
	) WITHOUT ROWID;
	CREATE UNIQUE INDEX contact_by_id ON contact (id);
	CREATE TABLE refused (
		key     BLOB PRIMARY KEY,
		digest  BLOB NOT NULL, -- of the row that the API refused
		failure TEXT NOT NULL  -- JSON
	) WITHOUT ROWID;`,
	// made: this program created the profile, and it holds nobody else's. sent is
	// change.Marks, empty where they are not known. Of contacts from before neither is.
	`ALTER TABLE contact ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE contact ADD COLUMN sent BLOB NOT NULL DEFAULT x'';`,
	correctedSchema,
	doubtSchema,
}

// Open opens or creates the state at path, or at the end of the links that somebody
// named; path is but its name where it is on a Shelf. Its errors are a *LockedError where
// another run holds it, a *MismatchError where it is of another project, or one
// of the file or the Shelf. The caller closes it.
func Open(path string, o Options) (_ *State, err error) {
	if o.Shelf != nil {
		return openShelf(path, o)
	}
	if !o.Unnamed {
		path = files.Real(path)
	} else if err := files.Refuse(path); err != nil {
		return nil, fmt.Errorf("the state %w; or name it with --state, which follows it", err)
	}
	lock, err := files.NewLock(path + ".lock")
	if _, foreign := errors.AsType[*files.ForeignError](err); foreign {
		return nil, fmt.Errorf("locking the state %s: %w", path, err)
	}
	ok := false
	if err == nil {
		ok, err = lock.TryLock()
	}
	if err != nil {
		return nil, fmt.Errorf("locking the state %s: %w; it needs a folder that can be written to: choose one with --state", path, err)
	}
	if !ok {
		return nil, &LockedError{State: path}
	}
	s := &State{path: path, Options: o, lock: lock, committed: time.Now()}
	return s.begin()
}

// begin opens the state, which is locked. With an error it is released.
func (s *State) begin() (*State, error) {
	err := s.open()
	other, mismatch := errors.AsType[*MismatchError](err)
	if mismatch && other.Spent != "" && !s.Stay {
		if err = s.replace(other.Spent); err == nil {
			err = s.open()
		}
		mismatch = false
	}
	_, noFile := errors.AsType[*fs.PathError](err)
	if _, foreign := errors.AsType[*files.ForeignError](err); noFile || foreign {
		err = fmt.Errorf("the state: %w; choose another file with --state", err)
	} else if !mismatch {
		err = s.wrap(err)
	}
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *State) open() (err error) {
	if s.Shelf != nil {
		return s.openCopy()
	}
	if s.conn, err = sqlfile.Open(s.path, settings); err != nil {
		return err
	}
	return s.prepare()
}

// replace moves the state, which is open, to the next free one of <state>.1, <state>.2 ….
func (s *State) replace(because string) error {
	err := s.closeConn() // which leaves nothing beside the file
	if err != nil {
		return err
	}
	if s.Shelf != nil {
		s.Replaced, err = s.Shelf.SetAside()
		s.Because = because
		return err
	}
	aside, err := files.NextNumbered(s.path)
	if err != nil {
		return err
	}
	s.Replaced, s.Because = aside, because
	return os.Rename(s.path, aside)
}

// With synchronous = full a commit is on disk when it returns: the report that was
// recorded may then be set aside.
const settings = "PRAGMA synchronous = full; PRAGMA cache_size = -8000"

// Empty is a state that knows nobody and lies in no file. The caller closes it.
func Empty(o Options) (*State, error) {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	o.Shelf = nil
	s := &State{path: "in memory", Options: o, conn: conn, committed: time.Now()}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// wrap says what an error is about; nil stays nil.
func (s *State) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case s.Shelf != nil:
		return s.wrapCopy(err)
	}
	return fmt.Errorf("the state %s: %w; without it, the next run makes it anew from the reports and from what the project holds", s.path, err)
}

// prepare brings the schema up to date, and looks whether the state is of this
// project.
func (s *State) prepare() error {
	var version, application, tables int
	err := sqlfile.Run(s.conn, "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version, pragma_application_id", func(stmt *sqlite.Stmt) error {
		version, application, tables = stmt.ColumnInt(0), stmt.ColumnInt(1), stmt.ColumnInt(2)
		return nil
	})
	if err != nil {
		return err
	}
	if tables > 0 && application != applicationID {
		return errors.New("this is no state of the importer")
	}
	if err := migrate(s.conn, version, len(migrations)); err != nil {
		return err
	}
	if err := sqlfile.Run(s.conn, "SELECT count(*) FROM contact", func(stmt *sqlite.Stmt) error {
		s.n = stmt.ColumnInt(0)
		return nil
	}); err != nil {
		return err
	}
	return s.belongs()
}

// migrate brings the schema from one version to another. A newer one than this program
// knows is an error.
func migrate(conn *sqlite.Conn, version, to int) error {
	if newest := max(version, to); newest > len(migrations) {
		return fmt.Errorf("it has version %d, and this program knows versions up to %d: use a newer one", newest, len(migrations))
	}
	for ; version < to; version++ {
		step := fmt.Sprintf("BEGIN; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", migrations[version], applicationID, version+1)
		if err := sqlfile.RunAll(conn, step); err != nil {
			return fmt.Errorf("bringing it to version %d: %w", version+1, err)
		}
	}
	return nil
}

// belongs tells whether the state is of this project, which a new one becomes.
func (s *State) belongs() error {
	baseURL, err := s.meta("base_url")
	if err != nil {
		return err
	}
	projectID, err := s.meta("project_id")
	if err != nil {
		return err
	}
	if err := s.follow(); err != nil && baseURL == s.BaseURL && projectID == s.ProjectID {
		return err
	}
	if baseURL == "" {
		return sqlfile.Run(s.conn, "INSERT OR REPLACE INTO meta VALUES ('base_url', ?), ('project_id', ?)", nil, s.BaseURL, s.ProjectID)
	}
	m := &MismatchError{State: s.path, What: "base URL", Was: baseURL, Now: s.BaseURL, Held: s.n}
	switch {
	case baseURL == s.BaseURL && projectID == s.ProjectID:
		return nil
	case baseURL == s.BaseURL:
		m.What, m.Was, m.Now = "project", projectID, s.ProjectID
	}
	switch {
	case s.Rehearsal != nil && s.Rehearsal(baseURL, projectID):
		m.Spent = "it was of a rehearsal in a sandbox"
	case s.n == 0:
		m.Spent = fmt.Sprintf("it was of another %s, and held no contact", m.What)
	}
	return m
}

// follow has the run to come go on with the id rule of the state.
func (s *State) follow() error {
	text, err := s.meta("id_mapping")
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &s.lineage, asEver)
	}
	if err != nil {
		return err
	}
	lineage, follows := s.lineage.Follows(s.IDs, s.Adopt || s.n == 0)
	if !follows {
		is := idrule.Lineage{Now: s.IDs}
		if s.Redact {
			lineage, is = lineage.Redacted(), is.Redacted()
		}
		return &MismatchError{State: s.path, What: idRule, Was: lineage.Now.String(), Now: is.Now.String(), Held: s.n, Spent: s.Over}
	}
	s.lineage = lineage
	return nil
}

// Lineage is where the contact ids of the state come from, those of the run to come
// included.
func (s *State) Lineage() idrule.Lineage { return s.lineage }

// Follow has the state be of a lineage, with the next commit.
func (s *State) Follow(l idrule.Lineage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lineage = s.lineage.Merge(l)
	text, err := json.Marshal(s.lineage, asEver)
	if err == nil {
		err = s.exec("INSERT OR REPLACE INTO meta VALUES ('id_mapping', ?)", string(text))
	}
	return s.wrap(err)
}

func (s *State) meta(name string) (value string, err error) {
	err = sqlfile.Run(s.conn, "SELECT value FROM meta WHERE name = ?", func(stmt *sqlite.Stmt) error {
		value = stmt.ColumnText(0)
		return nil
	}, name)
	return value, err
}

// Len is how many contacts the state knows.
func (s *State) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Entry implements change.State. The contact ids are not read.
func (s *State) Entry(k contact.Key) (e change.Entry, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = sqlfile.Run(s.conn, `SELECT key, id, iif(changing, x'', digest), touched, inactive OR removing, made, iif(changing, x'', sent),
		contact_ids IN ('null', '[]') FROM contact WHERE key = ?`, func(stmt *sqlite.Stmt) error {
		e, known = entry(stmt), true
		e.Sent, e.Nameless = sqlfile.Blob(stmt, 6), stmt.ColumnBool(7)
		return nil
	}, k[:])
	return e, known, s.wrap(err)
}

// entry is a row of key, id, digest, touched, inactive, made, and perhaps more.
func entry(stmt *sqlite.Stmt) change.Entry {
	e := change.Entry{ID: stmt.ColumnText(1), Touched: time.Unix(stmt.ColumnInt64(3), 0), Inactive: stmt.ColumnBool(4), Made: stmt.ColumnBool(5)}
	stmt.ColumnBytes(0, e.Key[:])
	stmt.ColumnBytes(2, e.Digest[:])
	return e
}

// Entries implements change.State. What was sent is not read.
func (s *State) Entries(after contact.Key, most int) (all []change.Entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = sqlfile.Run(s.conn, "SELECT key, id, digest, touched, inactive, made, contact_ids FROM contact WHERE key > ? ORDER BY key LIMIT ?", func(stmt *sqlite.Stmt) error {
		e := entry(stmt)
		err := json.Unmarshal(sqlfile.Blob(stmt, 6), &e.ContactIDs, asEver)
		e.Nameless = len(e.ContactIDs) == 0
		all = append(all, e)
		return err
	}, after[:], most)
	return all, s.wrap(err)
}

// Identify implements change.State. It is committed with what Record takes next: a
// commit of its own would say that outcomes were recorded which are on their way.
func (s *State) Identify(k contact.Key, contactIDs []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	ids, err := json.Marshal(contactIDs, asEver)
	if err == nil {
		err = s.exec("UPDATE contact SET contact_ids = ? WHERE key = ?", string(ids), k[:])
	}
	s.err = s.wrap(err)
	return s.err
}

// Refused implements change.State.
func (s *State) Refused(k contact.Key) (digest contact.Digest, why *contact.Failure, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = sqlfile.Run(s.conn, "SELECT digest, failure FROM refused WHERE key = ?", func(stmt *sqlite.Stmt) error {
		stmt.ColumnBytes(0, digest[:])
		return json.Unmarshal(sqlfile.Blob(stmt, 1), &why, asEver)
	}, k[:])
	return digest, why, s.wrap(err)
}

// Record implements change.State.
func (s *State) Record(outcomes ...*contact.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, o := range outcomes {
		err := s.record(o)
		if err == nil {
			err = s.correctEarlier(o)
		}
		if err != nil {
			s.err = s.wrap(err)
			return s.err
		}
	}
	s.uncommitted += len(outcomes)
	// Not before all are recorded: the report holds all of them.
	if s.uncommitted >= maxUncommitted || time.Since(s.committed) >= commitEvery {
		return s.commit()
	}
	return nil
}

func (s *State) record(o *contact.Outcome) error {
	if own := contact.KeyOf(o.Row.Profile.ContactIDs); o.Row.Earlier != nil && o.Status.In() && o.ID != "" && o.Row.Key != own {
		// So are the rows for which it was a correction.
		if err := s.exec("UPDATE OR REPLACE corrected SET key = ? WHERE key = ?", own[:], o.Row.Key[:]); err != nil {
			return err
		}
		adopted := *o // from here on it is known by the ids that it has now
		adopted.Row.Key = own
		o = &adopted
	}
	key := o.Row.Key
	if o.Row.Corrects != nil {
		if err := s.correct(*o.Row.Corrects, key, o.Status.In()); err != nil {
			return err
		}
	}
	switch o.Status {
	case contact.Created, contact.Updated, contact.Unchanged:
		if o.ID == "" {
			return nil // not known which profile it is: the next run finds it
		}
		return s.put(o)
	case contact.Deactivated:
		return s.exec("UPDATE contact SET inactive = 1, removing = 0, touched = ? WHERE key = ?", o.At.Unix(), key[:])
	case contact.Deleted, contact.Absent:
		if err := s.exec("DELETE FROM contact WHERE key = ?", key[:]); err != nil {
			return err
		}
		s.n -= s.conn.Changes()
	case contact.Rejected:
		why, err := json.Marshal(o.Failure, asEver)
		if err != nil {
			return err
		}
		return s.exec("INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", key[:], o.Row.Digest[:], string(why))
	}
	return nil
}

// put records a contact whose profile is in the API. Who made the profile, and the
// contact ids where the outcome does not have them, stay as they were.
func (s *State) put(o *contact.Outcome) error {
	key, made := o.Row.Key, o.Status == contact.Created
	ids, err := json.Marshal(o.Row.Profile.ContactIDs, asEver)
	if err != nil {
		return err
	}
	sent := change.MarksOf(o.Row.Profile)
	if !sent.Known() { // the outcome comes from a report, which holds no values, or was made without its row
		sent = change.Marks{}
	}
	if err := sqlfile.Run(s.conn, "SELECT made, key = ?, contact_ids, digest = ?, sent FROM contact WHERE id = ?", func(stmt *sqlite.Stmt) error {
		made = made || stmt.ColumnBool(0) && !o.Merged
		if stmt.ColumnBool(1) && len(o.Row.Profile.ContactIDs) == 0 { // of a redacted report
			ids = sqlfile.Blob(stmt, 2)
		}
		if stmt.ColumnBool(3) && o.Touched && !sent.Known() {
			sent = sqlfile.Blob(stmt, 4)
		}
		return nil
	}, key[:], o.Row.Digest[:], o.ID); err != nil {
		return err
	}
	touched := o.At
	if !o.Changed.IsZero() {
		touched = o.Changed
	}
	// A contact whose ids have changed has a new key and its old profile.
	if err := s.exec("DELETE FROM contact WHERE id = ? OR key = ?", o.ID, key[:]); err != nil {
		return err
	}
	s.n -= s.conn.Changes()
	digest := o.Row.Digest
	if o.Differs { // something else is in, which an update has to find out
		digest = contact.Digest{}
	}
	if err := s.exec("INSERT INTO contact (key, id, digest, touched, inactive, contact_ids, made, sent) VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
		key[:], o.ID, digest[:], touched.Unix(), string(ids), made, []byte(sent)); err != nil {
		return err
	}
	s.n++
	return s.exec("DELETE FROM refused WHERE key = ?", key[:])
}

// exec changes the state, within one transaction until the next commit.
func (s *State) exec(query string, values ...any) error {
	if s.conn.AutocommitEnabled() {
		if err := sqlfile.Run(s.conn, "BEGIN", nil); err != nil {
			return err
		}
	}
	return sqlfile.Run(s.conn, query, nil, values...)
}

// Commit brings what was recorded into the file or onto the Shelf, durably before it
// returns.
func (s *State) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commit()
}

func (s *State) commit() error {
	if s.err != nil {
		return s.err
	}
	s.uncommitted, s.committed = 0, time.Now()
	var err error
	if s.extent != nil {
		err = s.noteSource()
	}
	if err == nil && s.copy != nil {
		err = s.copy.save()
	}
	if err == nil && !s.conn.AutocommitEnabled() {
		err = sqlfile.Run(s.conn, "COMMIT", nil)
	}
	s.err = s.wrap(err)
	return s.err
}

// Close commits what was recorded, and frees the state.
func (s *State) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.extent != nil {
		s.err = s.wrap(s.ended())
	}
	return errors.Join(s.commit(), s.release())
}

func (s *State) release() error {
	err := s.closeConn()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Unlock())
	}
	if s.Shelf != nil {
		err = errors.Join(err, s.Shelf.Release())
	}
	return err
}

func (s *State) closeConn() error {
	if s.copy != nil {
		s.copy.unwatch()
		s.copy = nil
	}
	conn := s.conn
	if s.conn = nil; conn == nil {
		return nil
	}
	return conn.Close()
}

// A LockedError says that another run holds the state.
type LockedError struct {
	State string
	By    string // which process, and until when; empty where that is not known
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("the state %s is in use by %s; wait until that run has ended, or choose another state with --state", e.State, cmp.Or(e.By, "another process"))
}

// A MismatchError says that a state belongs to another project.
type MismatchError struct {
	State string
	What  string // "project", "base URL" or "id rule"
	Was   string // in the state
	Now   string // in this run
	Held  int    // how many contacts it knows
	Spent string // why nobody will miss it; empty: it has to be kept
}

const idRule = "id rule"

// IsIDRule tells whether it is of another id rule only.
func (e *MismatchError) IsIDRule() bool { return e.What == idRule }

func (e *MismatchError) Error() string {
	if e.What == idRule {
		return fmt.Sprintf("the state %s is of another id rule. It takes contact ids from: %s. This run takes them from: %s. "+
			"By another rule the same people have other contact ids, and the %s that it knows would be created a second time. "+
			"--adopt goes on with it, and looks everybody up by the new ids first; else choose another state with --state and another report with --report, or move both aside and begin anew with --restart",
			e.State, e.Was, e.Now, words.Plural(e.Held, "contact", "contacts"))
	}
	return fmt.Sprintf("the state %s belongs to another project: its %s is %q, and this run's is %q, and it knows %s there; choose another state with --state",
		e.State, e.What, e.Was, e.Now, words.Plural(e.Held, "contact", "contacts"))
}
