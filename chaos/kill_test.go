package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"importer/sandbox"
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
	kills := number(t, "CHAOS_KILLS", 12, 200)
	rows := number(t, "CHAOS_ROWS", 1500, 20_000)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d repeats the choices of this run", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	server := newSandbox(t, sandbox.Options{
		OnDuplicate: sandbox.DuplicateAllow, Seed: seed, Latency: 20 * time.Millisecond,
	}, "drop-after:0.02", "500-after:0.02", "500:0.02", "read-lag:2s")
	to := apiOf(server)
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "contacts.csv"), rows)
	report := filepath.Join(dir, "contacts.csv.report.ndjson")
	// The pace bounds what a kill leaves in doubt to some 200 rows.
	args := []string{"--source", "contacts.csv", "--rate", "200/s", "--settle", "3s", "--progress", "none", "--json"}

	began := time.Now()
	var turn []int
	phases := map[string]int{}
	for done := 0; done < kills; {
		// The kills are to be over when nearly all rows are in, and no earlier. Who is
		// ahead of that dies young.
		share := float64(server.Counts().Profiles) / float64(rows)
		among := len(lives)
		if share > 0.9*float64(done+1)/float64(kills) {
			among = len(lives) - 1
		}
		if len(turn) == 0 {
			turn = random.Perm(len(lives))
		}
		l := lives[turn[0]%among]
		turn = turn[1:]
		after := l.least + time.Duration(random.Int64N(int64(l.most-l.least)))
		before := len(server.Requests())

		p := start(t, dir, to, args...)
		timer := time.NewTimer(after)
		select {
		case <-timer.C:
		case <-p.ended:
			timer.Stop()
		}
		if !p.kill(t) {
			t.Fatalf("the import ended after %d of %d kills, with exit code %d: %s%s", done, kills, p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String())
		}
		done++
		phases[phaseOf(server.Requests()[before:])]++
	}
	killed := time.Since(began)

	p := start(t, dir, to, args...)
	<-p.ended
	p.exit(t, 0)
	a := readReport(t, report)
	a.checkAll(t, server.Profiles(), rows)
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
