package sandbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/internal/sandbox"
)

// consenting creates a profile that gave its consent, and returns its id.
func (s *tenant) consenting(contactID string) string {
	s.t.Helper()
	return s.want(201, "POST", "", s.createBody([]string{contactID}, map[string]any{"accepted_gdpr": true})).id()
}

// fields are those that get shows of a profile.
func (s *tenant) fields(id string) map[string]any {
	s.t.Helper()
	return s.want(200, "GET", "/"+id, "").json()["profile"].(map[string]any)
}

// A conversation writes before the request is handled: the answer shows it.
func TestForeignWrite(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now, Faults: faults(t, "write:1")})
	id := s.consenting("a") // there is nobody to write to before
	if writes := s.ForeignWrites(); len(writes) != 0 {
		t.Errorf("written before there was a profile: %+v", writes)
	}
	c.Advance(time.Minute)
	r := s.want(200, "GET", "/"+id, "")
	got, profile := r.json(), r.json()["profile"].(map[string]any)
	writes := s.ForeignWrites()
	want := sandbox.ForeignWrite{At: c.Now(), ProfileID: id, MemoryID: writes[0].MemoryID, Withdrew: true}
	if len(writes) != 1 || writes[0] != want || s.Counts().Faults["write"] != 1 {
		t.Errorf("writes %+v, want %+v", writes, want)
	}
	memory := profile["memories"].([]any)[0].(map[string]any)
	if memory["id"] != want.MemoryID || memory["text"] == "" || profile["accepted_gdpr"] != false {
		t.Errorf("get shows %v, want the memory %s and no consent", profile, want.MemoryID)
	}
	if got["lastChanged"].(float64)-got["createdAt"].(float64) != 60 || got["lastChangedBy"] == got["createdBy"] {
		t.Errorf("written a minute later by a conversation: %v", got)
	}
	s.want(200, "GET", "/"+id, "")
	if writes = s.ForeignWrites(); len(writes) != 2 || writes[1].Withdrew || writes[1].MemoryID == writes[0].MemoryID {
		t.Errorf("a second time: %+v", writes)
	}
	s.want(401, "GET", "/"+id, "", "X-API-Key", "wrong")
	if n := len(s.ForeignWrites()); n != 2 {
		t.Errorf("%d writes after a request that was refused, want 2", n)
	}
}

// What becomes of a foreign write: whoever sends back what was read takes the memory
// away from an API that replaces, and the consent back from any.
func TestForeignWriteIsLost(t *testing.T) {
	for _, tt := range []struct {
		name, patch, send  string
		lost, back, remove bool
	}{
		{"merge, one field", sandbox.PatchMerge, `{"firstname":"Jane"}`, false, false, false},
		{"merge, all fields", sandbox.PatchMerge, `{"firstname":"Jane","accepted_gdpr":true}`, false, true, false},
		{"replace, one field", sandbox.PatchReplace, `{"firstname":"Jane"}`, true, false, false},
		{"replace, all fields", sandbox.PatchReplace, `{"firstname":"Jane","accepted_gdpr":true}`, true, true, false},
		{"deleted", sandbox.PatchMerge, "", false, false, true},
	} {
		var log bytesBuffer
		s := start(t, sandbox.Options{Patch: tt.patch, Faults: faults(t, "write-after-get:1"), Log: zerolog.New(&log)})
		id := s.consenting("a")
		s.want(200, "GET", "/"+id, "") // nobody was read before
		if tt.remove {
			s.want(204, "DELETE", "/"+id, "")
		} else {
			s.want(204, "PATCH", "/"+id, `{"profile":`+tt.send+`}`)
		}
		writes := s.ForeignWrites()
		if len(writes) != 1 || writes[0].MemoryLost != tt.lost || writes[0].ConsentBack != tt.back || writes[0].Gone != tt.remove {
			t.Errorf("%s: %+v", tt.name, writes)
		}
		if tt.back { // it stays told when the consent is withdrawn once more
			s.want(200, "GET", "/"+id, "")
			if writes = s.ForeignWrites(); len(writes) != 2 || !writes[0].ConsentBack || writes[1].ConsentBack {
				t.Errorf("%s: withdrawn once more: %+v", tt.name, writes)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		told := fmt.Sprintf(`"memories":%d,"memories_lost":%d,`, len(writes), strings.Count(fmt.Sprint(tt.lost), "true"))
		level := "info"
		if tt.lost || tt.back {
			level = "warn"
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, told) || !strings.Contains(last, `"level":"`+level+`"`) || strings.Contains(log.String(), `"a"`) {
			t.Errorf("%s: the end of the log is %s", tt.name, last)
		}
	}
}

// The same seed has the same requests disturbed, and the same profiles written to.
// Any profile is written to, and one that was read last where that is asked for.
func TestForeignWritesRepeat(t *testing.T) {
	run := func(seed uint64, spec string) (written []string, ofLast int) {
		s := start(t, sandbox.Options{Seed: seed, Faults: faults(t, spec)})
		var ids []string
		for i := range 20 {
			ids = append(ids, s.consenting(fmt.Sprint(i)))
		}
		for i := range 200 {
			before := len(s.ForeignWrites())
			s.want(200, "GET", "/"+ids[i%20], "")
			if all := s.ForeignWrites(); i > 0 && len(all) > before && all[before].ProfileID == ids[(i-1)%20] {
				ofLast++
			}
		}
		for _, w := range s.ForeignWrites() {
			written = append(written, fmt.Sprint(slices.Index(ids, w.ProfileID)))
		}
		return written, ofLast
	}
	a, _ := run(7, "write:0.3")
	b, _ := run(7, "write:0.3")
	other, _ := run(8, "write:0.3")
	if !slices.Equal(a, b) || slices.Equal(a, other) {
		t.Errorf("seed 7: %v\nagain:  %v\nseed 8: %v", a, b, other)
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(a)))); len(a) < 30 || len(a) > 110 || n < 10 {
		t.Errorf("%d writes to %d of 20 profiles in 220 requests, each with a chance of 0.3", len(a), n)
	}
	if aimed, ofLast := run(7, "write-after-get:0.3"); len(aimed) < 30 || ofLast != len(aimed) {
		t.Errorf("%d of %d writes were to the profile read last", ofLast, len(aimed))
	}
}

// However often a conversation writes, the profile can still be sent back, and what is
// in the place of the memories stays.
func TestForeignWritesAreBounded(t *testing.T) {
	s := start(t, sandbox.Options{Faults: faults(t, "write:1"), WrongTypes: sandbox.TypesKeep})
	id := s.create("a")
	for range 500 {
		s.want(200, "GET", "/"+id, "")
	}
	data, err := json.Marshal(s.fields(id))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.ForeignWrites()); n < 50 || n > 200 || len(data) > 20_000 {
		t.Errorf("%d writes, %d bytes of fields", n, len(data))
	}
	s.want(204, "PATCH", "/"+id, `{"profile":`+string(data)+`}`)
	before := len(s.ForeignWrites())
	s.router = nil // the OpenAPI document has no wrong types
	s.want(204, "PATCH", "/"+id, `{"profile":{"memories":"none"}}`)
	if got := s.fields(id)["memories"]; got != "none" || len(s.ForeignWrites()) != before {
		t.Errorf("memories %v, want what was put in their place", got)
	}
}

// Each request tells which profile it was about, and when it was handled, so that a test
// can see between which two a write fell.
func TestRequestsTellTheProfile(t *testing.T) {
	s := start(t, sandbox.Options{Faults: faults(t, "write-after-get:1"), Latency: 20 * time.Millisecond})
	id := s.create("a")
	s.want(200, "GET", "/"+id, "")
	s.want(204, "PATCH", "/"+id, `{"active":false}`)
	s.want(200, "GET", "", "")
	s.want(400, "PATCH", "/"+id, `{"active":1}`)
	var about []string
	all := s.Requests()
	for _, r := range all {
		about = append(about, r.ProfileID)
	}
	if want := []string{id, id, id, "", ""}; !slices.Equal(about, want) {
		t.Errorf("about %q, want %q", about, want)
	}
	if w := s.ForeignWrites()[0]; w.At.Before(all[1].Handled) || w.At.After(all[2].Handled) || all[1].Handled.Sub(all[1].At) < 20*time.Millisecond || !all[4].Handled.IsZero() {
		t.Errorf("written at %v, requests %+v", w.At, all)
	}
}
