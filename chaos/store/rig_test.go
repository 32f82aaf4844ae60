package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/internal/pgtest"
)

// A rig is a PostgreSQL that keeps what it commits, as a store, and the worlds around it.
type rig struct {
	*pgtest.Server
	lease time.Duration
}

// options of a test.
type options struct {
	seed    uint64
	lag     time.Duration // of the API's reads
	latency time.Duration
	rows    int      // of an import
	flags   []string // of the command, beside those of every test
}

// newRig starts PostgreSQL and has the importer make its tables. From there on the database
// itself notes who has an import, and since when.
func newRig(t *testing.T, lease time.Duration) *rig {
	t.Helper()
	r := &rig{pgtest.Start(t, pgtest.Durable(), pgtest.Set("max_connections", "200")), lease}
	w := newWorld(t, r, options{lag: time.Millisecond, rows: 1}, "first")
	if p := w.launch(r.URL()); p.end() != 0 {
		t.Fatalf("the first import: exit code %d: %s%s", p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String())
	}
	r.Exec(`create schema chaos;
create table chaos.claims (name text, epoch bigint, owner text, at timestamptz, former timestamptz);
create function chaos.note() returns trigger security definer language plpgsql as
	$$ begin insert into chaos.claims values (new.name, new.epoch, new.owner, clock_timestamp(), least(old.lease_until, clock_timestamp())); return null; end $$;
create trigger note after update on importer_run for each row when (old.epoch <> new.epoch and new.kind = 'report') execute function chaos.note();`)
	return r
}

// A claim is that a process has an import for some time: until its lease ended, or the import
// was given back or taken over before that.
type claim struct {
	pid       int // 0: nobody has it, because it was given back
	from, end time.Time
}

func (w *world) claims() []claim {
	w.Helper()
	var all []claim
	rows, err := w.Try(w.Context(), "importer", fmt.Sprintf(`select coalesce(owner::json->>'pid', '0'), extract(epoch from at),
		coalesce(extract(epoch from lead(former) over (order by epoch)), 0) from chaos.claims where name = '%s' order by epoch`, w.source()))
	if err != nil {
		w.Fatal(err)
	}
	for row := range strings.FieldsSeq(rows) {
		var c claim
		var from, end float64
		if _, err := fmt.Sscanf(strings.ReplaceAll(row, "|", " "), "%d %g %g", &c.pid, &from, &end); err != nil {
			w.Fatalf("a claim of %s: %q", w.source(), row)
		}
		c.from, c.end = time.UnixMicro(int64(from*1e6)), time.UnixMicro(int64(end*1e6))
		if end == 0 { // the last one
			c.end = time.Now()
		}
		all = append(all, c)
	}
	return all
}

// journal is what of the import's journal is about a contact, and about its processes.
func (w *world) journal(contact string) string {
	w.Helper()
	text, err := w.Try(w.Context(), "importer", fmt.Sprintf(`select string_agg(convert_from(lines, 'UTF8'), '' order by seq)
		from importer_journal j join importer_run r on r.id = j.run where kind = 'report' and name = '%s'`, w.source()))
	if err != nil {
		w.Fatal(err)
	}
	key := regexp.MustCompile(`"key":"([^"]+)".*` + regexp.QuoteMeta(contact)).FindStringSubmatch(text)
	if key == nil {
		return "none"
	}
	var about []string
	for line := range strings.Lines(text) {
		kind := line[:min(len(line), 20)]
		if strings.Contains(line, key[1]) || strings.Contains(kind, `"run"`) || strings.Contains(kind, `"end"`) {
			about = append(about, regexp.MustCompile(`"keys":\[[^]]*\]`).ReplaceAllString(line, fmt.Sprintf(`"keys":[…%q…]`, key[1])))
		}
	}
	return strings.Join(about, "")
}

// has tells whether a process has the import.
func (w *world) has(p *process) bool {
	w.Helper()
	claims := w.claims()
	return len(claims) > 0 && claims[len(claims)-1].pid == p.Process.Pid
}

// fenced counts the requests that arrived while their process did not have the import, and how
// often it went from a process that had not given it back to another.
func (w *world) fenced() (late, takeovers int) {
	w.Helper()
	claims := w.claims()
	for n := 1; n < len(claims); n++ {
		if claims[n-1].pid != 0 && claims[n].pid != 0 {
			takeovers++
		}
	}
	for _, p := range w.processes {
		p.mu.Lock()
		for _, r := range p.requests {
			if !slices.ContainsFunc(claims, func(c claim) bool { return c.pid == p.Process.Pid && !r.at.Before(c.from) && !r.at.After(c.end) }) {
				late++
			}
		}
		p.mu.Unlock()
	}
	return late, takeovers
}

// figures are what a test counts.
type figures struct {
	imports, rows, processes int
	stopped, timed           int // processes that ended with exitStopped, and by the kernel's timer
	takeovers, requests      int
	lost, twice, fenced      int
}

func (f *figures) add(g figures) {
	f.imports += g.imports
	f.rows += g.rows
	f.processes += g.processes
	f.stopped += g.stopped
	f.timed += g.timed
	f.takeovers += g.takeovers
	f.requests += g.requests
	f.lost += g.lost
	f.twice += g.twice
	f.fenced += g.fenced
}

func (f figures) String() string {
	return fmt.Sprintf("%d imports of %d rows in all by %d processes, of which %d ended with 1 and %d by the kernel's timer, with %d take-overs and %d requests: %d lost, %d twice, %d requests of a fenced process",
		f.imports, f.rows, f.processes, f.stopped, f.timed, f.takeovers, f.requests, f.lost, f.twice, f.fenced)
}

// endByThemselves holds that a process which is cut off from the store ends with 1. On a slow
// machine the kernel may be faster, now and then.
func (f figures) endByThemselves(t *testing.T) {
	t.Helper()
	if f.timed > f.stopped+2 {
		t.Errorf("%d processes ended with 1 at the end of their lease, and %d were ended by the kernel's timer", f.stopped, f.timed)
	}
}
