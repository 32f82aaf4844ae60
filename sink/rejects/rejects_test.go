package rejects

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/growth"
)

// refused is a row of a source that was refused, as it was read.
func refused(source string, line int, raw ...string) *contact.Outcome {
	return &contact.Outcome{
		Row:     contact.Row{Source: source, Line: line, Number: int64(line), Raw: raw},
		Status:  contact.Invalid,
		Failure: &contact.Failure{Field: "age", Detail: "no number", Hint: "write a number"},
	}
}

func rejects(t *testing.T, delimiter rune, sources ...RejectSource) (r *Rejects, base string) {
	t.Helper()
	base = filepath.Join(t.TempDir(), "contacts.csv")
	r, err := OpenRejects(base+".report.ndjson", delimiter, sources)
	must(t, err)
	return r, base + ".rejects"
}

func commit(t *testing.T, r *Rejects, want ...string) {
	t.Helper()
	got, err := r.Commit(true)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("reject files %q, want %q", got, want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func TestRejectsCSV(t *testing.T) {
	r, base := rejects(t, ';', RejectSource{Name: "contacts.csv", Header: []string{"E-Mail", "Name", "Name"}})
	must(t, r.Reject(refused("contacts.csv", 2, "a@example.com", "Ada; the first", "two\nlines")))
	api := refused("contacts.csv", 5, "b@example.com", "", `"q"`)
	api.Status = contact.Rejected
	api.Failure = &contact.Failure{HTTP: 400, Code: 1005, Detail: "no", TraceID: "t-1"}
	must(t, r.Reject(api))
	if _, err := os.Stat(base + ".csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there before the end of the run: %v", err)
	}
	commit(t, r, base+".csv")
	want := `E-Mail;Name;Name;_line;_status;_field;_error;_hint
a@example.com;"Ada; the first";"two
lines";2;invalid;age;no number;write a number
b@example.com;;"""q""";5;rejected;;HTTP 400, code 1005: no (trace id t-1);
`
	if got := readFile(t, base+".csv"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	info, err := os.Stat(base + ".csv")
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := os.Stat(base + ".csv.tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is left: %v", err)
	}
}

func TestRejectsOfSeveralSources(t *testing.T) {
	r, base := rejects(t, 0,
		RejectSource{Name: "a.csv", Header: []string{"email", "tag", "tag"}},
		RejectSource{Name: "b.csv", Header: []string{"tag", "phone", "email"}},
		RejectSource{Name: "c.ndjson"})
	must(t, r.Reject(refused("a.csv", 2, "a1", "a2", "a3")))
	must(t, r.Reject(refused("b.csv", 3, "b1", "b2", "b3")))
	must(t, r.Reject(refused("c.ndjson", 4, `{"email":1}`)))
	commit(t, r, base+".csv", base+".ndjson")
	want := `email,tag,tag,phone,_line,_status,_field,_error,_hint
a1,a2,a3,,2,invalid,age,no number,write a number
b3,b1,,b2,3,invalid,age,no number,write a number
`
	if got := readFile(t, base+".csv"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := readFile(t, base+".ndjson"), `{"email":1,"_line":4,"_status":"invalid","_field":"age","_error":"no number","_hint":"write a number"}`+"\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

// A row of the wrong number of cells must not come back as one of the right
// number: it would be imported with its values under the wrong columns.
func TestRaggedRowsStayRagged(t *testing.T) {
	r, base := rejects(t, 0,
		RejectSource{Name: "a.csv", Header: []string{"email", "name"}},
		RejectSource{Name: "b.csv", Header: []string{"email", "name", "phone"}})
	for _, raw := range [][]string{{"a"}, {"a", "b", "c"}, {"a", "b", "c", "d"}, nil} {
		must(t, r.Reject(refused("a.csv", 2, raw...)))
	}
	commit(t, r, base+".csv")
	in := csv.NewReader(strings.NewReader(readFile(t, base+".csv")))
	in.FieldsPerRecord = -1
	records, err := in.ReadAll()
	must(t, err)
	for _, record := range records[1:] {
		if len(record) == len(records[0]) {
			t.Errorf("%q has the length of the header", record)
		}
		if got := record[len(record)-5:]; got[0] != "2" || got[1] != "invalid" {
			t.Errorf("%q does not end with the reason", record)
		}
	}
}

func TestFormulasAreHarmless(t *testing.T) {
	r, base := rejects(t, 0, RejectSource{Name: "contacts.csv", Header: []string{"phone"}})
	o := refused("contacts.csv", 2, `=HYPERLINK("http://evil")`)
	o.Failure = &contact.Failure{Field: "=f", Detail: "@d", Hint: "+h"}
	must(t, r.Reject(o))
	commit(t, r, base+".csv")
	want := `"'=HYPERLINK(""http://evil"")",2,invalid,'=f,'@d,'+h` + "\n"
	if _, got, _ := strings.Cut(readFile(t, base+".csv"), "\n"); got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

func TestRejectsNDJSON(t *testing.T) {
	const tail = `"_line":2,"_status":"invalid","_field":"age","_error":"no number","_hint":"write a number"}` + "\n"
	for raw, want := range map[string]string{
		`{}`:                              `{` + tail,
		`{"n":1.50,"s":"\u00e4 ü<"}`:      `{"n":1.50,"s":"\u00e4 ü<",` + tail,
		` { "a" : [ 1,` + "\n" + `2 ] } `: `{"a":[1,2],` + tail,
		`{"a":1,"a":2}`:                   `{"a":1,"a":2,` + tail,
		`{"_line":1,"a":{"_line":1},"_status":"x","_field":"","_error":"x","_hint":"","_\u006cine":3}`: `{"a":{"_line":1},` + tail,
		`{"a":`:            `{"_raw":"{\"a\":",` + tail,
		`{"a":1} x`:        `{"_raw":"{\"a\":1} x",` + tail,
		`[1]`:              `{"_raw":"[1]",` + tail,
		``:                 `{"_raw":"",` + tail,
		"{\"a\":\"\xff\"}": `{"_raw":"{\"a\":\"` + "\ufffd" + `\"}",` + tail,
	} {
		got := string(appendRejectJSON(nil, refused("contacts.ndjson", 2, raw)))
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", raw, got, want)
		}
		if !json.Valid([]byte(got)) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: no NDJSON: %s", raw, got)
		}
	}
}

func TestRejectsReplaceThoseOfTheRunBefore(t *testing.T) {
	source := RejectSource{Name: "contacts.csv", Header: []string{"email"}}
	r, base := rejects(t, 0, source)
	report := strings.TrimSuffix(base, ".rejects") + ".report.ndjson"
	must(t, r.Reject(refused("contacts.csv", 2, "first")))
	commit(t, r, base+".csv")

	// Killed: the old one stays.
	r, err := OpenRejects(report, 0, []RejectSource{source})
	must(t, err)
	must(t, r.Reject(refused("contacts.csv", 2, "killed")))
	if got := readFile(t, base+".csv"); !strings.Contains(got, "first") {
		t.Errorf("the old reject file is %s", got)
	}

	// What the killed run left is overwritten.
	r, err = OpenRejects(report, 0, []RejectSource{source})
	must(t, err)
	must(t, r.Reject(refused("contacts.csv", 2, "second")))
	commit(t, r, base+".csv")
	if got := readFile(t, base+".csv"); strings.Contains(got, "first") || strings.Contains(got, "killed") || !strings.Contains(got, "second") {
		t.Errorf("the new reject file is %s", got)
	}

	// Nothing refused: no reject file.
	r, err = OpenRejects(report, 0, []RejectSource{source})
	must(t, err)
	commit(t, r)
	if left, _ := filepath.Glob(base + "*"); left != nil {
		t.Errorf("left: %q", left)
	}
}

// A run that did not complete replaces and removes nothing, and what it refused is
// there all the same.
func TestRejectsOfARunThatDidNotComplete(t *testing.T) {
	source := RejectSource{Name: "contacts.csv", Header: []string{"email"}}
	r, base := rejects(t, 0, source)
	report := strings.TrimSuffix(base, ".rejects") + ".report.ndjson"
	incomplete := func(row string, want ...string) {
		t.Helper()
		r, err := OpenRejects(report, 0, []RejectSource{source})
		must(t, err)
		if row != "" {
			must(t, r.Reject(refused("contacts.csv", 2, row)))
		}
		got, err := r.Commit(false)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q and %v, want %q", got, err, want)
		}
	}
	incomplete("")
	incomplete("first", base+".csv") // there was none
	incomplete("")
	incomplete("second", base+".csv.tmp")
	if got := readFile(t, base+".csv"); !strings.Contains(got, "first") {
		t.Errorf("the reject file of the run before is %s", got)
	}
	if got := readFile(t, base+".csv.tmp"); !strings.Contains(got, "second") {
		t.Errorf("what the run that did not complete refused is %s", got)
	}
	if _, err := OpenRejects(report, 0, []RejectSource{{Name: base + ".csv.tmp", Header: []string{"email"}}}); err == nil {
		t.Error("a source that is the temporary file is read")
	}
	commit(t, r) // complete, and nothing refused
	if left, _ := filepath.Glob(base + "*"); left != nil {
		t.Errorf("left: %q", left)
	}
}

func TestSourceThatIsTheRejectFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "contacts.csv.rejects.csv")
	must(t, os.WriteFile(path, []byte("email\na\n"), 0o600))
	_, err := OpenRejects(filepath.Join(dir, "contacts.csv.report.ndjson"), 0, []RejectSource{{Name: path, Header: []string{"email"}}})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--report") {
		t.Errorf("error %v", err)
	}
}

func TestRejectFileThatCannotBeWritten(t *testing.T) {
	r, base := rejects(t, 0, RejectSource{Name: "contacts.csv", Header: []string{"email"}})
	must(t, os.Mkdir(base+".csv.tmp", 0o700))
	if err := r.Reject(refused("contacts.csv", 2, "a")); err == nil || !strings.Contains(err.Error(), base+".csv") {
		t.Errorf("error %v", err)
	}
	must(t, os.Remove(base+".csv.tmp"))

	// A folder in the way at the end: the rows are kept, and the error says where.
	must(t, os.MkdirAll(filepath.Join(base+".csv", "x"), 0o700))
	must(t, r.Reject(refused("contacts.csv", 2, "a")))
	if paths, err := r.Commit(true); err == nil || !strings.Contains(err.Error(), base+".csv.tmp") || paths != nil {
		t.Errorf("%q, error %v", paths, err)
	}
	if got := readFile(t, base+".csv.tmp"); !strings.Contains(got, "a,2,invalid") {
		t.Errorf("kept: %s", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Many sources with other columns take time in proportion to those, and are refused where
// nobody could read the file.
func TestColumnsOfManySources(t *testing.T) {
	of := func(n, each int) (sources []RejectSource) {
		for i := range n {
			s := RejectSource{Name: strconv.Itoa(i), Header: []string{"email", "email"}}
			for c := range each {
				s.Header = append(s.Header, fmt.Sprintf("c%d.%d", i, c))
			}
			sources = append(sources, s)
		}
		return sources
	}
	growth.Check(t, 4, func(n int) {
		r, err := OpenRejects(filepath.Join(t.TempDir(), "a.report.ndjson"), ',', of(n, 100))
		if err != nil || len(r.columns) != 2+100*n {
			t.Fatal(err)
		}
	})
	_, err := OpenRejects(filepath.Join(t.TempDir(), "a.report.ndjson"), ',', of(20, 100))
	if err == nil || !strings.Contains(err.Error(), "2002 columns of different names") {
		t.Errorf("20 sources of 100 columns of their own: %v", err)
	}
}
