package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// Conversations write to the profiles while they are updated at a small quota.
// Where the API merges nothing of theirs is lost. Where it replaces, only what fell into
// the one round trip between the read and the write of an update; and no consent that
// was withdrawn is put back but by those.
func TestConversationsWriteWhileRowsAreUpdated(t *testing.T) {
	n := min(size(t), 3000)
	for _, patch := range []string{sandbox.PatchMerge, sandbox.PatchReplace} {
		t.Run(patch, func(t *testing.T) {
			faults, err := sandbox.ParseFault("write:0.05")
			if err != nil {
				t.Fatal(err)
			}
			j := newJob(t, "upsert", sandbox.Options{Patch: patch, Faults: []sandbox.Fault{faults}, Seed: 7, Latency: 20 * time.Millisecond})
			config := j.path("c.yaml")
			if err := os.WriteFile(config, []byte("sync: {patch: "+patch+"}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			night := func(name string) *ran {
				var text strings.Builder
				text.WriteString("email,first name,consent\n")
				for i := range n {
					fmt.Fprintf(&text, "c%06d@example.com,%s %d,yes\n", i, name, i)
				}
				if err := os.WriteFile(j.path("c.csv"), []byte(text.String()), 0o600); err != nil {
					t.Fatal(err)
				}
				r, stdout := j.command(append(slices.Clone(j.args), "--config", config, "--rate", "600/1s")...)
				if r.code != exitOK {
					t.Fatal(r, stdout)
				}
				return r
			}
			night("Name")
			r := night("Renamed")
			requests := map[string]int{sandbox.PatchMerge: n, sandbox.PatchReplace: 2 * n}[patch]
			if r.of("update") != n || r.all() != requests {
				t.Errorf("%d requests, want %d: %s", r.all(), requests, r)
			}
			lost := 0
			for _, w := range j.server.ForeignWrites() {
				if !w.MemoryLost && !w.ConsentBack {
					continue
				}
				lost++
				if patch == sandbox.PatchMerge || !inOneRoundTrip(j.server.Requests(), w) {
					t.Errorf("lost, and in no round trip: %+v", w)
				}
			}
			if writes := len(j.server.ForeignWrites()); writes < n/20 || lost > max(2, n/1000) {
				t.Errorf("%d of %d writes of others were lost", lost, writes)
			}
			for id, p := range j.profiles() {
				if name, _ := p.Profile["firstname"].(string); !strings.HasPrefix(name, "Renamed") {
					t.Fatalf("%s was not updated: %v", id, p.Profile)
				}
			}
		})
	}
}

// inOneRoundTrip tells whether a write fell between the read and the write of an update
// of that profile.
func inOneRoundTrip(requests []sandbox.Request, w sandbox.ForeignWrite) bool {
	var read time.Time
	for _, r := range requests {
		switch {
		case r.ProfileID != w.ProfileID:
		case r.Operation == "get":
			read = r.Handled
		case r.Operation == "update" && !read.IsZero() && !w.At.Before(read) && !w.At.After(r.Handled):
			return true
		}
	}
	return false
}
