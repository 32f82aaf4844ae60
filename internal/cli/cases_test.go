package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

var updateCases = flag.Bool("update-cases", false, "write testdata/cases/want.txt anew, to be read line by line before it is believed")

// Each input of testdata/cases once went wrong. It is imported into a listening sandbox
// by the names of its columns, and with the configuration that init writes for it,
// unedited; where it is about contact ids, its rows are imported as JSON objects too.
// What is in the project then, what was refused and what was told stands in want.txt.
func TestCases(t *testing.T) {
	t.Chdir("../../testdata/cases")
	files, err := filepath.Glob("[0-9]*")
	if err != nil || len(files) < 35 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	var got strings.Builder
	for _, file := range files {
		if filepath.Ext(file) == ".yaml" {
			continue // goes with the file of its name
		}
		for way, more := range casesOf(t, file) {
			fmt.Fprintf(&got, "# %s, %s: %s\n", file, way, caseRun(t, more))
		}
	}
	if *updateCases {
		if err := os.WriteFile("want.txt", []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("want.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		for _, line := range differing(got.String(), string(want)) {
			t.Error(line)
		}
	}
}

// casesOf are the command lines of a case, by how it is imported, in that order.
func casesOf(t *testing.T, file string) func(yield func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		dir := t.TempDir()
		name := strings.TrimSuffix(file, filepath.Ext(file))
		if name == "09-de-no-plus" {
			yield("as configured", []string{file, "--config", "09-de.yaml"})
			return
		}
		if !yield("by name", []string{file}) {
			return
		}
		config := filepath.Join(dir, "init.yaml")
		j := newJob(t, "create", sandbox.Options{})
		if r, stdout := j.command("init", file, "-o", config); r.code != exitOK {
			if !yield("init", nil) || stdout != "" {
				t.Errorf("init of %s: %s", file, r)
			}
		} else if !yield("init", []string{file, "--config", config}) {
			return
		}
		if filepath.Ext(file) == ".csv" && slices.Contains(casesOfIDs, name) {
			objects := filepath.Join(dir, name+".ndjson")
			asObjects(t, file, objects)
			yield("as NDJSON", []string{objects})
		}
	}
}

// casesOfIDs are the cases that are about what a contact id may look like.
var casesOfIDs = []string{"02-sci-phones", "03-invisible", "04-shopify", "17-ids", "18-bad-emails", "25-null-words", "29-twins"}

// asObjects writes the rows of a CSV file as JSON objects, one a line.
func asObjects(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, row := range rows[1:] {
		object := map[string]string{}
		for i, cell := range row {
			object[rows[0][i]] = cell
		}
		line, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// caseRun imports a case and returns what came of it; nil could not be guessed.
func caseRun(t *testing.T, args []string) string {
	t.Helper()
	if args == nil {
		return "init refuses it\n"
	}
	j := newJob(t, "create", sandbox.Options{})
	j.args = append([]string{"--source", args[0]}, append(args[1:], "--report", j.path("r.report.ndjson"), "--base-url", j.server.URL,
		"--project-id", j.server.ProjectID(), "--rate", "unlimited", "--settle", "0s", "--log-format", "json", "--progress", "none")...)
	r, stdout := j.command(j.args...)
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n", r.code)
	for _, p := range sortedProfiles(t, j) {
		b.WriteString(p + "\n")
	}
	_, remarks, _ := strings.Cut(stdout, "although these rows are in:\n")
	remarks, _, _ = strings.Cut(remarks, "\n\n")
	for _, line := range slices.Concat(refusedIn(t, j.path("r.report.ndjson")), strings.Split(remarks, "\n"), strings.Split(r.stderr, "\n")) {
		if line = ofOneRun.ReplaceAllString(strings.TrimSpace(line), ""); line != "" && !strings.Contains(line, "row not in;") {
			b.WriteString("told: " + line + "\n")
		}
	}
	return b.String()
}

// ofOneRun matches what differs from run to run.
var ofOneRun = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/[^ :]*/|"time":"[^"]*",?`)

// sortedProfiles are the profiles of the project, a line each.
func sortedProfiles(t *testing.T, j *job) (lines []string) {
	t.Helper()
	for _, p := range j.server.Profiles() {
		var s stored
		if err := json.Unmarshal(p.Body, &s); err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("in: %q", p.ContactIDs)
		for _, name := range slices.Sorted(maps.Keys(s.Profile)) {
			if v := fmt.Sprint(s.Profile[name]); !slices.Contains(notSet, v) {
				line += fmt.Sprintf(" %s=%s", name, v)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// notSet are the values of default fields that nobody has set.
var notSet = []string{"", "0", "false", "[]", "map[accepted:false]"}

// refusedIn are the rows that a report says were refused.
func refusedIn(t *testing.T, report string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(report)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var row struct {
			Line    int
			Status  string
			Differs bool
			Error   struct{ Field, Detail, Hint string }
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Status == "invalid" || row.Status == "rejected" || row.Status == "duplicate" {
			lines = append(lines, fmt.Sprintf("line %d is %s: %s: %s (%s)", row.Line, row.Status, row.Error.Field, row.Error.Detail, row.Error.Hint))
		}
	}
	return lines
}

// differing are the lines that stand in one of two texts, under their heading.
func differing(got, want string) (lines []string) {
	sections := func(text string) map[string]string {
		all := map[string]string{}
		for _, s := range strings.Split(text, "# ")[1:] {
			name, body, _ := strings.Cut(s, ": ")
			all[name] = body
		}
		return all
	}
	is, was := sections(got), sections(want)
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if is[name] != was[name] {
			lines = append(lines, fmt.Sprintf("%s:\n got %s\nwant %s", name, is[name], was[name]))
		}
	}
	return lines
}
