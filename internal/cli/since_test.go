package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// typed runs the command line that a summary prints.
func (j *job) typed(line string) (*ran, string) {
	j.t.Helper()
	args := strings.Fields(strings.ReplaceAll(line, "'", ""))
	return j.command(args[1:]...)
}

// lineWith is the first line of a text that holds something.
func lineWith(text, what string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, what) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// A run that was stopped, with a field more in its mapping when it goes on: the rows that
// are in have the old values. That is told, with the command that sends them, for one
// update each and without a look-up; then the import goes on as ever.
func TestChangedSince(t *testing.T) {
	for _, redact := range []bool{false, true} {
		j := newJob(t, "create", sandbox.Options{})
		j.contacts(40)
		all := j.rows
		j.rows = all[:17]
		settings := fmt.Sprintf("report: {redact: %t}\n", redact)
		config := j.file("c.yaml", settings+"mapping: {unnamed: ignore, fields: {email: email, firstname: first name}}\n")
		if r := j.must("--config", config); r.Created != 17 || r.ChangedSince != 0 {
			t.Fatal(r)
		}
		j.rows = all
		j.file("c.yaml", settings)
		j.write()
		args := append(withoutJSON(j.args), "--config", config)

		checked, text := j.command(append([]string{"check"}, args...)...)
		told := "17  rows are in, and were sent with other values"
		if checked.code != exitOK || !strings.Contains(text, told) || !strings.Contains(text, "--mode update") {
			t.Errorf("redact %t: %s%s", redact, checked, text)
		}
		r := j.again("--config", config)
		if r.code != exitOK || r.Created != 23 || r.DoneBefore != 17 || r.ChangedSince != 17 || len(r.ChangedRows) != 5 || r.ChangedRows[0].Line != 2 {
			t.Errorf("redact %t: %s %v", redact, r, r.ChangedRows)
		}
		ran, text := j.command(append(args, "--quiet")...)
		if ran.code != exitOK || !strings.Contains(text, told) || !strings.Contains(text, "c.csv:6") || strings.Contains(text, "c.csv:7") ||
			strings.Contains(text, "c000000@") == redact {
			t.Errorf("redact %t: %s%s", redact, ran, text)
		}
		if _, report := j.command("report", j.path("r.report.ndjson")); !strings.Contains(report, "--mode update sends them: 17\n") || !strings.Contains(report, "c.csv:2\n") {
			t.Error(report)
		}

		update := strings.Replace(lineWith(text, "importer"), " --mode create", "", 1)
		if planned, text := j.typed(strings.NewReplacer("importer ", "importer check ", " --quiet", "").Replace(update)); planned.code != exitOK || !strings.Contains(text, "updated              17") || planned.of("list") > 1 {
			t.Error(planned, text)
		}
		sent, _ := j.typed(update)
		if sent.code != exitOK || sent.of("update") != 17 || sent.of("get") > 17 || sent.of("list")+sent.of("create") != 0 {
			t.Errorf("redact %t, %s: %s", redact, update, sent)
		}
		if age := j.profiles()["c000003@example.com"].Profile["age"]; age != 21.0 {
			t.Errorf("age %v", age)
		}
		for range 2 {
			if r := j.again("--config", config); r.code != exitOK || r.ChangedSince != 0 || r.DoneBefore != 40 || r.all() != 0 {
				t.Errorf("redact %t: %s", redact, r)
			}
		}
	}
}

// What is no value changes nothing: the order of the ids, a stamp, the order of the rows,
// and rows that were there before and were never sent.
func TestNotChangedSince(t *testing.T) {
	const header = "contactIds,first name,age\n"
	j := newJob(t, "create", sandbox.Options{})
	j.file("c.csv", header+"a@example.com;crm-000000001;+4930123456,Ada,36\ncrm-000000002;b@example.com,Grace,40\nc@example.com,Alan,41\n")
	if r := j.again(); r.code != exitOK || r.Created != 3 {
		t.Fatal(r)
	}
	j.file("c.csv", header+"c@example.com,Alan,41\nb@example.com;crm-000000002,Grace,40\n+4930123456;crm-000000001;a@example.com,Ada,36\n")
	config := j.file("c.yaml", "stamp: {field: notes_key}\n")
	for _, more := range [][]string{nil, {"--config", config, "--create-fields"}} {
		if r := j.again(more...); r.ChangedSince != 0 || r.DoneBefore != 3 {
			t.Errorf("%v: %s", more, r)
		}
	}
	// Of a report of the time before a rule of contact ids had this version, it is not known.
	j.file("r.report.ndjson", strings.ReplaceAll(j.report(), fmt.Sprintf(`"id_rule":%d,`, contact.IDRule), `"id_rule":1,`))
	j.file("c.csv", header+"c@example.com,Other,41\n")
	if r := j.again(); r.ChangedSince != 0 || r.DoneBefore != 1 {
		t.Error(r)
	}
	if err := os.Remove(j.path("r.report.ndjson")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // found, and not sent
		if r := j.again(); r.ChangedSince != 0 || r.Existing+r.DoneBefore != 1 {
			t.Error(r)
		}
	}
}

// A row that a killed run had announced may be in as the source had it then.
func TestChangedWhileInDoubt(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	if r := j.must(); r.Created != 3 {
		t.Fatal(r)
	}
	var kept strings.Builder
	for line := range strings.Lines(j.report()) {
		if !strings.Contains(line, "c000001@") && !strings.HasPrefix(line, `{"kind":"end"`) {
			kept.WriteString(line)
		}
	}
	// One more was announced, and never sent.
	j.file("r.report.ndjson", strings.ReplaceAll(kept.String(), contact.KeyOf([]string{"c000001@example.com"}).String(),
		contact.KeyOf([]string{"c000001@example.com"}).String()+`","`+contact.KeyOf([]string{"c000007@example.com"}).String()))
	j.rows = append(j.rows, contactRow(7, "New"))
	j.rows[1] = contactRow(1, "Another")
	for _, created := range []int64{2, 0, 0} {
		if r := j.must(); r.Created != created || int64(r.of("create")) != created/2 || r.ChangedSince != 1 {
			t.Errorf("%s, changed %d", r, r.ChangedSince)
		}
	}
	if sent, _ := j.command(append(withoutMode(j.args), "--mode", "update")...); sent.code != exitOK || sent.of("update") != 1 {
		t.Error(sent)
	}
	if r := j.must(); r.ChangedSince != 0 || r.all() != 0 {
		t.Error(r)
	}
}

func withoutMode(args []string) []string { return args[2:] }

// Of several rows about a contact the last one went in, and is the one that counts.
func TestChangedSinceWhereTheLastRowWins(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	config := j.file("c.yaml", "duplicates: last\n")
	j.rows = []string{contactRow(1, "First"), contactRow(2, "One"), contactRow(1, "Last"), contactRow(3, "Same"), contactRow(3, "Same")}
	if r := j.must("--config", config); r.Created != 3 {
		t.Fatal(r)
	}
	if r := j.must("--config", config); r.ChangedSince != 0 {
		t.Error(r)
	}
	j.rows[2], j.rows[4] = contactRow(1, "Other"), contactRow(3, "Other")
	if r := j.must("--config", config); r.ChangedSince != 2 {
		t.Errorf("%s, %d changed", r, r.ChangedSince)
	}
}

// An update of what an import has in stands in the report of the import, which creates who
// was absent.
func TestUpdateOfAnImport(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(4)
	if r := j.must(); r.Created != 4 {
		t.Fatal(r)
	}
	update := append(withoutMode(j.args), "--mode", "update")
	j.rows[0], j.rows[2] = contactRow(0, "Changed"), contactRow(2, "Changed")
	j.rows = append(j.rows, contactRow(9, "New"))
	j.write()
	if err := j.client().Delete(t.Context(), j.profiles()["c000002@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	r, stdout := j.command(update...)
	var s contact.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || r.code != exitOK || s.Updated != 1 || s.Absent != 2 {
		t.Error(r, stdout, err)
	}
	if r := j.must(); r.Created != 2 || r.DoneBefore != 3 || r.ChangedSince != 0 {
		t.Error(r)
	}
}
