package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// people have an address, a number, or both; the fourth of them has an id of its own.
const people = `contactIds,E-Mail,Mobile Phone,First Name
,ada@example.com,+44 7700 900001,Ada
,grace@example.com,,Grace
,,+44 7700 900003,Alan
crm-000000004,edsger@example.com,+44 7700 900004,Edsger
`

// ofPeople is a job whose source is that text, with a configuration of that mapping for
// the runs that name it.
func ofPeople(t *testing.T, mode, text string) *job {
	t.Helper()
	j := newJob(t, mode, sandbox.Options{})
	j.file("c.csv", text)
	return j
}

// file writes a file of the job, and returns its path.
func (j *job) file(name, text string) string {
	j.t.Helper()
	if err := os.WriteFile(j.path(name), []byte(text), 0o600); err != nil {
		j.t.Fatal(err)
	}
	return j.path(name)
}

// again runs the job on its files as they are.
func (j *job) again(more ...string) *ran {
	j.t.Helper()
	r, stdout := j.command(slices.Concat(j.args, more)...)
	if err := json.NewDecoder(bytes.NewReader([]byte(stdout))).Decode(&r.Summary); err != nil && r.code != exitUsage {
		j.t.Fatalf("%v in %q; %s", err, stdout, r.stderr)
	}
	return r
}

const guardless = "sync: {missing: delete, guard: {max: 1000, percent: 100}}\n"

// idRules are mappings by which the same people have other contact ids than by the names
// of their columns.
var idRules = map[string]string{
	"the number first":      `contact_ids: [{column: "Mobile Phone", type: phone, stand_in: true}, {column: "E-Mail", type: email, stand_in: true}]`,
	"both":                  `contact_ids: [{column: "E-Mail", type: email}, {column: "Mobile Phone", type: phone}]`,
	"numbers in full":       `contact_ids: [{column: contactIds, type: list}, {column: "E-Mail", type: email, stand_in: true}, {column: "Mobile Phone", type: phone, stand_in: true}]`,
	"computed":              `contact_ids: [{expr: 'row["First Name"] + "@crm.example.com"'}]`,
	"without the first one": `contact_ids: [{column: "E-Mail", type: email}, {column: "Mobile Phone", stand_in: true}]`,
	"capitals":              `contact_ids: [{column: contactIds, type: list}, {column: "E-Mail", type: email, lower: true, stand_in: true}, {column: "Mobile Phone", stand_in: true}]`,
}

// By another id rule the same people would be created a second time: the run stops with 2
// before any request and shows both rules. With --adopt nobody is created or removed, and
// the run after it goes on as ever.
func TestAnotherIDRule(t *testing.T) {
	for _, mode := range []string{"create", "mirror"} {
		for name, mapping := range idRules {
			if mode == "mirror" && name != "both" && name != "the number first" {
				continue
			}
			j := ofPeople(t, mode, people)
			if r := j.again(); r.code != exitOK || r.Created != 4 {
				t.Fatal(r)
			}
			config := j.file("c.yaml", "mapping:\n  "+mapping+"\n"+guardless)
			checked, _ := j.command(slices.Concat([]string{"check"}, withoutJSON(j.args), []string{"--config", config})...)
			for _, r := range []*ran{j.again("--config", config), checked} {
				if r.code != exitUsage || r.all() != 0 {
					t.Errorf("%s, %s: %s", mode, name, r)
				}
				for _, want := range []string{`"contactIds", else "E-Mail", else "Mobile Phone" (as it is written)`, "This run takes them from: ", "--adopt", "c.yaml", " 4 contacts"} {
					if !strings.Contains(r.stderr, want) {
						t.Errorf("%s, %s: %s is not in %s", mode, name, want, r.stderr)
					}
				}
			}
			for _, more := range [][]string{{"--adopt"}, nil, nil} {
				r := j.again(append(more, "--config", config)...)
				if r.code != exitOK || r.of("create")+r.of("delete") != 0 || len(j.server.Profiles()) != 4 {
					t.Errorf("%s, %s, %v: %s", mode, name, more, r)
				}
			}
			if mode == "create" { // the profiles have the ids of before until an update
				changed := j.again("--config", config).ChangedSince
				updated, _ := j.command(slices.Concat(withoutMode(j.args), []string{"--config", config, "--mode", "update"})...)
				if updated.code != exitOK || int64(updated.of("update")) != changed || updated.of("list") > 1 {
					t.Errorf("%s, %d changed: %s", name, changed, updated)
				}
				if r := j.again("--config", config); r.code != exitOK || r.ChangedSince != 0 || r.DoneBefore != 4 {
					t.Errorf("%s: %s", name, r)
				}
				verified, text := j.command("verify", j.path("r.report.ndjson"), "--config", config, "--json", "--settle", "0s")
				if verified.code != exitOK || !strings.Contains(text, `"same":4`) {
					t.Errorf("%s: %s%s", name, verified, text)
				}
			}
			if r := j.again(); r.code != exitUsage {
				t.Errorf("%s, %s, back without the configuration: %s", mode, name, r)
			}
		}
	}
}

func withoutJSON(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--json" })
}

// Where a rule gives the same ids, however it is spelled, nothing is in the way.
func TestTheSameIDRule(t *testing.T) {
	const same = `mapping: {contact_ids: [{column: contactIds, type: list}, {column: "E-Mail", type: email, stand_in: true}]}`
	table := strings.ReplaceAll(people, ",+44 7700 900003", "alan@example.com,")
	withoutPhones := regexp.MustCompile(`(Mobile Phone|\+44 [0-9 ]+)?,([^,]*)\n`).ReplaceAllString(table, "$2\n")
	for name, next := range map[string][2]string{
		"as configured":           {withoutPhones, same},
		"columns renamed":         {strings.Replace(withoutPhones, "E-Mail", "e_mail_address", 1), strings.Replace(same, "E-Mail", "e_mail_address", 1)},
		"columns moved":           {"First Name,E-Mail,contactIds\nAda,ada@example.com,\n", ""},
		"a column that stands in": {table, ""},
		"objects":                 {`{"email":"ada@example.com","first name":"Ada"}` + "\n" + `{"contactIds":"crm-000000004","email":"edsger@example.com"}` + "\n", "source: {format: ndjson}\n"},
	} {
		j := ofPeople(t, "create", withoutPhones)
		if r := j.again(); r.code != exitOK || r.Created != 4 {
			t.Fatal(r)
		}
		j.file("c.csv", next[0])
		more := []string{}
		if next[1] != "" {
			more = []string{"--config", j.file("c.yaml", next[1])}
		}
		if r := j.again(more...); r.code != exitOK || r.all() != 0 || r.DoneBefore == 0 {
			t.Errorf("%s: %s", name, r)
		}
	}
}

// A region makes other numbers of those without a country code.
func TestARegionIsPartOfTheIDRule(t *testing.T) {
	j := ofPeople(t, "create", "phone,first name\n030 23125001,Ada\n+49 30 23125002,Grace\n")
	config := func(region string) string {
		return j.file("c.yaml", "mapping:\n  region: "+region+"\n  contact_ids: [{column: phone, type: phone}]\n")
	}
	if r := j.again("--config", config("DE")); r.code != exitOK || r.Created != 2 {
		t.Fatal(r)
	}
	if r := j.again("--config", config("AT")); r.code != exitUsage || !strings.Contains(r.stderr, "of DE without a country code") || !strings.Contains(r.stderr, "of AT ") {
		t.Error(r)
	}
	if r := j.again("--config", config("AT"), "--adopt"); r.code != exitOK || r.DoneBefore != 2 || len(j.server.Profiles()) != 2 {
		t.Error(r)
	}
}

// Whom the earlier rule did not bring in is created, and who is there by the new ids is
// found, whatever --existing says.
func TestAdoptLooksUp(t *testing.T) {
	j := ofPeople(t, "create", people)
	if r := j.again(); r.code != exitOK {
		t.Fatal(r)
	}
	other := ofPeople(t, "create", "contactIds,first name\nbarbara@example.com,Barbara\n")
	other.server = j.server
	copy(other.args[slices.Index(other.args, "--base-url")+1:], []string{j.server.URL})
	if r := other.again(); r.Created != 1 {
		t.Fatal(r)
	}
	j.file("c.csv", people+",barbara@example.com,,Barbara\n,katherine@example.com,,Katherine\n")
	config := j.file("c.yaml", "mapping:\n  "+idRules["both"]+"\n")
	r := j.again("--config", config, "--adopt", "--existing", "ignore")
	if r.code != exitOK || r.DoneBefore != 4 || r.Existing != 1 || r.Created != 1 || len(j.server.Profiles()) != 6 {
		t.Error(r)
	}
	if !strings.Contains(j.report(), `"status":"existing"`) {
		t.Error(j.report())
	}
}

// A run that adopts and is killed at any line of its report is gone on with, with --adopt
// and without.
func TestAdoptKilled(t *testing.T) {
	for _, mode := range []string{"create", "mirror"} {
		j := ofPeople(t, mode, people)
		if r := j.again(); r.code != exitOK {
			t.Fatal(r)
		}
		before := len(j.report())
		config := j.file("c.yaml", "mapping:\n  "+idRules["numbers in full"]+"\n"+guardless)
		j.file("c.csv", people+",new@example.com,,New\n")
		if r := j.again("--config", config, "--adopt"); r.code != exitOK || r.Created != 1 {
			t.Fatal(r)
		}
		if mode == "mirror" { // its report is a new one
			before = 0
		}
		text := j.report()
		for end := before; end <= len(text); end++ {
			if end == 0 || text[end-1] != '\n' {
				continue
			}
			j.file("r.report.ndjson", text[:end])
			more := []string{"--config", config}
			if end == before || end%2 == 0 {
				more = append(more, "--adopt")
			}
			if r := j.again(more...); r.code != exitOK || r.of("create")+r.of("delete") != 0 || len(j.server.Profiles()) != 5 {
				t.Errorf("%s, cut at byte %d: %s", mode, end, r)
			}
		}
	}
}

// Each time by another rule, and by one of before.
func TestAdoptTwice(t *testing.T) {
	j := ofPeople(t, "create", "E-Mail,Customer No\na@example.com,C-1\nb@example.com,C-2\n")
	for i, ids := range []string{`[E-Mail]`, `[Customer No, E-Mail]`, `[Customer No]`, `[E-Mail]`} {
		config := j.file("c.yaml", "mapping: {contact_ids: "+ids+"}\n")
		r := j.again("--config", config, "--adopt")
		if r.code != exitOK || r.Created+r.DoneBefore != 2 || i > 0 && r.Created > 0 || len(j.server.Profiles()) != 2 {
			t.Fatalf("%s: %s", ids, r)
		}
	}
}

// Rows that were one contact and are several now are not mistaken for each other.
func TestAdoptTellsApart(t *testing.T) {
	j := ofPeople(t, "create", "phone,first name\n+4930123456,Ada\n+4930123456,Grace\n+4930123457,Alan\n")
	if r := j.again(); r.code != exitOK || r.Created != 2 || r.Duplicate != 1 {
		t.Fatal(r)
	}
	j.file("c.csv", "phone,email,first name\n+4930123456,ada@example.com,Ada\n+4930123456,grace@example.com,Grace\n+4930123457,alan@example.com,Alan\n")
	config := j.file("c.yaml", "mapping:\n  contact_ids: [{column: email, type: email}]\n")
	for _, more := range []string{"--adopt", "--quiet", "--quiet"} {
		r := j.again("--config", config, more)
		if r.code != exitOK || r.DoneBefore+r.Created != 3 || len(j.server.Profiles()) != 3 {
			t.Error(r)
		}
	}
}

// The sources of a run may have a rule each.
func TestIDRulesOfSeveralSources(t *testing.T) {
	j := ofPeople(t, "create", "email,first name\nada@example.com,Ada\n")
	second := j.file("d.csv", "phone,first name\n+4930123456,Grace\n")
	if r := j.again("--source", second); r.code != exitOK || r.Created != 2 {
		t.Fatal(r)
	}
	if r := j.again(); r.code != exitOK { // one of them is a part of it
		t.Error(r)
	}
	third := j.file("e.csv", "contactIds,first name\ncrm-000000001,Alan\n")
	if r := j.again("--source", third); r.code != exitUsage || !strings.Contains(r.stderr, `"email"; or "phone" (as it is written)`) {
		t.Error(r)
	}
	for _, more := range []string{"--adopt", "--quiet"} {
		if r := j.again("--source", second, "--source", third, more); r.code != exitOK || len(j.server.Profiles()) != 3 {
			t.Error(r)
		}
	}
}

// A report and a state that do not say by which rule they were made are gone on with.
func TestAReportWithoutAnIDRule(t *testing.T) {
	for _, mode := range []string{"create", "upsert"} {
		j := ofPeople(t, mode, people)
		if r := j.again(); r.code != exitOK {
			t.Fatal(r)
		}
		j.file("r.report.ndjson", regexp.MustCompile(`,"id_mapping":\{.*\}`).ReplaceAllString(j.report(), ""))
		if mode == "upsert" { // made anew from the report
			if err := os.Remove(j.path("s.db")); err != nil {
				t.Fatal(err)
			}
		}
		config := j.file("c.yaml", "mapping:\n  "+idRules["without the first one"]+"\n")
		if r := j.again("--config", config); r.code == exitUsage {
			t.Errorf("%s: %s", mode, r)
		}
	}
}

// A redacted report holds no column name, and is adopted all the same; so is one that was
// purged.
func TestIDRuleRedacted(t *testing.T) {
	for _, redact := range []bool{true, false} {
		j := ofPeople(t, "create", people)
		config := j.file("c.yaml", fmt.Sprintf("report: {redact: %t}\nmapping:\n  contact_ids: [{column: First Name}]\n", redact))
		if r := j.again("--config", config); r.code != exitOK {
			t.Fatal(r)
		}
		if !redact {
			if r, _ := j.command("report", j.path("r.report.ndjson"), "--purge"); r.code != exitOK {
				t.Fatal(r)
			}
		}
		if strings.Contains(j.report(), "First Name") {
			t.Error(j.report())
		}
		if r := j.again(); r.code != exitUsage || strings.Contains(r.stderr, "First Name") {
			t.Error(r)
		}
		if r := j.again("--adopt"); r.code != exitOK || r.DoneBefore != 4 || len(j.server.Profiles()) != 4 {
			t.Errorf("redacted %t: %s", redact, r)
		}
	}
}

// Where columns of the earlier rule are gone, a mirror removes nobody.
func TestAdoptWithoutTheColumns(t *testing.T) {
	j := ofPeople(t, "mirror", people)
	if r := j.again(); r.code != exitOK {
		t.Fatal(r)
	}
	j.file("c.csv", "First Name,Member\nAda,member-000000001\nGrace,member-000000002\n")
	config := j.file("c.yaml", "mapping: {contact_ids: [Member]}\n"+guardless)
	r := j.again("--config", config, "--adopt")
	if r.code != exitStopped || r.of("delete") != 0 || !strings.Contains(r.stderr, "no longer has columns that contact ids came from") {
		t.Error(r)
	}
}

// A rehearsal in a sandbox of the process is over with it: its report is set aside.
func TestAnotherIDRuleInARehearsal(t *testing.T) {
	j := ofPeople(t, "create", people)
	args := []string{"--source", j.path("c.csv"), "--report", j.path("r.report.ndjson"), "--sandbox"}
	if r, _ := j.command(args...); r.code != exitOK {
		t.Fatal(r)
	}
	config := j.file("c.yaml", "mapping:\n  "+idRules["both"]+"\n")
	r, stdout := j.command(append(args, "--config", config)...)
	if r.code != exitOK || !strings.Contains(stdout, "r.report.ndjson.1") || !strings.Contains(stdout, "rehearsal") {
		t.Error(r, stdout)
	}
}

// --restart begins a sync anew as well: report and state are set aside.
func TestRestartByAnotherIDRule(t *testing.T) {
	for _, state := range []string{"kept", "lost"} {
		j := ofPeople(t, "upsert", people)
		if r := j.again(); r.code != exitOK {
			t.Fatal(r)
		}
		if state == "lost" {
			if err := os.Remove(j.path("s.db")); err != nil {
				t.Fatal(err)
			}
		}
		config := j.file("c.yaml", "mapping:\n  "+idRules["both"]+"\n")
		if r := j.again("--config", config); r.code != exitUsage || !strings.Contains(r.stderr, "--restart") || !strings.Contains(r.stderr, "--report") {
			t.Errorf("%s: %s", state, r)
		}
		for _, more := range [][]string{{"--restart"}, nil} {
			if r := j.again(append(more, "--config", config)...); r.code != exitOK {
				t.Errorf("%s, %v: %s", state, more, r)
			}
		}
	}
}

// A mirror takes over the report of an import that was adopted: it knows everybody by the
// rule before as well, and removes nobody; nor does one whose state was lost.
func TestAMirrorAfterAnAdoptedImport(t *testing.T) {
	j := ofPeople(t, "create", people)
	config := j.file("c.yaml", "mapping:\n  "+idRules["numbers in full"]+"\n"+guardless)
	for _, more := range [][]string{nil, {"--config", config, "--adopt"}} {
		if r := j.again(more...); r.code != exitOK {
			t.Fatal(r)
		}
	}
	mirror := slices.Concat(withoutMode(j.args), []string{"--mode", "mirror", "--config", config})
	for night := range 4 {
		if night == 2 {
			if err := os.Remove(j.path("s.db")); err != nil {
				t.Fatal(err)
			}
		}
		planned, text := j.command(append([]string{"check"}, mirror...)...)
		// A check reads no report that was set aside.
		if night != 2 && (planned.code != exitOK || !strings.Contains(text, `"created":0`) || !strings.Contains(text, `"deleted":0`)) {
			t.Errorf("night %d: %s%s", night, planned, text)
		}
		if r, _ := j.command(mirror...); r.code != exitOK || r.of("create")+r.of("delete") != 0 || len(j.server.Profiles()) != 4 {
			t.Errorf("night %d: %s", night, r)
		}
	}
}

// A row that was in doubt by the rule before, and is created by the new one, is found by
// the new ids when that run is killed before it can say so.
func TestAdoptInDoubt(t *testing.T) {
	j := ofPeople(t, "create", people)
	if r := j.again(); r.code != exitOK {
		t.Fatal(r)
	}
	without := func(what string) {
		var kept strings.Builder
		for line := range strings.Lines(j.report()) {
			if !strings.Contains(line, what) && !strings.HasPrefix(line, `{"kind":"end"`) {
				kept.WriteString(line)
			}
		}
		j.file("r.report.ndjson", kept.String())
	}
	without(`"contactIds":["+44 7700 900003"]`)
	if err := j.client().Delete(t.Context(), j.profiles()["+44 7700 900003"].ID); err != nil {
		t.Fatal(err)
	}
	config := j.file("c.yaml", "mapping:\n  "+idRules["numbers in full"]+"\n")
	for _, created := range []int{1, 0} {
		if r := j.again("--config", config, "--adopt"); r.code != exitOK || r.of("create") != created || len(j.server.Profiles()) != 4 {
			t.Error(r)
		}
		without(`"contactIds":["+447700900003"]`)
	}
}
