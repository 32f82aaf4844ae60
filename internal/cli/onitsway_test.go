package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// A midway is a nightly sync of three contacts, one of whose nights ends while it changes
// something.
type midway struct {
	past
	proxy  *httputil.ReverseProxy
	change atomic.Pointer[func()] // as of onChange
}

func newMidway(t *testing.T, mode, missing string) *midway {
	t.Helper()
	m := &midway{past: past{job: newJob(t, mode, sandbox.Options{ProjectID: "65f0000000000000000000bb"})}}
	m.proxy = m.front()
	m.proxy.ModifyResponse = func(r *http.Response) error {
		changes := r.Request.Method == http.MethodPatch || r.Request.Method == http.MethodDelete
		if f := m.change.Load(); f != nil && changes {
			(*f)()
		}
		return nil
	}
	m.file("m.yaml", "sync:\n  missing: "+missing+"\n  guard: {max: 100, percent: 100}\n")
	m.args = append(m.args, "--config", m.path("m.yaml"))
	m.contacts(3)
	if mode == "update" { // which creates nobody
		m.must("--mode", "create", "--report", m.path("created.report.ndjson"))
	}
	m.must()
	return m
}

// onChange has f called when the API has made a change, before it is answered.
func (m *midway) onChange(f func()) { m.change.Store(&f) }

// How a night ends whose changes were made.
var ends = map[string]func(m *midway, args ...string){
	"killed": func(m *midway, args ...string) {
		m.t.Helper()
		var left map[string][]byte
		var once sync.Once
		m.onChange(func() { once.Do(func() { left = m.kept() }) })
		m.run(args...)
		if left == nil {
			m.t.Fatal("nothing was changed")
		}
		m.onChange(func() {})
		m.restore("", left)
	},
	"answers lost": func(m *midway, args ...string) {
		m.t.Helper()
		m.onChange(func() { panic(http.ErrAbortHandler) })
		if r := m.run(append(args, "--retries", "0")...); r.code == exitOK || r.writes() == 0 {
			m.t.Fatal(r)
		}
		m.onChange(func() {})
	},
}

// isAsBefore wants the three contacts as the source of the first night says, and nobody
// else.
func (m *midway) isAsBefore() {
	m.t.Helper()
	got := m.profiles()
	for i := range 3 {
		p, ok := got[fmt.Sprintf("c%06d@example.com", i)]
		if !ok || !p.Active || p.Profile["firstname"] != fmt.Sprint("Name ", i) {
			m.t.Errorf("contact %d is %+v", i, p)
		}
	}
	if len(got) != 3 {
		m.t.Errorf("%d contacts", len(got))
	}
}

// A night makes a change, and ends before it knows. The row is as it was before when the
// next one reads it: what is in the project is not what the state last sent.
func TestChangeThatWasOnItsWay(t *testing.T) {
	for _, c := range []struct{ mode, missing, lose string }{
		{"upsert", "keep", ""}, {"update", "keep", ""}, {"mirror", "deactivate", "row"}, {"mirror", "delete", "row"},
		{"upsert", "keep", "s.db"}, {"mirror", "deactivate", "s.db"}, {"mirror", "delete", "s.db"},
		{"upsert", "keep", "r.report"}, {"mirror", "deactivate", "r.report"}, {"mirror", "delete", "r.report"},
	} {
		for _, end := range slices.Sorted(maps.Keys(ends)) {
			t.Run(strings.Join([]string{c.mode, c.missing, c.lose, end}, " "), func(t *testing.T) {
				m := newMidway(t, c.mode, c.missing)
				if c.missing == "keep" {
					m.rows[2] = contactRow(2, "Name 5")
				} else {
					m.rows = m.rows[:2]
				}
				ends[end](m)
				if c.lose != "row" && c.lose != "" {
					names := m.kept()
					maps.DeleteFunc(names, func(name string, _ []byte) bool {
						return name != c.lose && name != c.lose+".ndjson"
					})
					for name := range names {
						if err := os.Remove(m.path(name)); err != nil {
							t.Fatal(err)
						}
					}
				}
				m.contacts(3)
				r := m.run()
				if c.lose == "r.report" && end == "killed" {
					if r.code != exitUsage || !strings.Contains(r.stderr, "is not here") || r.all() != 0 {
						t.Fatalf("want it refused, got %s", r)
					}
					m.must("--restart")
					if c.missing == "deactivate" { // who deactivated it is forgotten
						return
					}
				} else if r.code != exitOK || r.of("get") > 1 || r.writes() != 1 {
					t.Error(r)
				}
				m.isAsBefore()
				if r := m.must(); r.all() != 0 {
					t.Errorf("the night after: %s", r)
				}
			})
		}
	}
}

// What was announced and never sent is not in doubt: it costs no request when its row is
// as it was before.
func TestChangeThatWasNotSent(t *testing.T) {
	m := newMidway(t, "upsert", "keep")
	m.contacts(40)
	m.must()
	for i := range m.rows {
		m.rows[i] = contactRow(i, "Name 5")
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.ctx = ctx
	m.onChange(cancel)
	r := m.run("--workers", "1")
	if m.ctx = nil; r.code != exitStopped || r.Updated == 0 || r.Pending == 0 {
		t.Fatal(r)
	}
	m.contacts(40)
	if n := int(r.Updated); n > 20 {
		t.Errorf("%d were sent", n)
	} else if r := m.must(); r.of("get") != n || r.of("update") != n || r.all() != 2*n {
		t.Errorf("of %d in doubt: %s", n, r)
	}
}

// So is what the API refused.
func TestChangeThatWasRefused(t *testing.T) {
	m := newMidway(t, "upsert", "keep")
	m.rows[2] = contactRow(2, "Name 5")
	m.proxy.Transport = through(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPatch {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{")), 1
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	if r := m.run(); r.code != exitNotAllIn || r.Rejected != 1 {
		t.Fatal(r)
	}
	m.contacts(3)
	if r := m.must(); r.all() != 0 {
		t.Error(r)
	}
	m.isAsBefore()
}

// An undo that is killed has the state know what it was about, also where its report is
// of an earlier night.
func TestUndoThatWasOnItsWay(t *testing.T) {
	for _, report := range []string{"r.report.ndjson", "r.report.ndjson.1"} {
		for _, end := range slices.Sorted(maps.Keys(ends)) {
			t.Run(report+" "+end, func(t *testing.T) {
				m := newMidway(t, "upsert", "keep")
				if report == "r.report.ndjson.1" {
					m.rows = append(m.rows, contactRow(3, "Name 3"))
					m.must()
				}
				args := m.args
				m.args = []string{"undo", m.path(report), "--yes", "--state", m.path("s.db"), "--base-url", args[slices.Index(args, "--base-url")+1], "--rate", "unlimited", "--settle", "0s", "--json"}
				ends[end](m)
				m.args = args
				m.must()
				if n := len(m.rows); len(m.profiles()) != n {
					t.Errorf("%d of %d are there", len(m.profiles()), n)
				}
				if r := m.must(); r.all() != 0 {
					t.Errorf("the night after: %s", r)
				}
			})
		}
	}
}

// A state that knows nobody, because a mirror removed all, is not lost: it is not made
// anew from reports of before.
func TestStateThatKnowsNobody(t *testing.T) {
	for _, back := range []bool{false, true} {
		for _, lost := range []bool{false, true} {
			m := newMidway(t, "mirror", "delete")
			m.rows = []string{contactRow(7, "Name 7")}
			m.must()
			m.rows = []string{"nobody,Nobody,1"}
			if r := m.run("--allow-removals"); r.Deleted != 1 {
				t.Fatal(r)
			}
			if lost {
				m.restore("r.report.ndjson", map[string][]byte{"r.report.ndjson.1": m.kept()["r.report.ndjson.1"], "r.report.ndjson.2": m.kept()["r.report.ndjson.2"]})
			}
			if back {
				m.rows = []string{contactRow(7, "Name 7")}
				m.must()
				if got := m.profiles(); len(got) != 1 {
					t.Errorf("with lost %t: %v", lost, got)
				}
			} else if r := m.run(); r.code != exitNotAllIn || r.writes() != 0 {
				t.Errorf("with lost %t: %s", lost, r)
			}
		}
	}
}

// A touch changes nothing, whatever became of it: what a colleague has edited stays.
func TestTouchThatWasOnItsWay(t *testing.T) {
	m := newMidway(t, "upsert", "keep")
	m.file("m.yaml", "sync: {refresh_after: 0s}\n")
	ends["killed"](m, "--workers", "1")
	name := m.profiles()["c000001@example.com"]
	m.edit(name.ID, contact.Profile{Fields: []contact.Field{{Name: "firstname", Value: []byte(`"Edited"`)}}})
	m.must()
	if got := m.profiles()["c000001@example.com"].Profile["firstname"]; got != "Edited" {
		t.Errorf("the name is %q", got)
	}
}
