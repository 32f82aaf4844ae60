package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"importer/internal/pgtest"
)

// open opens a query, and closes it with the test.
func open(t *testing.T, o Options) *Rows {
	t.Helper()
	r, err := Open(o)
	if err == nil {
		t.Cleanup(func() { r.Close() })
		err = r.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rest are the rows that come next, and how they end.
func rest(r *Rows) (rows []string, err error) {
	for {
		row, err := r.Next()
		if err != nil {
			return rows, err
		}
		rows = append(rows, string(row))
	}
}

// failure is the error of a query, wherever it shows.
func failure(o Options) error {
	r, err := Open(o)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Start(); err != nil {
		return err
	}
	if _, err = rest(r); err == io.EOF {
		return nil
	}
	return err
}

func TestQuery(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	s.Exec(`create table people (id int primary key, email text, tags text[], extra jsonb, at timestamptz, day date, n numeric, ok bool, f float8, secret bytea);
		grant all on people to importer;
		insert into people select i, 'p' || i || '@example.com', array['a','b "c"'], '{"x":[1,null]}', '2026-01-31 12:00:00+02', '2026-01-31', 12345678901234567890.10, i % 2 = 0, 0.1, null
		from generate_series(1, 3000) i;
		insert into people (id) values (0)`)
	t.Run("types", func(t *testing.T) {
		r := open(t, Options{Address: s.URL(), Query: "select id, email as \"E-Mail\", tags, extra, at, day, n, ok, f, null as nothing from people where id < 2 and email is distinct from 'a;--b' order by id -- all\n;\n"})
		got, err := rest(r)
		want := []string{
			`{"id":0,"E-Mail":null,"tags":null,"extra":null,"at":null,"day":null,"n":null,"ok":null,"f":null,"nothing":null}`,
			`{"id":1,"E-Mail":"p1@example.com","tags":["a","b \"c\""],"extra":{"x": [1, null]},"at":"2026-01-31T10:00:00+00:00","day":"2026-01-31","n":12345678901234567890.10,"ok":false,"f":0.1,"nothing":null}`,
		}
		if err != io.EOF || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
		}
	})
	t.Run("one snapshot", func(t *testing.T) {
		r, err := Open(Options{Address: s.URL(), Query: "select id, email from people order by id"})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.Rename(1, `Mail "x"`)
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		if row, err := r.Peek(1); err != nil || string(row) != `{"id":1,"Mail \"x\"":"p1@example.com"}` {
			t.Fatalf("%s, %v", row, err)
		}
		first, err := rest(r)
		if err != io.EOF || len(first) != 3001 {
			t.Fatalf("%d rows, %v", len(first), err)
		}
		s.Exec("insert into people (id) values (9999); update people set email = 'changed' where id = 5")
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		second, err := rest(r)
		if err != io.EOF || len(second) != 3001 || second[5] != `{"id":5,"Mail \"x\"":"p5@example.com"}` {
			t.Errorf("%d rows, %v, %s", len(second), err, second[5])
		}
	})
	t.Run("errors", func(t *testing.T) {
		for _, c := range []struct {
			query, says string
			want        error
		}{
			{"", "source.query", ErrUnusable},
			{"delete from people returning id", "one SELECT", ErrUnusable},
			{"with gone as (delete from people returning id) select * from gone", "one SELECT", ErrUnusable},
			{"select id from people; delete from people", "one SELECT", ErrUnusable},
			{"select id from people) as x(id); delete from people; --", "one SELECT", ErrUnusable},
			{"select id from people for update", "read-only", ErrUnusable},
			{"drop table people", "no columns", ErrUnusable},
			{"select id, id from people", "two columns", ErrUnusable},
			{"select id, secret from people", "bytea", ErrUnusable},
			{"select array[secret] as s from people", "bytea", ErrUnusable},
			{"select id from people where id = $1", "parameter", ErrUnusable},
			{"select nobody from people", "names of the columns", ErrUnusable},
			{"select * from nobody", "names of the tables", ErrUnusable},
			{"select id, 1 / (id - 2000) as x from people order by id", "division by zero", ErrUnusable},
			{"select id, repeat('x', 17 << 20) as x from people limit 1", "16 MiB", ErrUnusable},
			{"select pg_sleep(30)", "statement_timeout", ErrAway},
		} {
			timeout := "2min"
			if strings.Contains(c.query, "pg_sleep") {
				timeout = "1s"
			}
			err := failure(Options{Address: s.URL() + "&statement_timeout=" + timeout, Query: c.query})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", c.query, err, c.says)
			}
		}
		if n := s.Exec("select count(*) from people"); n != "3002" {
			t.Errorf("there are %s people", n)
		}
	})
	t.Run("other rows each time", func(t *testing.T) {
		r := open(t, Options{Address: s.URL(), Query: "select id, random() as x from people where id < 20"})
		if rows, err := rest(r); err != io.EOF || len(rows) != 20 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := rest(r); !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
	})
	t.Run("cancelled there", func(t *testing.T) {
		r := open(t, Options{Address: s.URL(), Query: "select id, pg_sleep(0.01)::text as x from people"})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		s.Exec("select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'importer'")
		s.Exec("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'importer'")
		if rows, err := rest(r); err == nil || err == io.EOF || !errors.Is(err, ErrAway) {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
	t.Run("cancelled here", func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		r := open(t, Options{Context: ctx, Address: s.URL(), Query: "select id from people union all select 1 from pg_sleep(30)"})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		if rows, err := rest(r); !errors.Is(err, cause) {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
}

// A pool that hands a session to another client after each transaction is as good.
func TestThroughABouncer(t *testing.T) {
	s := pgtest.Start(t)
	b := pgtest.StartBouncer(t, s, "transaction")
	for range 2 {
		r := open(t, Options{Address: b.URL(), Query: "select i as id from generate_series(1, 3000) i"})
		if rows, err := rest(r); err != io.EOF || len(rows) != 3000 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		r.Close()
	}
}

// Nobody's password is shown, wherever it stands.
func TestConnect(t *testing.T) {
	s := pgtest.Start(t, pgtest.Password("s3cret"))
	const query = "select 1 as id"
	for address, says := range map[string]string{
		strings.Replace(s.URL(), "importer@", "importer:s3cret@", 1):    "PGPASSWORD",
		s.URL() + "&password=s3cret":                                    "PGPASSWORD",
		s.URL():                                                         "password",
		"postgres://importer:s3cret/x@127.0.0.1/importer":               "PGPASSWORD",
		"postgres://importer@127.0.0.1:1/importer?connect_timeout=2":    "refused",
		"postgres://importer@127.0.0.1:port/importer":                   "cannot be read",
		s.URL() + "&statement_timeout=never":                            "statement_timeout",
		strings.Replace(s.URL(), "disable", "verify-full", 1):           "TLS",
		s.URL() + "&sslcrl=x":                                           "",
		strings.Replace(s.URL(), "/importer?", "/nobody?", 1):           "",
		"postgres://importer@s3cret@127.0.0.1/importer":                 "PGPASSWORD",
		"postgres://importer:s3cret@s3cret@127.0.0.1/importer?a=s3cret": "PGPASSWORD",
	} {
		err := failure(Options{Address: address, Query: query})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v, want %q", err, says)
		}
	}
	t.Setenv("PGPASSWORD", "s3cret")
	if err := failure(Options{Address: s.URL(), Query: query}); err != nil {
		t.Error(err)
	}
	if err := failure(Options{Address: strings.Replace(s.URL(), "/importer?", "/nobody?", 1), Query: query}); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "no such database") {
		t.Error(err)
	}
}

// Whatever the result holds, little of it is in memory. QUERY_ROWS says how many rows.
func TestMemoryStaysFlat(t *testing.T) {
	rows := 50_000
	if n, err := fmt.Sscan(os.Getenv("QUERY_ROWS"), &rows); n == 0 && err != nil && os.Getenv("QUERY_ROWS") != "" {
		t.Fatal(err)
	}
	s := pgtest.Start(t)
	r := open(t, Options{Address: s.URL(), Query: fmt.Sprintf("select i as id, 'p' || i || '@example.com' as email, repeat('x', 200) as note from generate_series(1, %d) i", rows)})
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	for n := 0; ; n++ {
		row, err := r.Next()
		if err == io.EOF && n == rows {
			break
		}
		if err != nil {
			t.Fatalf("after %d rows: %v", n, err)
		}
		var got struct{ ID int }
		if n%1000 == 0 {
			if err := json.Unmarshal(row, &got); err != nil || got.ID != n+1 {
				t.Fatalf("row %d is %s, %v", n+1, row, err)
			}
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("%d rows took %d MiB", rows, grown>>20)
	}
}
