package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"importer/internal/pgtest"
	"importer/internal/store/lease"
)

// numberedLines is what appending n lines leaves.
func numberedLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func journalOf(pg db, name string) string {
	return strings.TrimSuffix(chunks(pg, name), "\n")
}

// PostgreSQL is stopped as by a crash while lines are appended: none is lost, none is there
// twice, and whoever wants to know hears of it.
func TestServerStopsUnderAppend(t *testing.T) {
	server := pgtest.Start(t)
	pg := schema(server, "crash")
	var gone, back atomic.Int32
	s := open(t, pg.URL(), func(o *Options) {
		o.Away = func(since time.Time, _ error) {
			if since.IsZero() {
				back.Add(1)
			} else {
				gone.Add(1)
			}
		}
	})
	c := claim(t, s, report("contacts.csv"))
	stop := make(chan struct{})
	done := make(chan error, 1)
	n := 0
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := c.Append(context.Background(), fmt.Appendf(nil, "line %d\n", n)); err != nil {
				done <- err
				return
			}
			n++
		}
	}()
	for range 2 {
		before := c.Size()
		pg.Stop(true)
		pg.Start()
		for c.Size() < before+300 && len(done) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := journalOf(pg, "contacts.csv"); got != numberedLines(n) {
		t.Errorf("after 2 crashes the journal is not the %d lines that were appended", n)
	}
	if gone.Load() == 0 || gone.Load() != back.Load() {
		t.Errorf("it was told %d times that the store is away, and %d times that it is back", gone.Load(), back.Load())
	}
}

// The answer of a commit is lost, or the request itself: what was to be done is done once.
func testLostAnswers(t *testing.T, pg db) {
	proxy := pgtest.NewProxy(t, pg.Addr())
	s := open(t, pg.through(proxy.Addr()))
	cuts := map[string]func(string) <-chan struct{}{"answer": proxy.CutAnswer, "request": proxy.CutRequest}
	insert := func(c *Claim) func(ctx context.Context, tx pgx.Tx) error {
		return func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "insert into importer_state values ($1, 'n', convert_to(clock_timestamp()::text, 'UTF8'), '')", c.Run())
			return err
		}
	}
	for what, cut := range cuts {
		t.Run("append "+what, func(t *testing.T) {
			c := claim(t, s, report("append "+what))
			for i := range 3 {
				done := cut("insert into importer_journal")
				if err := c.Append(t.Context(), fmt.Appendf(nil, "line %d\n", i)); err != nil {
					t.Fatal(err)
				}
				<-done
			}
			if got := journalOf(pg, "append "+what); got != numberedLines(3) {
				t.Errorf("the journal is %q", got)
			}
		})
		t.Run("do "+what, func(t *testing.T) {
			c := claim(t, s, report("do "+what))
			for range 3 {
				done := cut("commit")
				if err := c.Do(t.Context(), insert(c)); err != nil {
					t.Fatal(err)
				}
				<-done
			}
			if n := pg.Exec(fmt.Sprintf("select count(*) from importer_state where run = %d", c.Run())); n != "3" {
				t.Errorf("3 transactions inserted %s rows", n)
			}
		})
		t.Run("aside "+what, func(t *testing.T) {
			c := claim(t, s, report("aside "+what))
			for i := range 3 {
				if err := c.Append(t.Context(), fmt.Appendf(nil, "line %d\n", i)); err != nil {
					t.Fatal(err)
				}
				done := cut("commit")
				aside, err := c.SetAside(t.Context())
				if want := fmt.Sprintf("aside %s.%d", what, i+1); err != nil || aside != want {
					t.Fatalf("set aside as %q, %v; want %q", aside, err, want)
				}
				<-done
			}
			if got := chunks(pg, "aside "+what+".2"); strings.TrimSpace(got) != "line 1" {
				t.Errorf("the second that was set aside holds %q", got)
			}
			if c.Size() != 0 {
				t.Errorf("what is claimed in the place of it has %d bytes", c.Size())
			}
		})
		t.Run("claim "+what, func(t *testing.T) {
			claim(t, s, report("warm "+what))
			done := cut("with was as")
			c := claim(t, s, report("claim "+what))
			<-done
			if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
				t.Error(err)
			}
		})
		t.Run("replace "+what, func(t *testing.T) {
			c := claim(t, s, report("replace "+what))
			if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
				t.Fatal(err)
			}
			done := cut("commit")
			err := c.Replace(t.Context(), time.Now(), func(w io.Writer, old io.Reader) error {
				if _, err := io.Copy(w, old); err != nil {
					return err
				}
				_, err := io.WriteString(w, "line 1\n")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			<-done
			if err := c.Append(t.Context(), []byte("line 2\n")); err != nil {
				t.Fatal(err)
			}
			if got := journalOf(pg, "replace "+what); got != numberedLines(3) {
				t.Errorf("the journal is %q", got)
			}
		})
		t.Run("cut "+what, func(t *testing.T) {
			c := claim(t, s, report("cut "+what))
			for i := range 3 {
				if err := c.Append(t.Context(), fmt.Appendf(nil, "line %d\nmore\n", i)); err != nil {
					t.Fatal(err)
				}
			}
			done := cut("commit")
			if err := c.Cut(t.Context(), 19); err != nil { // line 0, more, line 1
				t.Fatal(err)
			}
			<-done
			if err := c.Append(t.Context(), []byte("end\n")); err != nil {
				t.Fatal(err)
			}
			if got := journalOf(pg, "cut "+what); got != "line 0\nmore\nline 1\nend" {
				t.Errorf("the journal is %q", got)
			}
		})
	}
}

// A holder that has no contact for a lease ends, and says why. Who takes over finds all that
// was announced; what arrives late of the old holder changes nothing.
func testTakeOver(t *testing.T, pg db) {
	proxy := pgtest.NewProxy(t, pg.Addr())
	old := open(t, pg.through(proxy.Addr()), lasting(MinLease))
	heir := open(t, pg.URL())
	mine := claim(t, old, report("contacts.csv"))
	if err := mine.Append(t.Context(), []byte("line 0\n")); err != nil {
		t.Fatal(err)
	}
	proxy.Hold(pgtest.Both)
	began := time.Now()
	err := mine.Append(context.Background(), []byte("late\n"))
	if !errors.Is(err, lease.ErrEnded) || !strings.Contains(err.Error(), "run the same command again") {
		t.Errorf("without contact for a lease: %v", err)
	}
	if strings.Contains(err.Error(), "context canceled") {
		t.Errorf("the reason is that the wait ended: %v", err)
	}
	if took := time.Since(began); took > MinLease+500*time.Millisecond {
		t.Errorf("it took %s to end, with a lease of %s", took, MinLease)
	}
	var heirs *Claim
	for deadline := time.Now().Add(10 * time.Second); heirs == nil; time.Sleep(20 * time.Millisecond) {
		if heirs, err = heir.Claim(t.Context(), report("contacts.csv")); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if heirs.Former == nil || heirs.Former.PID == 0 || time.Since(heirs.Lapsed) > time.Second || time.Since(heirs.Lapsed) < 0 || heirs.Size() != 7 {
		t.Errorf("the heir does not know who held it: %+v, size %d", heirs, heirs.Size())
	}
	proxy.Heal()
	if err := heirs.Append(t.Context(), []byte("line 1\n")); err != nil {
		t.Fatal(err)
	}
	if _, fenced := errors.AsType[*FencedError](mine.fenced(t.Context())); !fenced {
		t.Error("the old holder is not fenced")
	}
	if err := mine.Release(); err != nil { // and takes nothing from the heir
		t.Error(err)
	}
	if err := heirs.Append(t.Context(), []byte("line 2\n")); err != nil {
		t.Fatal(err)
	}
	if got := journalOf(pg, "contacts.csv"); got != numberedLines(3) {
		t.Errorf("the journal is %q", got)
	}
}

// A process that has lost what it held ends soon, though the server says nothing.
func testSilentEnd(t *testing.T, pg db) {
	proxy := pgtest.NewProxy(t, pg.Addr())
	s := open(t, pg.through(proxy.Addr()), lasting(time.Minute))
	c := claim(t, s, report("contacts.csv"))
	if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
		t.Fatal(err)
	}
	proxy.Hold(pgtest.Both)
	s.Lease().Lost(errors.New("it was taken over"))
	began := time.Now()
	if err := errors.Join(c.Release(), s.Close()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// While a claim is held, somebody changes its epoch: everything that needs it is refused, and
// the gate is closed.
func testFenced(t *testing.T, pg db) {
	for name, use := range map[string]func(c *Claim) error{
		"append":    func(c *Claim) error { return c.Append(t.Context(), []byte("x\n")) },
		"do":        func(c *Claim) error { return c.Do(t.Context(), func(context.Context, pgx.Tx) error { return nil }) },
		"cut":       func(c *Claim) error { return c.Cut(t.Context(), 0) },
		"set aside": func(c *Claim) error { _, err := c.SetAside(t.Context()); return err },
		"heartbeat": func(c *Claim) error {
			<-c.s.Lease().Context().Done()
			return context.Cause(c.s.Lease().Context())
		},
	} {
		s := open(t, pg.URL(), lasting(MinLease))
		c := claim(t, s, report(name))
		if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
			t.Fatal(err)
		}
		pg.Exec(fmt.Sprintf(`update importer_run set epoch = epoch + 1, owner = '{"host":"elsewhere","pid":7}' where name = '%s'`, name))
		err := use(c)
		fenced, ok := errors.AsType[*FencedError](err)
		if !ok || fenced.Host != "elsewhere" || fenced.PID != 7 {
			t.Errorf("%s: %v", name, err)
		}
		if s.Lease().Pass() {
			t.Errorf("%s: a request passes the gate of a process that was fenced", name)
			s.Lease().Done()
		}
	}
	if n := pg.Exec("select count(*) from importer_journal"); n != "5" {
		t.Errorf("%s chunks are there of 5", n)
	}
}

// A lease lives as long as its process, also while a transaction takes longer.
func testHeartbeat(t *testing.T, pg db) {
	s := open(t, pg.URL(), lasting(MinLease))
	a, b := claim(t, s, report("a")), claim(t, s, report("b"))
	err := a.Do(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select pg_sleep(1.6)")
		return err
	})
	if err := errors.Join(err, b.Append(t.Context(), []byte("x\n"))); err != nil {
		t.Fatal(err)
	}
	if !s.Lease().Pass() {
		t.Fatal("the gate is shut")
	}
	s.Lease().Done()
}
