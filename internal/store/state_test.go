package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/pgtest"
	"importer/internal/state"
)

const (
	stateURL     = "https://api.example.com"
	stateProject = "p"
	stateName    = "importer.state.db"
)

func openState(s *Store, change ...func(*state.Options)) (*state.State, error) {
	o := state.Options{BaseURL: stateURL, ProjectID: stateProject, Shelf: s.Shelf(stateURL, stateProject, stateName)}
	for _, c := range change {
		c(&o)
	}
	return state.Open(stateName, o)
}

func mustState(t *testing.T, s *Store) *state.State {
	t.Helper()
	st, err := openState(s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func created(n int) *contact.Outcome {
	p := contact.Profile{ContactIDs: []string{fmt.Sprint("c", n)}}
	return &contact.Outcome{Row: contact.Row{Key: contact.KeyOf(p.ContactIDs), Source: "c.csv", Line: n + 2, Profile: p}, Status: contact.Created, ID: fmt.Sprintf("%024d", n), Attempts: 1, At: time.Unix(1e9, 0).UTC()}
}

func deleted(n int) *contact.Outcome {
	o := created(n)
	o.Status = contact.Deleted
	return o
}

// commit has a state record outcomes, and commit them.
func commit(s *state.State, all ...*contact.Outcome) error {
	return errors.Join(s.Record(all...), s.Commit())
}

// A database is an empty one of a server.
type database struct {
	*pgtest.Server
	name, url string
}

func (db database) exec(sql string) string { return db.ExecIn(db.name, sql) }

// through is its address behind a proxy.
func (db database) through(p *pgtest.Proxy) string { return db.URLAt(p.Addr(), "importer", db.name) }

func TestStateInTheStore(t *testing.T) {
	pg := pgtest.Start(t)
	for name, test := range map[string]func(*testing.T, database){
		"kept": testStateIsKept, "fenced": testStateIsFenced, "broken": testStateOverBrokenConnections, "many": testStateOfManyRows, "killed": testSyncsThatAreKilled,
	} {
		t.Run(name, func(t *testing.T) { test(t, database{pg, name, pg.Database(name)}) })
	}
}

// stateRowsOf are the rows of all states but what they say of themselves, by the database.
func stateRowsOf(db database) string {
	return db.exec("select r.name, s.tab, encode(s.key, 'hex'), convert_from(s.row, 'UTF8') from importer_state s join importer_run r on r.id = s.run where s.tab <> 'meta' and r.project_id = '" + stateProject + "' order by 1, 2, 3")
}

// expire has every lease end, of stores whose processes do not renew it any more.
func expire(db database, dead ...*Store) {
	for _, s := range dead {
		s.stop()
		s.beating.Wait()
	}
	db.exec("update importer_run set lease_until = clock_timestamp() - interval '1 second' where lease_until is not null")
}

func testStateIsKept(t *testing.T, db database) {
	a, b := open(t, db.url), open(t, db.url)
	if there, err := a.Shelf(stateURL, stateProject, stateName).Exists(t.Context()); there || err != nil {
		t.Errorf("before the first: %t, %v", there, err)
	}
	s := mustState(t, a)
	if err := commit(s, created(1), created(2)); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	_, err = openState(b)
	if locked, ok := errors.AsType[*state.LockedError](err); !ok || !strings.Contains(locked.Error(), fmt.Sprintf("the state %s is in use by process %d on %s until 20", stateName, os.Getpid(), host)) {
		t.Errorf("opened twice: %v", err)
	}
	other, err := openState(b, func(o *state.Options) { o.ProjectID, o.Shelf = "another", b.Shelf(stateURL, "another", stateName) })
	if err != nil || other.Len() != 0 {
		t.Fatalf("the state of another project: %v", err)
	}
	if err := errors.Join(other.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if there, err := b.Shelf(stateURL, stateProject, stateName).Exists(t.Context()); !there || err != nil {
		t.Errorf("after it: %t, %v", there, err)
	}
	s = mustState(t, b)
	if e, known, err := s.Entry(created(2).Row.Key); s.Len() != 2 || !known || e.ID != created(2).ID || !e.Made || err != nil {
		t.Errorf("it holds %d contacts, and of one %+v, %v", s.Len(), e, err)
	}
	if err := errors.Join(commit(s, deleted(1)), s.SetAside("it is old"), commit(s, created(3)), s.SetAside("so is this"), s.Close()); err != nil || s.Replaced != stateName+".2" {
		t.Fatal(s.Replaced, err)
	}
	want := fmt.Sprintf("%s|version|%x|4\n", stateName, "version")
	for i, n := range []int{2, 3} {
		want += fmt.Sprintf(`%s.%d|contact|%x|{"id":"%024d","digest":"AAAAAAAAAAAAAAAAAAAAAA==","touched":1000000000,"inactive":0,"contact_ids":"[\"c%[4]d\"]","made":1,"sent":"","changing":0,"removing":0}
%[1]s.%[2]d|version|%[5]x|4
`, stateName, i+1, created(n).Row.Key[:], n, "version")
	}
	if got := stateRowsOf(db) + "\n"; got != want {
		t.Errorf("the store holds\n%s\nwant\n%s", got, want)
	}
}

// Who was away for longer than its lease writes nothing more, and whoever goes on has what
// was committed.
func testStateIsFenced(t *testing.T, db database) {
	dead := open(t, db.url)
	first := mustState(t, dead)
	if err := commit(first, created(1)); err != nil {
		t.Fatal(err)
	}
	if err := first.Record(created(2)); err != nil {
		t.Fatal(err)
	}
	expire(db, dead)
	next := mustState(t, open(t, db.url))
	if next.Len() != 1 {
		t.Errorf("it holds %d contacts of 1 that was committed", next.Len())
	}
	if err := commit(next, created(3)); err != nil {
		t.Fatal(err)
	}
	before := stateRowsOf(db)
	for range 2 {
		err := first.Commit()
		if fenced, ok := errors.AsType[*FencedError](err); !ok || fenced.Kind != KindState || fenced.PID != os.Getpid() {
			t.Errorf("a commit after the lease: %v", err)
		}
	}
	if err := first.Close(); err == nil || stateRowsOf(db) != before {
		t.Errorf("closed with %v, and the store holds\n%s", err, stateRowsOf(db))
	}
	if err := commit(next, created(4)); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
}

// The answer to a commit is lost, or the request, or the server stops in between: it is
// made again, and the state is as if nothing had been.
func testStateOverBrokenConnections(t *testing.T, db database) {
	proxy := pgtest.NewProxy(t, db.Addr())
	s := mustState(t, open(t, db.through(proxy)))
	var started sync.WaitGroup
	for n := range 12 {
		all := []*contact.Outcome{created(n), created(n + 1)}
		if n > 2 {
			all = append(all, deleted(n-2))
		}
		switch n % 4 {
		case 1:
			proxy.CutAnswer("commit")
		case 2:
			proxy.CutRequest("commit")
		case 3:
			if n == 3 {
				db.Stop(true)
				started.Go(db.Start)
			}
		}
		if err := commit(s, all...); err != nil {
			t.Fatal(n, err)
		}
	}
	started.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := mustState(t, open(t, db.url))
	for n := range 13 {
		if _, known, err := got.Entry(created(n).Row.Key); known != (n == 0 || n > 9) || err != nil {
			t.Errorf("contact %d is known: %t, %v", n, known, err)
		}
	}
	if err := got.Close(); err != nil {
		t.Fatal(err)
	}
}

// More rows than one statement takes, and a connection that breaks while they are read.
func testStateOfManyRows(t *testing.T, db database) {
	proxy := pgtest.NewProxy(t, db.Addr())
	st := open(t, db.through(proxy))
	s := mustState(t, st)
	const n = 12_000
	all := make([]*contact.Outcome, n)
	for i := range all {
		all[i] = created(i)
		all[i].Row.Profile.ContactIDs = []string{fmt.Sprint("c", i), strings.Repeat("x", 400)} // more than fits into the buffers
	}
	if err := commit(s, all...); err != nil {
		t.Fatal(err)
	}
	for i := range 7000 {
		all[i] = deleted(i)
	}
	if err := errors.Join(commit(s, all[:7000]...), s.Close()); err != nil {
		t.Fatal(err)
	}
	shelf := st.Shelf(stateURL, stateProject, stateName)
	if err := shelf.Claim(); err != nil {
		t.Fatal(err)
	}
	var last string
	seen := 0
	for row, err := range shelf.Rows("contact") {
		if err != nil {
			t.Fatal(err)
		}
		if string(row.Key) <= last {
			t.Fatalf("the row %x after %x", row.Key, last)
		}
		last = string(row.Key)
		if seen++; seen == 100 || seen == 3000 {
			proxy.Cut()
		}
	}
	for range shelf.Rows("contact") {
		break // and nothing stays behind
	}
	if err := shelf.Release(); err != nil || seen != n-7000 {
		t.Errorf("%d rows of %d, %v", seen, n-7000, err)
	}
	if s = mustState(t, st); s.Len() != n-7000 {
		t.Errorf("%d contacts of %d", s.Len(), n-7000)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
