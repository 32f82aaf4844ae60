package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// byNumber is a mapping that takes the contact ids from another column than by the names.
const byNumber = "mapping: {contact_ids: [Customer No]}\n"

// byEMail is the same by the address.
const byEMail = "mapping: {contact_ids: [{column: E-Mail, type: email}]}\n"

// A mirror keeps whom a row is about that a correction has settled, also where it knows
// them by an earlier id rule alone.
func TestAMirrorKeepsSettledRowsByAnEarlierIDRule(t *testing.T) {
	for _, refusedBy := range []string{"the API", "this program"} {
		j := newJob(t, "mirror", sandbox.Options{UnknownFields: sandbox.FieldsReject})
		const one, others = `{"Customer No":"C-1","E-Mail":"p1@example.com","profile":{"firstname":"One"}}`, `
{"Customer No":"C-2","E-Mail":"p2@example.com","profile":{"firstname":"Two"}}
{"Customer No":"C-3","E-Mail":"p3@example.com","profile":{"firstname":"Three"}}
`
		j.args[slices.Index(j.args, j.path("c.csv"))] = j.file("c.ndjson", one+others)
		config := j.file("c.yaml", byEMail+guardless)
		if r := j.again("--config", config); r.code != exitOK || r.Created != 3 {
			t.Fatal(r)
		}
		j.file("c.yaml", byNumber+guardless)
		wrong, right := []string{`"One"`, `"One","shoe":"42"`}, []string{`,"shoe":"42"`, "", "C-1", "C-9", "p1@", "p9@"}
		if refusedBy != "the API" {
			wrong, right = []string{`"C-1"`, `""`}, []string{`""`, `"C-9"`, "p1@", "p9@"}
		}
		replaceIn(t, j.path("c.ndjson"), wrong...)
		if r := j.again("--config", config, "--adopt"); r.code != exitNotAllIn || r.Deleted != 0 || r.Rejected+r.Invalid != 1 {
			t.Fatalf("%s: %s", refusedBy, r)
		}
		rejects := j.path("r.rejects.ndjson")
		replaceIn(t, rejects, right...)
		args := slices.Clone(j.args)
		args[slices.Index(args, j.path("c.ndjson"))] = rejects
		if r, _ := j.command(append(args, "--config", config)...); r.code != exitOK {
			t.Fatalf("%s: %s", refusedBy, r)
		}
		for range 2 {
			planned, _ := j.command(append(append([]string{"check"}, j.args...), "--config", config)...)
			r := j.again("--config", config)
			if planned.code != exitOK || r.code != exitOK || r.Deleted != 0 || j.profiles()["p1@example.com"].ID == "" {
				t.Errorf("%s: %s", refusedBy, r)
			}
		}
	}
}

// A row is settled by the corrections of the last run that read any: what it was corrected
// to before, and who is not there any more, is in nobody's way.
func TestTheLastCorrectionSettles(t *testing.T) {
	j := newJob(t, "update", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	j.contacts(1)
	if r := j.run("--mode", "upsert"); r.code != exitOK {
		t.Fatal(r)
	}
	j.rows = append(j.rows, "@@,Bob,31")
	if r := j.run(); r.code != exitNotAllIn || r.Invalid != 1 {
		t.Fatal(r)
	}
	replaceIn(t, j.path("r.rejects.csv"), "@@", "bob@example.com")
	if r := j.of(j.path("r.rejects.csv")); r.Absent != 1 || r.Invalid != 0 {
		t.Fatal(r)
	}
	if r := j.must(); r.Invalid != 0 {
		t.Error(r)
	}
	correct := func(to string, more ...string) {
		t.Helper()
		if r := j.run(append(more, "--mode", "upsert")...); r.code != exitNotAllIn || r.Invalid != 1 {
			t.Fatalf("%s: %s", to, r)
		}
		replaceIn(t, j.path("r.rejects.csv"), "@@", to)
		if r := j.of(j.path("r.rejects.csv"), "--mode", "upsert"); r.code != exitOK || r.Created != 1 {
			t.Fatalf("%s: %s", to, r)
		}
		for range 2 {
			if r := j.must("--mode", "upsert"); r.writes() != 0 || r.DoneBefore == 0 {
				t.Errorf("%s: %s", to, r)
			}
		}
	}
	correct("bobby@example.com")
	// That profile is gone, and the row is somebody else after all.
	if err := j.client().Delete(t.Context(), j.profiles()["bobby@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	correct("robert@example.com", "--config", j.config("sync: {refresh_after: 0s}\n"))
}

// Contact ids that an update gives to a profile are looked up first: those of another
// profile are a conflict, as they are of a row that is new.
func TestAdoptFindsWhoHoldsTheNewIDs(t *testing.T) {
	for _, mode := range []string{"update", "upsert", "mirror"} {
		for _, policy := range []string{"report", "merge", "first"} {
			if policy == "merge" && mode == "update" {
				continue
			}
			j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
			j.file("c.csv", "Customer No,E-Mail,First Name\nC-1,p1@example.com,One\nC-2,p2@example.com,Two\n")
			config := j.file("c.yaml", byNumber)
			if r := j.again("--config", config); r.code != exitOK || r.Created != 2 {
				t.Fatal(r)
			}
			if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{"p2@example.com"}}); err != nil {
				t.Fatal(err)
			}
			j.file("c.yaml", "on_conflict: "+policy+"\nmapping: {contact_ids: [Customer No, {column: E-Mail, type: email}]}\n")
			args := slices.Concat(withoutMode(j.args), []string{"--mode", mode, "--config", config})
			for _, more := range []string{"--adopt", "--quiet"} {
				r, stdout := j.command(append(args, more)...)
				holders := 0
				for _, p := range j.server.Profiles() {
					if slices.Contains(p.ContactIDs, "p2@example.com") {
						holders++
					}
					if slices.Contains(p.ContactIDs, "C-1") && !slices.Contains(p.ContactIDs, "p1@example.com") {
						t.Errorf("%s, %s, %s: %v", mode, policy, more, p.ContactIDs)
					}
				}
				switch policy {
				case "report":
					if r.code != exitNotAllIn || !strings.Contains(stdout, `"invalid":1`) || !strings.Contains(j.report(), "belong to 2 profiles") || holders != 1 {
						t.Errorf("%s, %s, %s: %d, %s%s", mode, policy, more, holders, r, stdout)
					}
				case "merge":
					if r.code != exitOK || holders != 1 || len(j.server.Profiles()) != 2 {
						t.Errorf("%s, %s, %s: %d, %s%s", mode, policy, more, holders, r, stdout)
					}
				default:
					if r.code != exitOK || holders != 2 {
						t.Errorf("%s, %s, %s: %d, %s%s", mode, policy, more, holders, r, stdout)
					}
				}
			}
		}
	}
}

// Contact ids count as what was sent, and the words say so.
func TestChangedSinceOfContactIDs(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.file("c.csv", "Customer No,E-Mail,First Name\nC-1,p1@example.com,One\n")
	config := j.file("c.yaml", byEMail)
	if r := j.again("--config", config); r.code != exitOK || r.Created != 1 {
		t.Fatal(r)
	}
	j.file("c.yaml", byNumber)
	r, text := j.command(append(withoutJSON(j.args), "--config", config, "--adopt")...)
	if r.code != exitOK || !strings.Contains(text, "was sent with other values or contact ids than") {
		t.Error(r, text)
	}
	if _, text := j.command("report", j.path("r.report.ndjson")); !strings.Contains(text, "with other values or contact ids than") {
		t.Error(text)
	}
	update := slices.Concat(withoutMode(j.args), []string{"--mode", "update", "--config", config})
	if r, _ := j.command(update...); r.code != exitOK || r.of("update") != 1 {
		t.Error(r)
	}
	if r := j.again("--config", config); r.code != exitOK || r.ChangedSince != 0 {
		t.Error(r)
	}
}

// Objects are known by the members that gave their ids before, wherever those stand: within
// others, and beside a profile in the API's own shape.
func TestAdoptOfObjects(t *testing.T) {
	for name, c := range map[string][3]string{
		"the API's shape": {`{"E-Mail":"p1@example.com","No":"C-1","profile":{"firstname":"One"}}`, "E-Mail", "No"},
		"the other way":   {`{"E-Mail":"p1@example.com","No":"C-1","profile":{"firstname":"One"}}`, "No", "E-Mail"},
		"within others":   {`{"person":{"mail":"p1@example.com","no":"C-1"},"first name":"One"}`, "person.mail", `{expr: 'row["first name"] + "-000001"'}`},
		"flat":            {`{"E-Mail":"p1@example.com","No":"C-1","first name":"One"}`, "E-Mail", "No"},
	} {
		for _, mode := range []string{"create", "mirror"} {
			j := newJob(t, mode, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
			j.args[slices.Index(j.args, j.path("c.csv"))] = j.file("c.ndjson", c[0]+"\n")
			config := j.file("c.yaml", "mapping: {contact_ids: ["+c[1]+"]}\n"+guardless)
			if r := j.again("--config", config); r.code != exitOK || r.Created != 1 {
				t.Fatalf("%s: %s", name, r)
			}
			j.file("c.yaml", "mapping: {contact_ids: ["+c[2]+"]}\n"+guardless)
			for _, more := range []string{"--adopt", "--quiet"} {
				if r := j.again("--config", config, more); r.code != exitOK || r.of("create")+r.of("delete") != 0 || len(j.server.Profiles()) != 1 {
					t.Errorf("%s, %s, %s: %s", name, mode, more, r)
				}
			}
		}
	}
}

// A sync that takes over the report of an import that was adopted knows everybody, and
// sends a row that was in doubt while it was edited.
func TestASyncAfterAnAdoptedImport(t *testing.T) {
	const header = "Customer No,E-Mail,First Name\n"
	for _, mode := range []string{"mirror", "upsert"} {
		j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		j.file("c.csv", header+"C-1,p1@example.com,One\nC-2,p2@example.com,Two\n")
		config := j.file("c.yaml", byEMail+"sync: {missing: deactivate, guard: {max: 1000, percent: 100}}\n")
		if r := j.again("--config", config); r.code != exitOK || r.Created != 2 {
			t.Fatal(r)
		}
		// The second one as a kill leaves it that comes before its outcome.
		var kept strings.Builder
		for line := range strings.Lines(j.report()) {
			if !strings.Contains(line, `["p2@example.com"]`) && !strings.HasPrefix(line, `{"kind":"end"`) {
				kept.WriteString(line)
			}
		}
		j.file("r.report.ndjson", kept.String())
		j.file("c.csv", header+"C-1,p1@example.com,One\nC-2,p2@example.com,Edited\n")
		j.file("c.yaml", byNumber+"sync: {missing: deactivate, guard: {max: 1000, percent: 100}}\n")
		if r := j.again("--config", config, "--adopt"); r.code != exitOK || r.of("create") != 0 || r.ChangedSince != 2 {
			t.Error(r, r.ChangedSince)
		}
		args := slices.Concat(withoutMode(j.args), []string{"--mode", mode, "--config", config})
		for _, updates := range []int{2, 0} {
			if r, _ := j.command(args...); r.code != exitOK || r.writes() != updates || r.of("create") != 0 || len(j.server.Profiles()) != 2 {
				t.Errorf("%s: %s", mode, r)
			}
		}
		if p := j.profiles()["C-2"]; p.Profile["firstname"] != "Edited" {
			t.Errorf("%s: %v", mode, p)
		}
	}
}

// A row in doubt is looked up by its first contact id. What its profile is given of the
// others is looked up before.
func TestDoubtFindsWhoHoldsTheOtherIDs(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	j.file("c.csv", "contactIds,First Name\ncrm-000000001;p1@example.com,One\n")
	if r := j.again(); r.code != exitOK || r.Created != 1 {
		t.Fatal(r)
	}
	report := j.report()
	at := strings.Index(report, `{"kind":"row"`)
	j.file("r.report.ndjson", report[:at]) // killed behind the announcement, before it was processed
	if err := os.Remove(j.path("s.db")); err != nil {
		t.Fatal(err)
	}
	if err := j.client().Delete(t.Context(), j.profiles()["crm-000000001"].ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"crm-000000001", "p1@example.com"} { // by others, meanwhile
		if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{id}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, existing := range []string{"ignore", "auto"} {
		if r := j.again("--existing", existing); r.code != exitNotAllIn || r.Invalid != 1 || r.writes() != 0 {
			t.Error(r)
		}
	}
}
