package cli

import (
	"os"
	"slices"
	"strings"
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

// A person who was made twice, because --restart began anew with another id rule, stays
// twice, also where a row is about them that was corrected since: of the correction only
// the ids by one of the rules are known.
func TestAMirrorKeepsWhomARestartLeft(t *testing.T) {
	for _, first := range []string{"create", "mirror"} {
		j := newJob(t, "create", sandbox.Options{})
		const header, one = "Customer No,E-Mail,First Name\n", "C-1,p1@example.com,One\n"
		j.file("c.csv", header+one+"C-2,p2@example.com,Two\n")
		config := j.file("c.yaml", byEMail+guardless)
		in := func(mode string, more ...string) *ran {
			r, _ := j.command(slices.Concat(withoutMode(j.args), []string{"--mode", mode, "--config", config}, more)...)
			return r
		}
		if r := in(first); r.code != exitOK || r.of("create") != 2 {
			t.Fatal(r)
		}
		j.file("c.csv", header+one+",,Two\n")
		j.file("c.yaml", byNumber+guardless)
		if r := in("create", "--restart"); r.code != exitNotAllIn || r.of("create") != 1 {
			t.Fatal(r)
		}
		replaceIn(t, j.path("r.rejects.csv"), ",,Two", "C-2,p2@example.com,Two")
		if r := j.of(j.path("r.rejects.csv"), "--config", config); r.code != exitOK || r.Created != 1 {
			t.Fatal(r)
		}
		r := in("mirror", "--adopt")
		if !strings.Contains(r.stderr, "begun anew with another id rule") {
			t.Errorf("%s: %s", first, r)
		}
		again := in("mirror")
		if err := os.Remove(j.path("s.db")); err != nil {
			t.Fatal(err)
		}
		for _, r := range []*ran{r, again, in("mirror")} {
			if r.code != exitOK || r.of("delete")+r.of("create") != 0 || len(j.server.Profiles()) != 4 {
				t.Errorf("%s: %s", first, r)
			}
		}
		if r := in("mirror", "--config", j.file("all.yaml", byNumber+guardless[:len(guardless)-2]+", adopted: remove}\n")); r.of("delete") != 1 {
			t.Errorf("%s, all are to be removed: %s", first, r)
		}
	}
}

// A correction of somebody who is there twice, by ids of two rules, is about both profiles.
func TestACorrectionIsAboutBothWhoAreOne(t *testing.T) {
	for _, name := range []string{"Two", "Twice"} {
		j := newJob(t, "create", sandbox.Options{})
		const header, one = "Customer No,E-Mail,First Name\n", "C-1,p1@example.com,One\n"
		both := header + one + "C-2,p2@example.com,Two\n"
		config := j.path("c.yaml")
		for i, rule := range []string{byEMail, byNumber} {
			j.file("c.csv", both)
			j.file("c.yaml", rule+guardless)
			if r := j.again("--config", config, []string{"--json", "--restart"}[i]); r.code != exitOK || r.Created != 2 {
				t.Fatal(r)
			}
		}
		mirror := slices.Concat(withoutMode(j.args), []string{"--mode", "mirror", "--config", config})
		if r, _ := j.command(append(mirror, "--adopt")...); r.code != exitOK || r.writes() != 0 {
			t.Fatal(r)
		}
		j.file("c.csv", header+one+",,Two\n")
		if r, _ := j.command(mirror...); r.code != exitStopped || r.writes() != 0 {
			t.Fatal(r)
		}
		replaceIn(t, j.path("r.rejects.csv"), ",,Two", "C-2,p2@example.com,"+name)
		args := slices.Clone(mirror)
		args[slices.Index(args, j.path("c.csv"))] = j.path("r.rejects.csv")
		if r, _ := j.command(args...); r.code != exitOK {
			t.Fatal(r)
		}
		for range 2 {
			if r, _ := j.command(mirror...); r.code != exitOK || r.of("delete") != 0 || len(j.server.Profiles()) != 4 {
				t.Errorf("%s: %s", name, r)
			}
		}
	}
}
