package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"importer/internal/pgtest"
)

// A db is an empty schema of a server, with a user of its own whose only one it is: it is
// made sooner than a database.
type db struct {
	*pgtest.Server
	name string
}

func schema(pg *pgtest.Server, name string) db {
	pg.Exec(fmt.Sprintf(`create user "%s" login; create schema authorization "%[1]s"`, name))
	return db{pg, name}
}

func (d db) URL() string                { return d.URLOf(d.name, "importer") }
func (d db) through(addr string) string { return d.URLAt(addr, d.name, "importer") }
func (d db) Exec(sql string) string {
	return d.Server.Exec(`set search_path = "` + d.name + `", public; ` + sql)
}

// What leaves the server as it is shares one.
func TestStore(t *testing.T) {
	pg := pgtest.Start(t, pgtest.Set("max_connections", "40"))
	for name, test := range map[string]func(t *testing.T, pg db){
		"LostAnswers":      testLostAnswers,
		"TakeOver":         testTakeOver,
		"SilentEnd":        testSilentEnd,
		"Fenced":           testFenced,
		"Heartbeat":        testHeartbeat,
		"MigrationsAtOnce": testMigrationsAtOnce,
		"SessionSettings":  testSessionSettings,
		"ClaimsAtOnce":     testClaimsAtOnce,
		"Reports":          testReports,
		"ChunkPrefixes":    testChunkPrefixes,
		"Writing":          testWriting,
		"Files":            testFiles,
		"Remove":           testRemove,
		"RefusedSetUps":    testRefusedSetUps,
		"Bouncer":          testBouncer,
		"SilentServer":     testSilentServer,
		"ToldToEnd":        testToldToEnd,
		"ToldAndThere":     testToldToEndAndThere,
		"FullForALease":    testFullForALease,
		"ClaimAndAppend":   testClaimAndAppend,
		"Do":               testDo,
	} {
		t.Run(name, func(t *testing.T) {
			if name != "RefusedSetUps" { // which takes every connection
				t.Parallel()
			}
			test(t, schema(pg, strings.ToLower(name)))
		})
	}
}

// open opens the store at a URL, and closes it with the test.
func open(t *testing.T, url string, change ...func(*Options)) *Store {
	t.Helper()
	s, err := Open(t.Context(), options(url, change...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func options(url string, change ...func(*Options)) Options {
	o := Options{URL: url, Lease: 20 * time.Second, Version: "test", Process: "import", Log: zerolog.Nop(), clock: func() time.Duration { return time.Since(begun) }}
	for _, c := range change {
		c(&o)
	}
	return o
}

var begun = time.Now()

func lasting(d time.Duration) func(*Options) { return func(o *Options) { o.Lease = d } }

func report(name string) ID {
	return ID{Kind: KindReport, BaseURL: "https://api.example.com", ProjectID: "p", Name: name}
}

func claim(t *testing.T, s *Store, id ID) *Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// chunks are what the journal of a run holds, by the database.
func chunks(pg db, name string) string {
	return pg.Exec(fmt.Sprintf("select convert_from(string_agg(lines, '' order by seq), 'UTF8') from importer_journal j join importer_run r on r.id = j.run where r.name = '%s'", name))
}

func testClaimAndAppend(t *testing.T, pg db) {
	a, b := open(t, pg.URL()), open(t, pg.URL())
	mine := claim(t, a, report("contacts.csv"))
	_, err := b.Claim(t.Context(), report("contacts.csv"))
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.Host == "" || held.PID == 0 || time.Until(held.Until) < 10*time.Second {
		t.Fatalf("a second claim: %v (%+v), want a HeldError that names who and until when", err, held)
	}
	other := claim(t, b, ID{KindReport, "https://api.example.com", "another", "contacts.csv"})
	for i := range 3 {
		if err := mine.Append(t.Context(), fmt.Appendf(nil, "line %d\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := chunks(pg, "contacts.csv"); got != "line 0\nline 1\nline 2\n" && got != "line 0\nline 1\nline 2" {
		t.Errorf("the journal is %q", got)
	}
	if err := mine.Release(); err != nil {
		t.Fatal(err)
	}
	again := claim(t, b, report("contacts.csv"))
	if again.Size() != int64(len("line 0\n")*3) || again.Former != nil {
		t.Errorf("what was given back has size %d and was held by %v before", again.Size(), again.Former)
	}
	if err := errors.Join(again.Release(), other.Release()); err != nil {
		t.Fatal(err)
	}
	if n := pg.Exec("select count(*) from importer_run"); n != "1" {
		t.Errorf("%s runs are left, and one holds something", n)
	}
}

// Of many who claim at once one has it.
func testClaimsAtOnce(t *testing.T, pg db) {
	a, b := open(t, pg.URL()), open(t, pg.URL())
	for round := range 5 {
		var got, refused atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			s := []*Store{a, b}[i%2]
			all.Go(func() {
				_, err := s.Claim(t.Context(), report(fmt.Sprint(round)))
				if _, held := errors.AsType[*HeldError](err); held {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				} else {
					got.Add(1)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 || refused.Load() != 7 {
			t.Errorf("of 8 who claim a run at once %d have it, and %d are told who has", got.Load(), refused.Load())
		}
	}
}

func testDo(t *testing.T, pg db) {
	s := open(t, pg.URL())
	c := claim(t, s, ID{KindState, "https://api.example.com", "p", "importer.state.db"})
	put := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into importer_state values ($1, 'contact', $2, $3)", c.Run(), []byte("k"), bytes.Repeat([]byte("x"), 100))
		return err
	}
	if err := c.Do(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	err := c.Do(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "delete from importer_state"); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("the error of a transaction is %v", err)
	}
	if n := pg.Exec("select count(*) from importer_state"); n != "1" {
		t.Errorf("%s rows are left of 1", n)
	}
}
