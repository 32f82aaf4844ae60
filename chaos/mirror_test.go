package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/sandbox"
	"importer/internal/state"
)

// A nightly mirror is killed at random moments, over sources that change from
// night to night and an API that loses answers. After each night that came to its
// end, the source, the state and the project agree: every contact of the source
// is there once and as the source says, and those that it lost are removed.
func TestKillsOfANightlyMirror(t *testing.T) {
	for _, missing := range []string{"deactivate", "delete"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			mirrorNights(t, missing, attack{kills: number(t, "CHAOS_KILLS", 8, 100), rows: 200, runs: 1})
		})
	}
}

func mirrorNights(t *testing.T, missing string, with attack, flags ...string) {
	kills, rows := with.kills, with.rows
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d repeats the choices of this run", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	server := newSandbox(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Seed: seed, Latency: 5 * time.Millisecond},
		append([]string{"drop-after:0.02", "500-after:0.02", "500:0.02"}, with.faults...)...)
	to := apiOf(server)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "config.yaml"), "sync:\n  missing: "+missing+"\n  guard: {max: 1000000, percent: 100}\n")
	args := append([]string{"--source", "contacts.csv", "--mode", "mirror", "--rate", "300/s", "--settle", "300ms", "--progress", "none", "--json"}, flags...)

	source := map[int]string{} // by number: the name
	ever := map[int]bool{}     // was in the source of a night that came to its end, or of one that did not
	nights := 0
	for done := 0; done < kills; nights++ {
		for range rows / 5 {
			n := random.IntN(rows)
			switch random.IntN(3) {
			case 0:
				delete(source, n)
			default:
				source[n] = fmt.Sprint("Name ", n, " of night ", nights)
			}
		}
		if nights == 0 {
			for n := range rows {
				source[n] = fmt.Sprint("Name ", n)
			}
		}
		records := [][]string{{"email", "first name"}}
		for n := range rows {
			if name, ok := source[n]; ok {
				ever[n] = true
				records = append(records, []string{contactID(n), name})
			}
		}
		writeCSV(t, filepath.Join(dir, "contacts.csv"), records)
		for range 1 + random.IntN(4) {
			p := start(t, dir, to, args...)
			p.live(time.Duration(random.Int64N(int64(900*time.Millisecond))), func() bool { return false })
			if !p.kill(t) {
				break
			}
			done++
		}
		p := with.finish(t, dir, to, args...)
		if agree(t, dir, server, missing, source, ever); t.Failed() {
			t.Fatalf("night %d, after %d kills; the last run: %s%s", nights+1, done, p.stdout.String(), p.stderr.String())
		}
	}
	t.Logf("%d kills in %d nights: source, state and project agreed after each; %v requests", kills, nights, server.Counts().Requests)
}

// agree wants the project and the state to be as the source says.
func agree(t *testing.T, dir string, server *sandbox.Server, missing string, source map[int]string, ever map[int]bool) {
	t.Helper()
	type profile struct {
		ID      string `json:"_id"`
		Active  bool   `json:"active"`
		Profile struct {
			Firstname string `json:"firstname"`
		} `json:"profile"`
	}
	held := map[string]profile{}
	for _, p := range server.Profiles() {
		var body profile
		if err := json.Unmarshal(p.Body, &body); err != nil {
			t.Fatal(err)
		}
		for _, id := range p.ContactIDs {
			if other, twice := held[id]; twice {
				t.Errorf("%s is on the profiles %s and %s", id, other.ID, body.ID)
			}
			held[id] = body
		}
	}
	s, err := state.Open(filepath.Join(dir, "importer.state.db"), state.Options{BaseURL: server.URL, ProjectID: server.ProjectID()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	want := 0
	for n := range ever {
		p, there := held[contactID(n)]
		entry, known, err := s.Entry(contact.KeyOf([]string{contactID(n)}))
		if err != nil {
			t.Fatal(err)
		}
		name, wanted := source[n]
		switch {
		case wanted && (!there || !p.Active || p.Profile.Firstname != name):
			t.Errorf("%s is %q in the source, and in the project %t, %+v", contactID(n), name, there, p)
		case wanted && (!known || entry.ID != p.ID || entry.Inactive):
			t.Errorf("%s is the profile %s, and in the state %t, %+v", contactID(n), p.ID, known, entry)
		case !wanted && missing == "delete" && (there || known):
			t.Errorf("%s is not in the source, and in the project %t, %+v, in the state %t, %+v", contactID(n), there, p, known, entry)
		case !wanted && missing == "deactivate" && there != known, !wanted && missing == "deactivate" && there && (p.Active || !entry.Inactive || entry.ID != p.ID):
			t.Errorf("%s is not in the source, and in the project %t, %+v, in the state %t, %+v", contactID(n), there, p, known, entry)
		}
		if there {
			want++
		}
	}
	if len(held) != want {
		t.Errorf("the project holds %d contacts, want %d", len(held), want)
	}
}
