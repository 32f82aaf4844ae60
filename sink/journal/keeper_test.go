package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

// openIn opens the report of that name, which the test closes.
func openIn(t *testing.T, k Keeper, name string, o Options) *Journal {
	t.Helper()
	r, err := Open(k, name, o)
	must(t, err)
	return r
}

// twoRuns writes a report of two runs, and calls after behind each call of the Journal. Its
// time is virtual.
func twoRuns(t *testing.T, k Keeper, name string, after func(what string, of ...string)) {
	r := openIn(t, k, name, options())
	call := func(err error, what string, of ...string) {
		t.Helper()
		must(t, err)
		after(what, of...)
	}
	call(r.Begin(), "begin")
	call(r.Append(outcome("i", contact.Invalid)), "append")
	call(r.Sending(keys("a", "b", "c", "d", "e")), "sending", "a", "b", "c", "d", "e")
	call(r.Append(outcome("a", contact.Created), outcome("b", contact.Rejected)), "append")
	call(r.Append(outcome("a", contact.Duplicate)), "append")
	time.Sleep(2 * flushAfter)
	synctest.Wait()
	after("timer")
	call(r.Append(outcome("c", contact.Failed)), "append")
	call(r.Unsent(keys("e"), contact.ToUpdate), "append")
	call(r.Sending(keys("f", "g")), "sending", "f", "g")
	call(r.Append(outcome("f", contact.Created)), "append")
	call(r.Traffic(contact.Traffic{From: time.Now().Add(-time.Second), To: time.Now()}), "traffic")
	call(r.End(contact.Summary{Run: "01JTEST", Status: contact.Interrupted, Requests: 4}), "end")
	call(r.Close(), "close")

	o := options()
	o.Header.Run = "01JTEST2"
	r = openIn(t, k, name, o)
	call(r.Begin(), "begin")
	call(r.Sending(keys("c", "e")), "sending", "c", "e")
	call(r.Append(outcome("c", contact.Created)), "append")
	call(r.Append(outcome("d", contact.Unknown)), "append")
	call(r.KnownAs(key("h"), key("a")), "append")
	call(r.Close(), "close")
}

// What is kept of a report, whatever keeps it, says the same to each reader.
func TestKeepersKeepTheSame(t *testing.T) {
	path, m := reportPath(t), newMemory()
	for _, k := range []Keeper{Files{}, m} {
		synctest.Test(t, func(t *testing.T) { // at the same time as the other one
			twoRuns(t, k, path, func(string, ...string) {})
		})
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if got := m.text(path); !bytes.Equal(got, text) {
		t.Fatalf("%s\nwant\n%s", got, text)
	}
	lines := int64(bytes.Count(text, []byte("\n")))
	for _, half := range []int64{0, lines / 2, lines} {
		for what, of := range map[string]func(Keeper) (any, error){
			"outline": func(k Keeper) (any, error) {
				o, err := ReadOutline(k, path)
				return []int64{int64(len(o.Runs)), o.Lines}, err
			},
			"lineage": func(k Keeper) (any, error) { return ReadLineage(k, path) },
			"header":  func(k Keeper) (any, error) { h, err := ReadHeader(k, path); return h.Run, err },
			"lines":   func(k Keeper) (any, error) { return LinesIn(k, path, half) },
			"keys": func(k Keeper) (any, error) {
				keys, err := ReadKeys(k, path)
				return statusesIn(keys), err
			},
			"the rest": func(k Keeper) (any, error) {
				n, to := 0, half
				for _, err := range LinesFrom(k, path, half, &to) {
					if err != nil {
						return nil, err
					}
					n++
				}
				return []int64{int64(n), to}, nil
			},
			"outcomes": func(k Keeper) (all any, err error) {
				var of []string
				for o, err := range Outcomes(k, path) {
					if err != nil {
						return nil, err
					}
					of = append(of, o.Row.Key.String()+o.Status.String())
				}
				return of, nil
			},
			"snapshot": func(k Keeper) (any, error) {
				s, err := Read(k, path, options())
				if err != nil {
					return nil, err
				}
				o, err := s.Before(key("b"))
				if err != nil {
					return nil, err
				}
				return o.Failure, s.Close()
			},
		} {
			want, err := of(Files{})
			must(t, err)
			got, err := of(m)
			must(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	if _, err := ReadHeader(m, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a report that is not there: %v", err)
	}
	if s, err := Read(m, "none", options()); err != nil || s.Keys().Len() != 0 || s.Close() != nil {
		t.Errorf("a report that is not there: %v", err)
	}
}

// A run that is killed leaves some of the chunks that it wrote, from the first on. Of each
// of them the next run knows what its lines say, whoever was announced by then, and
// nobody else; it goes on there.
func TestEveryPrefixOfChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = "contacts.csv"
		m := newMemory()
		announced := map[string]int{} // how many chunks there were when an id was announced first
		ends := []int{}               // with a whole call
		twoRuns(t, m, name, func(what string, of ...string) {
			n := len(m.chunks(name))
			for _, id := range of {
				if announced[id] == 0 {
					announced[id] = n
				}
			}
			if what != "append" {
				ends = append(ends, n)
			}
		})
		chunks := m.chunks(name)
		if want := []int{1, 2, 3, 4, 5, 6, 6, 7, 8, 9}; !slices.Equal(ends, want) || len(chunks) != 9 {
			t.Fatalf("%d chunks, after the calls %v, want %v", len(chunks), ends, want)
		}
		for n := range len(chunks) + 1 {
			left := slices.Concat(chunks[:n]...)
			m.reports[name] = &kept{chunks: slices.Clone(chunks[:n])}
			r := openIn(t, m, name, options())
			want, last := modelOf(t, left)
			got := statusesIn(r.Keys())
			if !maps.Equal(got, want) || !r.LastAlive().Equal(last) {
				t.Errorf("%d chunks: %v, alive at %v, want %v, %v", n, got, r.LastAlive(), want, last)
			}
			for id, from := range announced {
				if known := got[id] != 0; id != "e" && known != (from <= n) {
					t.Errorf("%d chunks: %s, which may have been sent from chunk %d on, is %v", n, id, from, got[id])
				}
			}
			for id, s := range want {
				if s != contact.Rejected && s != contact.Failed && s != contact.Unknown {
					continue
				}
				if o, err := r.Before(key(id)); err != nil || o.Status != s {
					t.Errorf("%d chunks: before %s: %v, %v", n, id, o, err)
				}
			}
			must(t, r.Begin())
			must(t, r.Append(outcome("x", contact.Existing)))
			must(t, r.Close())
			after := m.chunks(name)
			if len(after) != n+2 || !bytes.Equal(slices.Concat(after[:n]...), left) {
				t.Errorf("%d chunks became %d", n, len(after))
			}
		}
	})
}

// A run that is killed loses what it had not brought to the keeper; who comes after it
// knows what that was about.
func TestKilledBetweenChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = "contacts.csv"
		m := newMemory()
		first := openIn(t, m, name, options())
		must(t, first.Begin())
		must(t, first.Sending(keys("a", "b")))
		must(t, first.Append(outcome("a", contact.Created)))
		if _, err := Open(m, name, options()); !errors.As(err, new(*LockedError)) {
			t.Errorf("held by two: %v", err)
		}
		if _, err := Purge(m, name); !errors.As(err, new(*LockedError)) {
			t.Errorf("purged while it is held: %v", err)
		}
		time.Sleep(flushAfter / 2)
		m.kill(name)
		m.alive = time.Now().Add(-100 * time.Millisecond).Truncate(time.Millisecond)

		next := openIn(t, m, name, options())
		if got := statusesIn(next.Keys()); got["a"] != contact.InDoubt || got["b"] != contact.InDoubt {
			t.Errorf("what was announced is %v", got)
		}
		if !next.LastAlive().Equal(m.alive) {
			t.Errorf("alive at %v, and it may have sent until %v", next.LastAlive(), m.alive)
		}
		// The first one finds out, and says nothing of a disk.
		before := m.text(name)
		err := first.Sending(keys("c"))
		if !errors.Is(err, errKilled) || strings.Contains(err.Error(), "disk") || strings.Count(err.Error(), name) != 1 {
			t.Errorf("the first run goes on: %v", err)
		}
		if again := first.Append(outcome("b", contact.Created)); again != err {
			t.Errorf("after that: %v", again)
		}
		if closed := first.Close(); !errors.Is(closed, errKilled) {
			t.Errorf("closed: %v", closed)
		}
		if !bytes.Equal(m.text(name), before) {
			t.Error("a run wrote to what another one holds")
		}
		must(t, next.Begin())
		must(t, next.Append(outcome("a", contact.Created)))
		must(t, next.Close())
		last := openIn(t, m, name, options())
		if got := statusesIn(last.Keys()); got["a"] != contact.Created || got["b"] != contact.InDoubt {
			t.Errorf("taken over: %v", got)
		}
		must(t, last.Close())
	})
}

// What is removed for good is in nobody's use, and leaves nothing behind.
func TestRemoveAFile(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	if err := Remove(Files{}, path); !errors.As(err, new(*LockedError)) {
		t.Errorf("removed while it is held: %v", err)
	}
	must(t, r.Close())
	must(t, Remove(Files{}, path))
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if err := Remove(Files{}, path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed again: %v", err)
	}
}

// Setting aside, purging and removing are no matter of files.
func TestReportsThatAreNoFiles(t *testing.T) {
	const name = "contacts.csv"
	m := newMemory()
	o := options()
	o.Restart, o.Window = true, time.Hour
	for n := range 3 {
		r := openIn(t, m, name, o)
		sent := 0
		for _, n := range r.Sent() {
			sent += n
		}
		if r.Runs() != 0 || sent != min(n, 1) {
			t.Errorf("restart %d: %d runs, %d requests in the window", n, r.Runs(), sent)
		}
		must(t, r.Begin())
		must(t, r.Sending(keys(fmt.Sprint("secret ", n))))
		must(t, r.Append(outcome(fmt.Sprint("secret ", n), contact.Created)))
		must(t, r.Close())
	}
	aside, err := m.Aside(name)
	if want := []string{name + ".1", name + ".2"}; err != nil || !slices.Equal(aside, want) {
		t.Fatalf("set aside: %v, %v", aside, err)
	}
	// One of another project that holds nobody is set aside by itself.
	other := options()
	other.Header.ProjectID = "another"
	if _, err := Open(m, name, other); !errors.As(err, new(*MismatchError)) {
		t.Errorf("of another project: %v", err)
	}
	must(t, openIn(t, m, "empty", options()).Close())
	if _, err := m.Read("empty", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one without a line is left: %v", err)
	}

	for _, old := range append(aside, name) {
		if is, err := IsPurged(m, old); is || err != nil {
			t.Errorf("%s is purged before: %t, %v", old, is, err)
		}
		if rows, err := Purge(m, old); rows != 1 || err != nil || bytes.Contains(m.text(old), []byte("secret")) {
			t.Errorf("%s: %d rows, %v: %s", old, rows, err, m.text(old))
		}
		if is, err := IsPurged(m, old); !is || err != nil {
			t.Errorf("%s is purged: %t, %v", old, is, err)
		}
	}
	r := openIn(t, m, name, options())
	if got := r.Keys().Status(key("secret 2")); got != contact.Created {
		t.Errorf("after the purge it is %v", got)
	}
	must(t, r.Begin())
	must(t, r.Close())
	if is, err := IsPurged(m, name); is || err != nil {
		t.Errorf("with a run behind it, it is purged: %t, %v", is, err)
	}

	must(t, Remove(m, aside[0]))
	if _, err := ReadHeader(m, aside[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if _, err := Purge(m, aside[0]); !errors.Is(err, fs.ErrNotExist) || len(m.holders) != 0 {
		t.Errorf("purged what is not there: %v, held: %v", err, m.holders)
	}
}

// Who reads a report that is being written finds whole chunks, and goes on where it stopped.
func TestReaderOfChunks(t *testing.T) {
	const name = "contacts.csv"
	m := newMemory()
	r := openIn(t, m, name, options())
	must(t, r.Begin())
	reader, err := OpenReader(m, name)
	must(t, err)
	defer reader.Close()
	read := func() (n int) {
		for _, err := range reader.Lines() {
			must(t, err)
			n++
		}
		return n
	}
	for _, step := range []struct {
		do   func() error
		want int
	}{
		{func() error { return nil }, 1},
		{func() error { return r.Append(outcome("a", contact.Existing)) }, 0},
		{func() error { return r.Sending(keys("b")) }, 2},
		{func() error { return r.Append(outcome("b", contact.Created)) }, 0},
		{r.Close, 1},
	} {
		must(t, step.do())
		if got := read(); got != step.want {
			t.Fatalf("%d lines are new, want %d", got, step.want)
		}
	}
}
