package journal

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"importer/importer/contact"
)

// earlier are reports that an earlier version wrote, and what they say of the
// contacts that they name.
var earlier = map[string]map[string]contact.Status{
	"create": {
		"ann@example.com": contact.Created, "bob@example.com": contact.Created, "cem@example.com": contact.Existing, "eva@example.com": contact.Created,
		"früh@example.com": contact.Created, "gus@example.com": contact.Created, "=hal@example.com": contact.Created,
	},
	"killed": {
		"k1@example.com": contact.Created, "k2@example.com": contact.Created, "k3@example.com": contact.Created, "k4@example.com": contact.Created,
		"k5@example.com": contact.Created, "k6@example.com": contact.Created, "k7@example.com": contact.Created, "k8@example.com": contact.Created,
		"k9@example.com": contact.Created, "k10@example.com": contact.Created, "k11@example.com": contact.Created, "k12@example.com": contact.Created,
		"k13@example.com": contact.Created, "k14@example.com": contact.InDoubt, "k15@example.com": contact.InDoubt, "k16@example.com": contact.InDoubt,
		"k17@example.com": contact.InDoubt, "k18@example.com": contact.InDoubt,
	},
	"interrupted": {
		"k14@example.com": contact.Created, "k15@example.com": contact.Created, "k17@example.com": contact.Created, "k18@example.com": 0, // looked up, not there, and not sent again
		"k28@example.com": contact.Created, "k29@example.com": 0, "k40@example.com": 0,
	},
	"doubt": {
		"ann@example.com": contact.Created, "bob@example.com": contact.Unknown, "cem@example.com": contact.Created, "eva@example.com": contact.Created,
		"früh@example.com": contact.Created, "gus@example.com": contact.Rejected, "=hal@example.com": contact.Unknown,
	},
	"upsert":   {"k1@example.com": 0, "k2@example.com": contact.Updated, "k3@example.com": contact.Created},
	"mirror":   {"k1@example.com": 0, "k2@example.com": contact.Updated, "k4@example.com": contact.Deleted},
	"undo":     {"k5@example.com": contact.Updated, "k6@example.com": contact.Updated, "new@example.com": contact.Deleted},
	"redacted": {"ann@example.com": contact.Created, "bob@example.com": contact.Created, "cem@example.com": contact.Created, "gus@example.com": contact.Created},
}

func statusesOf(k *contact.Keys, like map[string]contact.Status) map[string]contact.Status {
	got := map[string]contact.Status{}
	for id := range like {
		got[id] = k.Status(key(id))
	}
	return got
}

// copyEarlier copies a report of testdata to where it may be written to, and says
// what its next run has to be.
func copyEarlier(t *testing.T, name string) (path string, o Options) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".ndjson"))
	must(t, err)
	path = filepath.Join(t.TempDir(), name+".report.ndjson")
	must(t, os.WriteFile(path, b, 0o600))
	h, err := ReadHeader(Files{}, path)
	must(t, err)
	return path, Options{Header: h}
}

func TestReportsOfEarlierVersionsResume(t *testing.T) {
	for name, want := range earlier {
		path, o := copyEarlier(t, name)
		before := readLines(t, path)
		r := begun(t, path, o)
		if got := statusesOf(r.Keys(), want); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		for id, s := range want {
			if s != contact.Rejected && s != contact.Unknown {
				continue
			}
			if out, err := r.Before(key(id)); err != nil || out.Status != s || out.Row.Digest == (contact.Digest{}) || out.Failure == nil || out.Failure.Hint == "" {
				t.Errorf("%s: before %s: %+v, %v", name, id, out, err)
			}
		}
		must(t, r.Close())
		if after := readLines(t, path); len(after) != len(before)+1 || after[0] != before[0] {
			t.Errorf("%s: %d lines became %d", name, len(before), len(after))
		}
	}
}
