package cli

import (
	"bytes"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"importer/internal/sandbox"
)

// A reject file comes back as people and spreadsheets make it: each way is a change of its
// records, or of how they are written.
func TestRejectFilesAsSpreadsheetsSaveThem(t *testing.T) {
	move := func(records [][]string, order ...string) (moved [][]string) {
		for _, r := range records {
			var cells []string
			for _, column := range order {
				cells = append(cells, r[slices.Index(records[0], column)])
			}
			moved = append(moved, cells)
		}
		return moved
	}
	set := func(records [][]string, column string, change func(string) string) {
		at := slices.Index(records[0], column)
		for _, r := range records[1:] {
			r[at] = change(r[at])
		}
	}
	text := func(records [][]string, delimiter rune, crlf bool) string {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma, w.UseCRLF = delimiter, crlf
		if err := w.WriteAll(records); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	plain := func(records [][]string) string { return text(records, ',', false) }
	utf16LE := func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	for name, way := range map[string]struct {
		save func(records [][]string) string
		own  bool // its rows are of their own
	}{
		"as it is":   {save: plain},
		"sorted":     {save: func(r [][]string) string { slices.Reverse(r[1:]); return plain(r) }},
		"semicolons": {save: func(r [][]string) string { return text(r, ';', true) }},
		"sep=":       {save: func(r [][]string) string { return "sep=;\r\n" + text(r, ';', true) }},
		"tabs, UTF-16": {save: func(r [][]string) string {
			return utf16LE(text(r, '\t', true))
		}},
		"BOM": {save: func(r [][]string) string { return "\ufeff" + plain(r) }},
		"windows-1252": {save: func(r [][]string) string {
			return strings.ReplaceAll(text(r, ';', true), "ü", "\xfc")
		}},
		"all quoted": {save: func(r [][]string) string {
			var b strings.Builder
			for _, cells := range r {
				for i, c := range cells {
					cells[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
				}
				b.WriteString(strings.Join(cells, ",") + "\n")
			}
			return b.String()
		}},
		"lines as numbers": {save: func(r [][]string) string {
			set(r, "_line", func(s string) string { return s + ".0" })
			return plain(r)
		}},
		"columns moved": {save: func(r [][]string) string {
			return plain(move(r, "_ref", "age", "_error", "email", "_status", "first name", "note", "_line", "_hint", "_field"))
		}},
		"reasons deleted": {save: func(r [][]string) string { return plain(move(r, "email", "first name", "age", "note", "_ref")) }},
		"_line deleted": {save: func(r [][]string) string {
			return plain(move(r, "email", "first name", "age", "note", "_status", "_field", "_error", "_hint", "_ref"))
		}},
		"a column deleted": {save: func(r [][]string) string {
			return plain(move(r, "email", "first name", "note", "_line", "_status", "_field", "_error", "_hint", "_ref"))
		}},
		"_ref deleted": {own: true, save: func(r [][]string) string {
			return plain(move(r, "email", "first name", "age", "note", "_line", "_status", "_field", "_error", "_hint"))
		}},
		"_ref emptied": {own: true, save: func(r [][]string) string { set(r, "_ref", func(string) string { return "" }); return plain(r) }},
		"a row of her own": {save: func(r [][]string) string {
			return plain(append(r, []string{"new@example.com", "New", "20", "", "", "", "", "", "", ""}))
		}},
		"a column of notes": {save: func(r [][]string) string {
			for i := range r {
				r[i] = append(r[i], []string{"my notes", "called", "done", ""}[min(i, 3)])
			}
			return plain(r)
		}},
		"blank rows, padded": {save: func(r [][]string) string {
			return plain(append(r, make([]string, len(r[0])), make([]string, len(r[0]))))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, "create", sandbox.Options{})
			source := j.path("c.csv")
			if err := os.WriteFile(source, []byte("email,first name,age,note\na@example.com,Ann,30,x\n@@,Jürgen,31,=1+1\n,Bob,32,'quoted\nc@@,Cid,33,two words\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			config := j.config("mapping: {fields: {lastname: {columns: [note]}}}\n")
			if r := j.of(source, "--config", config); r.Invalid != 3 {
				t.Fatal(r)
			}
			b, err := os.ReadFile(j.path("r.rejects.csv"))
			if err != nil {
				t.Fatal(err)
			}
			records, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range []string{"j@example.com", "b@example.com", "c@example.com"} {
				records[i+1][0] = id
			}
			fixed := j.path("fixed.csv")
			if err := os.WriteFile(fixed, []byte(way.save(records)), 0o600); err != nil {
				t.Fatal(err)
			}
			report := j.path("r.report.ndjson")
			if way.own {
				report = j.path("own.report.ndjson")
			}
			r, stdout := j.command("--source", fixed, "--base-url", j.server.URL, "--project-id", j.server.ProjectID(), "--rate", "unlimited", "--settle", "0s",
				"--json", "--config", config, "--log-level", "error", "--report", report)
			j.decode(r, stdout)
			if r.code != exitOK || r.Created < 3 {
				t.Fatalf("%s", r)
			}
			got := j.profiles()
			for id, want := range map[string][2]string{"j@example.com": {"Jürgen", "=1+1"}, "b@example.com": {"Bob", "'quoted"}, "c@example.com": {"Cid", "two words"}} {
				if p := got[id].Profile; p["firstname"] != want[0] || p["lastname"] != want[1] {
					t.Errorf("%s is %v", id, p)
				}
			}
			want := exitOK
			if way.own {
				want = exitNotAllIn
			}
			if r := j.of(source, "--config", config); r.code != want || r.writes() != 0 {
				t.Errorf("the source again: %s", r)
			}
		})
	}
}

// A row with too many cells comes back with them, and can be corrected by taking one out.
// Where columns were moved as well, it is refused and not guessed.
func TestRejectedRowsOfTheWrongWidth(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	source, rejects := j.path("c.csv"), j.path("r.rejects.csv")
	if err := os.WriteFile(source, []byte("email,first name,age\na@example.com,Ann, Jr.,30\nb@example.com;Bob;31\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.of(source); r.Invalid != 2 {
		t.Fatal(r)
	}
	for range 2 { // as it was, and with a comma behind each line
		if r := j.of(rejects); r.code != exitNotAllIn || r.Invalid != 2 || r.Created != 0 {
			t.Errorf("not corrected: %s", r)
		}
		if want, got := "a@example.com,Ann,\" Jr.\",30,2,", j.text("r.rejects.csv"); !strings.Contains(got, want) {
			t.Errorf("the reject file of the reject file is %s", got)
		}
		b, err := os.ReadFile(rejects)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(rejects, bytes.ReplaceAll(b, []byte("\n"), []byte(",\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := []byte(j.text("r.rejects.csv"))
	moved := []byte(strings.NewReplacer("\n", "\nx,").Replace("_x," + string(b)))
	moved = bytes.TrimSuffix(bytes.Replace(moved, []byte("_x,email,first name,age,_line"), []byte("_line,email,first name,age,_x"), 1), []byte("x,"))
	if err := os.WriteFile(j.path("moved.csv"), moved, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.of(j.path("moved.csv")); r.code != exitNotAllIn || r.Created != 0 {
		t.Errorf("moved: %s", r)
	}
	if r := j.of(source); r.Invalid != 2 {
		t.Error(r)
	}
	replaceIn(t, rejects, `Ann," Jr."`, "Ann Jr.", `"b@example.com;Bob;31"`, "b@example.com,Bob,31")
	if r := j.of(rejects); r.code != exitOK || r.Created != 2 {
		t.Errorf("corrected: %s", r)
	}
	if r := j.of(source); r.code != exitOK {
		t.Errorf("the source again: %s", r)
	}
}

// text is what stands in a file.
func (j *job) text(name string) string {
	j.t.Helper()
	b, err := os.ReadFile(j.path(name))
	if err != nil {
		j.t.Fatal(err)
	}
	return string(b)
}

// What begins with _ in a source that is no reject file is a column like any other.
func TestASourceWhoseColumnsBeginWithAnUnderscore(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	source := j.path("c.csv")
	if err := os.WriteFile(source, []byte("_id,email,_ref,_status\nx1,a@example.com,'=r-17,open\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := j.config("mapping: {contact_ids: [_id], fields: {lastname: {columns: [_ref]}, firstname: {columns: [_status]}}}\n")
	if r := j.of(source, "--config", config); r.code != exitOK {
		t.Fatal(r)
	}
	if p := j.profiles()["x1"].Profile; p["lastname"] != "'=r-17" || p["firstname"] != "open" {
		t.Errorf("it is %v", p)
	}
}

// A redacted report settles rows as any other, and names nobody.
func TestCorrectionsOfARedactedReport(t *testing.T) {
	for _, mode := range []string{"create", "mirror"} {
		j := newJob(t, mode, sandbox.Options{})
		config := j.config("report: {redact: true}\n")
		j.faulty()
		j.rows = j.rows[:4]
		j.run("--config", config)
		replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nbob@example.com,Bob", "@@", "dan@example.com")
		if r := j.of(j.path("r.rejects.csv"), "--config", config); r.code != exitOK || r.Created != 2 {
			t.Errorf("%s: %s", mode, r)
		}
		if r := j.must("--config", config); r.writes() != 0 {
			t.Errorf("%s, the night after: %s", mode, r)
		}
		b, err := os.ReadFile(j.path("r.report.ndjson"))
		if err != nil || bytes.Contains(b, []byte("example")) || bytes.Contains(b, []byte("Bob")) {
			t.Errorf("%s: the report is %s, %v", mode, b, err)
		}
	}
}
