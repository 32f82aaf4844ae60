package cli

import (
	"testing"

	"importer/internal/sandbox"
)

// What the API refused, and what is in by a correction since, stays settled by another id
// rule. With other values it is a row like any other: by mode create that is told, and a
// sync sends them.
func TestAdoptTellsSettledRowsWithOtherValues(t *testing.T) {
	const fields = "  unnamed: ignore\n  fields: {firstname: First Name"
	for _, mode := range []string{"create", "upsert", "mirror"} {
		for _, changed := range []bool{false, true} {
			j := newJob(t, mode, sandbox.Options{})
			j.refuses("wrong")
			j.file("c.csv", "Customer No,E-Mail,First Name,City\nC-1,p1@example.com,wrong,Ghent\n")
			config := j.file("c.yaml", "mapping:\n  contact_ids: [E-Mail]\n"+fields+"}\n")
			if r := j.again("--config", config); r.code != exitNotAllIn || r.Rejected != 1 {
				t.Fatal(r)
			}
			replaceIn(t, j.path("r.rejects.csv"), "wrong", "One")
			if r := j.of(j.path("r.rejects.csv"), "--config", config); r.code != exitOK || r.Created != 1 {
				t.Fatalf("%s: %s", mode, r)
			}
			more := "}\n"
			if changed {
				more = ", location: City}\n"
			}
			j.file("c.yaml", "mapping:\n  contact_ids: [Customer No]\n"+fields+more)
			for _, flag := range []string{"--adopt", "--log-level=warn"} {
				r := j.of(j.path("c.csv"), "--config", config, flag)
				switch {
				case !changed:
					if r.code != exitOK || r.DoneBefore != 1 || r.ChangedSince != 0 || r.writes() != 0 {
						t.Errorf("%s, the same values, %s: %s", mode, flag, r)
					}
				case mode == "create":
					if r.code != exitOK || r.ChangedSince != 1 {
						t.Errorf("%s, other values, %s: %s", mode, flag, r)
					}
				case r.code != exitNotAllIn || r.Rejected != 1:
					t.Errorf("%s, other values, %s: %s", mode, flag, r)
				}
			}
		}
	}
}
