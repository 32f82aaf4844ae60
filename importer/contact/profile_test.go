package contact

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestCreateBody(t *testing.T) {
	active := false
	p := Profile{
		ContactIDs: []string{`a"b@example.com`, "+49 151"},
		Active:     &active,
		Fields:     []Field{{"firstname", StringValue("Zoë\n")}, {"tasks", jsontext.Value(`["x","y"]`)}},
	}
	const project = "65f0000000000000000000aa"
	got := string(p.AppendCreateBody(nil, project))
	want := `{"projectId":"65f0000000000000000000aa","contactIds":["a\"b@example.com","+49 151"],"active":false,` +
		`"profile":{"firstname":"Zoë\n","tasks":["x","y"]}}`
	if got != want {
		t.Errorf("body\n got %s\nwant %s", got, want)
	}
	if p.BodyBytes() != len(want) {
		t.Errorf("BodyBytes is %d, the body has %d bytes", p.BodyBytes(), len(want))
	}
	p.Active = nil
	if body := string(p.AppendCreateBody(nil, project)); strings.Contains(body, "active") {
		t.Errorf("active is not set, and stands in %s", body)
	}
}

func TestKey(t *testing.T) {
	if KeyOf([]string{"a", "b"}) != KeyOf([]string{"b", "a"}) {
		t.Error("the order of the contact ids changes the key")
	}
	distinct := [][]string{{"ab"}, {"a", "b"}, {"a"}, {"b"}, {"A"}, {"a "}, {}, {""}}
	seen := map[Key][]string{}
	for _, ids := range distinct {
		if other, ok := seen[KeyOf(ids)]; ok {
			t.Errorf("%q and %q share a key", ids, other)
		}
		seen[KeyOf(ids)] = ids
	}
}

func TestKeyAndDigestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := KeyOf(rapid.SliceOf(rapid.String()).Draw(t, "ids"))
		var key Key
		if err := key.UnmarshalText([]byte(k.String())); err != nil || key != k {
			t.Fatalf("key %s comes back as %s, %v", k, key, err)
		}
		d := Digest(k)
		var digest Digest
		if err := digest.UnmarshalText([]byte(d.String())); err != nil || digest != d {
			t.Fatalf("digest %s comes back as %s, %v", d, digest, err)
		}
	})
	for _, bad := range []string{"", "short", strings.Repeat("A", 23), strings.Repeat("*", 22), strings.Repeat("_", 22), strings.Repeat("A", 20) + "\r\n"} {
		if err := new(Key).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

func TestDigestCoversWhatIsSent(t *testing.T) {
	yes := true
	base := Profile{ContactIDs: []string{"a"}, Fields: []Field{{"age", jsontext.Value("1")}}}
	want, _ := base.Measure()
	for name, other := range map[string]Profile{
		"field value": {ContactIDs: []string{"a"}, Fields: []Field{{"age", jsontext.Value("2")}}},
		"field name":  {ContactIDs: []string{"a"}, Fields: []Field{{"ages", jsontext.Value("1")}}},
		"contact id":  {ContactIDs: []string{"b"}, Fields: base.Fields},
		"active":      {ContactIDs: []string{"a"}, Active: &yes, Fields: base.Fields},
	} {
		if got, _ := other.Measure(); got == want {
			t.Errorf("another %s leaves the digest as it was", name)
		}
	}
}

// Reports and states hold keys and digests of earlier versions: they never change.
func TestKeyAndDigestStay(t *testing.T) {
	yes := true
	p := Profile{
		ContactIDs: []string{"zoë@example.com", `"+49" 151\1`},
		Active:     &yes,
		Fields:     []Field{{"age", jsontext.Value("36")}, {"firstname", StringValue("Zoë \u2028<&\x7f\x01")}, {"tasks", jsontext.Value(`["x"]`)}},
	}
	if got, want := KeyOf(p.ContactIDs).String(), "xWMOcsDKypC2I7fuCLahmg"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	if got, _ := p.Measure(); got.String() != "xGstsWQynNSWnOu-oYqKcw" {
		t.Errorf("digest %s has changed", got)
	}
}

func TestStatusNames(t *testing.T) {
	for s := Created; s < InDoubt; s++ {
		var back Status
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("status %d: %q comes back as %d, %v", s, s, back, err)
		}
	}
	for _, bad := range []string{"", "in doubt", "Created"} {
		var s Status
		if err := s.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %s, want an error", bad, s)
		}
	}
}

// The summary is read by scripts: its members are fixed.
func TestSummaryMembers(t *testing.T) {
	b, err := json.Marshal(Summary{Duration: 1234567890})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"run": "", "status": "", "reason": "", "report": "", "rejects": "", "duration_s": 1.235, "limited": false}
	for _, n := range []string{"read", "created", "updated", "unchanged", "existing", "absent", "duplicate", "deactivated", "deleted", "invalid",
		"rejected", "failed", "unknown", "done_before", "pending", "requests", "retries", "throttled", "looked_up", "left_out", "duplicates_differ", "changed_since", "tolerated"} {
		want[n] = 0.0
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("summary\n got %v\nwant %v", got, want)
	}
}

func TestUpdateBody(t *testing.T) {
	no := false
	for want, p := range map[string]Profile{
		`{}`:                             {},
		`{"active":false}`:               {Active: &no},
		`{"contactIds":[],"profile":{}}`: {ContactIDs: []string{}, Fields: []Field{}},
		`{"contactIds":["a","\"b"],"active":false,"profile":{"age":7,"lastname":"L"}}`: {
			ContactIDs: []string{"a", `"b`}, Active: &no,
			Fields: []Field{{Name: "age", Value: []byte("7")}, {Name: "lastname", Value: StringValue("L")}},
		},
	} {
		if got := string(p.AppendUpdateBody(nil)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
