package chaos

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// A life is how long the importer lives before it is killed: any time between.
type life struct{ least, most time.Duration }

// lives are the times that kills are chosen from. A row in doubt is decided no
// earlier than the settling time after the kill, and a second, so that only the
// last gets that far; by then the rows of all the lives before wait for it.
var lives = []life{
	{0, 60 * time.Millisecond}, // starting, replaying the report, announcing the first rows
	{50 * time.Millisecond, 600 * time.Millisecond},
	{300 * time.Millisecond, 2500 * time.Millisecond}, // sending, and first look-ups
	{4500 * time.Millisecond, 9 * time.Second},        // deciding, and sending again
}

// The importer is killed again and again, at random moments, over an API that
// loses answers before and after it has done what they are about, and whose reads
// lag. The same command run again each time gets every row in exactly once.
func TestKills(t *testing.T) {
	t.Parallel()
	kill(t, attack{kills: number(t, "CHAOS_KILLS", 12, 200), rows: number(t, "CHAOS_ROWS", 1500, 20_000), runs: 1}, "--existing", "ignore")
}

// Here each third contact is in the project before, and every run finds out anew
// who is.
func TestKillsWithContactsThatAreThere(t *testing.T) {
	t.Parallel()
	kill(t, attack{kills: number(t, "CHAOS_KILLS", 6, 50), rows: number(t, "CHAOS_ROWS", 600, 3000), there: 3, runs: 1}, "--existing", "auto")
}

// onTheWay are the faults of what stands between the importer and the API.
var onTheWay = []string{"page:0.01", "gateway404:0.01", "waf403:0.01", "maintenance503:0.01", "short-list", "mixed-cache"}

// Here something on the way answers in place of the API, as well. Such a row may
// be left open by the run that it befell, and is tried again by the next.
func TestKillsOnTheWay(t *testing.T) {
	t.Parallel()
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		kill(t, attack{kills: number(t, "CHAOS_KILLS", 3, 100), rows: number(t, "CHAOS_ROWS", 400, 8000), there: 3, faults: onTheWay, runs: 6},
			"--existing", "auto", "--retry-rejected")
	})
	t.Run("mirror", func(t *testing.T) { // which reads profiles one by one, too
		t.Parallel()
		mirrorNights(t, "delete", attack{kills: number(t, "CHAOS_KILLS", 6, 50), rows: 200, faults: onTheWay, runs: 6}, "--retry-rejected")
	})
}

// An attack is how often the importer is killed, over how many rows, and what
// goes wrong besides.
type attack struct {
	kills, rows int
	there       int      // one contact of so many is in the project before; 0: none is
	faults      []string // beside those of every attack
	runs        int      // how many runs it may take at most, after the kills, until every row is in
}

// finish runs the command until every row is in, and returns its last run. A run
// that leaves rows open says so and ends with 3.
func (a attack) finish(t *testing.T, dir string, to api, args ...string) *process {
	t.Helper()
	for n := 1; ; n++ {
		p := start(t, dir, to, args...)
		if p.end(t) != 3 || n == a.runs {
			p.exit(t, 0)
			return p
		}
		if s := p.summary(t); s.Rejected+s.Failed+s.Unknown == 0 {
			t.Errorf("exit code 3, and every row is in: %+v", s)
		}
	}
}

// kill kills the importer again and again, and then lets it run to its end.
func kill(t *testing.T, with attack, flags ...string) {
	t.Helper()
	kills, rows, there := with.kills, with.rows, with.there
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d repeats the choices of this run", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	var back atomic.Int64 // the sandbox's clock is behind by that
	server := newSandbox(t, sandbox.Options{
		OnDuplicate: sandbox.DuplicateAllow, Seed: seed, Latency: 20 * time.Millisecond,
		Clock: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) },
	}, append([]string{"drop-after:0.02", "500-after:0.02", "500:0.02", "read-lag:2s"}, with.faults...)...)
	to := apiOf(server)
	want := func(int) string { return "created" }
	if there > 0 {
		want = func(n int) string {
			if n%there == 0 {
				return "existing"
			}
			return "created"
		}
		back.Store(int64(time.Hour))
		for n := 0; n < rows; n += there {
			for server.Counts().Profiles <= n/there { // the faults befall these requests too
				askSandbox(server.Sandbox, http.MethodPost, "/new/v2.0/profiles", fmt.Sprintf(`{"projectId":%q,"contactIds":[%q]}`, to.project, contactID(n)))
			}
		}
		back.Store(0)
	}
	before := server.Counts().Profiles
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "contacts.csv"), rows)
	report := filepath.Join(dir, "contacts.csv.report.ndjson")
	// The pace bounds what a kill leaves in doubt to some 200 rows.
	args := append([]string{"--source", "contacts.csv", "--rate", "200/s", "--settle", "3s", "--progress", "none", "--json"}, flags...)

	began := time.Now()
	var turn []int
	phases := map[string]int{}
	for done := 0; done < kills; {
		// The kills are to be over when nearly all rows are in, and no earlier. Who is
		// ahead of that dies young, and nobody gets far ahead.
		share := func() float64 { return float64(server.Counts().Profiles-before) / float64(rows-before) }
		due := float64(done+1) / float64(kills)
		limit := min(0.95, 0.95*due+0.1)
		among := len(lives)
		if share() > 0.9*due {
			among = len(lives) - 1
		}
		if len(turn) == 0 {
			turn = random.Perm(len(lives))
		}
		l := lives[turn[0]%among]
		turn = turn[1:]
		after := l.least + time.Duration(random.Int64N(int64(l.most-l.least)))
		earlier := len(server.Requests())

		p := start(t, dir, to, args...)
		p.live(after, func() bool { return among == len(lives) && share() >= limit })
		if !p.kill(t) {
			t.Fatalf("the import ended after %d of %d kills, with exit code %d: %s%s", done, kills, p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String())
		}
		done++
		phases[phaseOf(server.Requests()[earlier:])]++
	}
	killed := time.Since(began)

	p := with.finish(t, dir, to, args...)
	a := readReport(t, report)
	a.checkRows(t, server.Profiles(), rows, want)
	if a.end != nil && *a.end != p.summary(t) {
		t.Errorf("printed %+v, recorded %+v", p.summary(t), *a.end)
	}
	found, again := 0, 0
	for _, e := range a.last {
		if e.Found {
			found++
		}
		if e.Attempts > 1 {
			again++
		}
	}
	counts := server.Counts()
	lost := 0
	for _, n := range counts.Faults {
		lost += n
	}
	if kills >= 100 && (phases["start"] == 0 || phases["sending"] == 0 || phases["looking up"] == 0) {
		t.Errorf("a phase was not hit: %v", phases)
	}
	// Nothing is left lying about.
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if t.Failed() {
		return
	}
	t.Logf("%d kills (%d before the first request, %d while sending, %d while looking up) over %d rows: every row in once; %d found by look-ups, %d sent again; %v requests, %d of them with a fault; %d runs in the report; %.0f s of kills, %.0f s in all",
		kills, phases["start"], phases["sending"], phases["looking up"], rows, found, again, counts.Requests, lost, a.runs, killed.Seconds(), time.Since(began).Seconds())
}

// live waits until the process has lived that long, has come far enough, or has
// ended by itself.
func (p *process) live(long time.Duration, enough func() bool) {
	over := time.NewTimer(long)
	defer over.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-over.C:
			return
		case <-p.ended:
			return
		case <-look.C:
			if enough() {
				return
			}
		}
	}
}

// phaseOf is what a killed importer was at, as its last request tells.
func phaseOf(requests []sandbox.Request) string {
	switch {
	case len(requests) == 0:
		return "start"
	case requests[len(requests)-1].Operation == "create":
		return "sending"
	}
	return "looking up"
}

func newSandbox(t *testing.T, o sandbox.Options, faults ...string) *sandbox.Server {
	t.Helper()
	for _, spec := range faults {
		f, err := sandbox.ParseFault(spec)
		if err != nil {
			t.Fatal(err)
		}
		o.Faults = append(o.Faults, f)
	}
	server, err := sandbox.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func apiOf(s *sandbox.Server) api { return api{s.URL, s.APIKey(), s.ProjectID()} }
