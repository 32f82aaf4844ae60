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
	for i := range sources {
		sources[i].Delimiter = delimiter
	}
	return open(base+".report.ndjson", &memory{}, sources...), base + ".rejects"
}

const testRun = "01JZZZZZZZZZZZZZZZZZZZZZZZ"

// aRef is how the row of refused tests is told.
const aRef = testRun + ".AAAAAAAAAAAAAAAAAAAAAA"

func open(report string, m *memory, sources ...RejectSource) *Rejects {
	return opened(Options{Report: report, Run: testRun, Sources: sources, Journal: m})
}

func opened(o Options) *Rejects {
	r, err := OpenRejects(o)
	if err != nil {
		panic(err)
	}
	return r
}

// A memory is what a journal knows of reject files.
type memory struct{ written [][32]byte }

func (m *memory) WroteRejects(digests ...[32]byte) error {
	m.written = append(m.written, digests...)
	return nil
}

func (m *memory) HasWritten(digest [32]byte) bool { return slices.Contains(m.written, digest) }

func commit(t *testing.T, r *Rejects, want ...string) {
	t.Helper()
	got, err := r.Commit(true)
	must(t, err)
	if !slices.Equal(got.Paths, want) {
		t.Errorf("reject files %q, want %q", got.Paths, want)
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
	api.Status, api.Row.Digest = contact.Rejected, contact.Digest{4}
	api.Failure = &contact.Failure{HTTP: 400, Code: 1005, Detail: "no", TraceID: "t-1"}
	must(t, r.Reject(api))
	if _, err := os.Stat(base + ".csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there before the end of the run: %v", err)
	}
	commit(t, r, base+".csv")
	want := `E-Mail;Name;Name;_line;_status;_field;_error;_hint;_ref
a@example.com;"Ada; the first";"two
lines";2;invalid;age;no number;write a number;` + aRef + `
b@example.com;;"""q""";5;rejected;;"HTTP 400, code 1005: no (trace id t-1)";;` + aRef + `.BAAAAAAAAAAAAAAAAAAAAA
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

// Sources with the same columns share a file, in whatever order they have them; others
// have one of their own.
func TestRejectsOfSeveralSources(t *testing.T) {
	r, base := rejects(t, 0,
		RejectSource{Name: "a.csv", Header: []string{"email", "tag", "tag"}},
		RejectSource{Name: "b.csv", Header: []string{"tag", "phone", "email"}},
		RejectSource{Name: "c.ndjson"},
		RejectSource{Name: "d.csv", Header: []string{"tag", "email", "tag"}})
	must(t, r.Reject(refused("a.csv", 2, "a1", "a2", "a3")))
	must(t, r.Reject(refused("b.csv", 3, "b1", "b2", "b3")))
	must(t, r.Reject(refused("c.ndjson", 4, `{"email":1}`)))
	must(t, r.Reject(refused("d.csv", 5, "d1", "d2", "d3")))
	commit(t, r, base+".csv", base+".2.csv", base+".ndjson")
	for path, want := range map[string]string{
		base + ".csv":    "email,tag,tag,_line,_status,_field,_error,_hint,_ref\na1,a2,a3,2,invalid,age,no number,write a number," + aRef + "\nd2,d1,d3,5,invalid,age,no number,write a number," + aRef + "\n",
		base + ".2.csv":  "tag,phone,email,_line,_status,_field,_error,_hint,_ref\nb1,b2,b3,3,invalid,age,no number,write a number," + aRef + "\n",
		base + ".ndjson": `{"email":1,"_line":4,"_status":"invalid","_field":"age","_error":"no number","_hint":"write a number","_ref":"` + aRef + `"}` + "\n",
	} {
		if got := readFile(t, path); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
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
		if got := record[len(record)-6:]; got[0] != "2" || got[1] != "invalid" {
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
	want := `"'=HYPERLINK(""http://evil"")",2,invalid,'=f,'@d,'+h,` + aRef + "\n"
	if _, got, _ := strings.Cut(readFile(t, base+".csv"), "\n"); got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

func TestRejectsNDJSON(t *testing.T) {
	const tail = `"_line":2,"_status":"invalid","_field":"age","_error":"no number","_hint":"write a number","_ref":"` + aRef + `"}` + "\n"
	r := opened(Options{Run: testRun})
	for raw, want := range map[string]string{
		`{}`:                              `{` + tail,
		`{"n":1.50,"s":"\u00e4 ü<"}`:      `{"n":1.50,"s":"\u00e4 ü<",` + tail,
		` { "a" : [ 1,` + "\n" + `2 ] } `: `{"a":[1,2],` + tail,
		`{"a":1,"a":2}`:                   `{"a":1,"a":2,` + tail,
		`{"_line":1,"a":{"_line":1},"_status":"x","_field":"","_error":"x","_hint":"","_ref":"x","_\u006cine":3}`: `{"a":{"_line":1},` + tail,
		`{"a":`:            `{"_raw":"{\"a\":",` + tail,
		`{"a":1} x`:        `{"_raw":"{\"a\":1} x",` + tail,
		`[1]`:              `{"_raw":"[1]",` + tail,
		``:                 `{"_raw":"",` + tail,
		"{\"a\":\"\xff\"}": `{"_raw":"{\"a\":\"` + "\ufffd" + `\"}",` + tail,
	} {
		got := string(r.appendRejectJSON(nil, refused("contacts.ndjson", 2, raw)))
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
	base := filepath.Join(t.TempDir(), "contacts.csv.rejects")
	report, m := strings.TrimSuffix(base, ".rejects")+".report.ndjson", &memory{}
	r := open(report, m, source)
	must(t, r.Reject(refused("contacts.csv", 2, "first")))
	commit(t, r, base+".csv")

	// Killed: the old one stays.
	r = open(report, m, source)
	must(t, r.Reject(refused("contacts.csv", 2, "killed")))
	if got := readFile(t, base+".csv"); !strings.Contains(got, "first") {
		t.Errorf("the old reject file is %s", got)
	}

	// What the killed run left is overwritten.
	r = open(report, m, source)
	must(t, r.Reject(refused("contacts.csv", 2, "second")))
	commit(t, r, base+".csv")
	if got := readFile(t, base+".csv"); strings.Contains(got, "first") || strings.Contains(got, "killed") || !strings.Contains(got, "second") {
		t.Errorf("the new reject file is %s", got)
	}

	// Nothing refused: no reject file.
	commit(t, open(report, m, source))
	if left, _ := filepath.Glob(base + "*"); left != nil {
		t.Errorf("left: %q", left)
	}
}

// A run that did not complete replaces and removes nothing, and what it refused is
// there all the same.
func TestRejectsOfARunThatDidNotComplete(t *testing.T) {
	source := RejectSource{Name: "contacts.csv", Header: []string{"email"}}
	base := filepath.Join(t.TempDir(), "contacts.csv.rejects")
	report, m := strings.TrimSuffix(base, ".rejects")+".report.ndjson", &memory{}
	incomplete := func(row string, want ...string) {
		t.Helper()
		r := open(report, m, source)
		if row != "" {
			must(t, r.Reject(refused("contacts.csv", 2, row)))
		}
		got, err := r.Commit(false)
		if err != nil || !slices.Equal(got.Paths, want) {
			t.Errorf("%q and %v, want %q", got.Paths, err, want)
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
	commit(t, open(report, m, source)) // complete, and nothing refused
	if left, _ := filepath.Glob(base + "*"); left != nil {
		t.Errorf("left: %q", left)
	}
}

// What somebody has edited is set aside, whoever would replace or remove it.
func TestEditedRejectFilesAreSetAside(t *testing.T) {
	source := RejectSource{Name: "contacts.csv", Header: []string{"email"}}
	base := filepath.Join(t.TempDir(), "contacts.csv.rejects")
	m := &memory{}
	edit := func(path, text string) {
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	run := func(complete bool, row string, want ...string) {
		t.Helper()
		r := open(strings.TrimSuffix(base, ".rejects")+".report.ndjson", m, source)
		if row != "" {
			must(t, r.Reject(refused("contacts.csv", 2, row)))
		}
		got, err := r.Commit(complete)
		var aside []string
		for _, a := range got.SetAside {
			aside = append(aside, a.Path)
		}
		if err != nil || !slices.Equal(aside, want) {
			t.Errorf("set aside %q and %v, want %q", got.SetAside, err, want)
		}
	}
	run(true, "a")
	edit(base+".csv", "mine")
	run(false, "b")
	edit(base+".csv.tmp", "also mine")
	run(false, "c", base+".csv.1")
	run(true, "d", base+".csv.2")
	edit(base+".csv", "again")
	edit(base+".2.csv", "of a run with other sources")
	run(true, "", base+".2.csv.1", base+".csv.3")
	for path, want := range map[string]string{".csv.1": "also mine", ".csv.2": "mine", ".csv.3": "again", ".2.csv.1": "of a run with other sources"} {
		if got := readFile(t, base+path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if left, _ := filepath.Glob(base + "*"); len(left) != 4 {
		t.Errorf("left: %q", left)
	}
}

// A run over a reject file replaces what it has read, and no other: it does not know of
// the rows in that.
func TestRejectsOfAPart(t *testing.T) {
	base := filepath.Join(t.TempDir(), "contacts.csv.rejects")
	m := &memory{}
	report := strings.TrimSuffix(base, ".rejects") + ".report.ndjson"
	run := func(source, row string) Committed {
		t.Helper()
		r := opened(Options{Report: report, Run: testRun, Sources: []RejectSource{{Name: source, Header: []string{"email"}}}, Journal: m, Partly: source != "contacts.csv"})
		if row != "" {
			must(t, r.Reject(refused(source, 2, row)))
		}
		c, err := r.Commit(true)
		must(t, err)
		return c
	}
	run("contacts.csv", "a")
	if c := run("copy.csv", ""); c.SetAside != nil || !strings.Contains(readFile(t, base+".csv"), "a,2") {
		t.Errorf("%+v of a part without refused rows", c)
	}
	if c := run(base+".csv", "b"); c.SetAside != nil || !strings.Contains(readFile(t, base+".csv"), "b,2") {
		t.Errorf("%+v of the file itself", c)
	}
	if c := run("copy.csv", "c"); !slices.Equal(c.SetAside, []Aside{{base + ".csv.1", "this run has not read its rows"}}) || !strings.Contains(readFile(t, base+".csv.1"), "b,2") {
		t.Errorf("%+v of a part of it", c)
	}
}

func TestRejectFileThatCannotBeWritten(t *testing.T) {
	source := RejectSource{Name: "contacts.csv", Header: []string{"email"}}
	r, err := OpenRejects(Options{Report: filepath.Join(t.TempDir(), "none", "a.report.ndjson"), Sources: []RejectSource{source}})
	must(t, err)
	if err := r.Reject(refused("contacts.csv", 2, "a")); err == nil || !strings.Contains(err.Error(), filepath.Join("none", "a.rejects.csv")) {
		t.Errorf("error %v", err)
	}
	r, base := rejects(t, 0, source)

	// A folder in the way at the end: the rows are kept, and the error says where.
	must(t, os.MkdirAll(filepath.Join(base+".csv", "x"), 0o700))
	must(t, r.Reject(refused("contacts.csv", 2, "a")))
	if paths, err := r.Commit(true); err == nil || !strings.Contains(err.Error(), base+".csv.tmp") || paths.Paths != nil {
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

// Many sources with many columns take time in proportion to those, and are refused where
// each needs a file of its own.
func TestColumnsOfManySources(t *testing.T) {
	of := func(n, each int, names func(source, column int) string) (sources []RejectSource) {
		for i := range n {
			s := RejectSource{Name: strconv.Itoa(i), Header: []string{"email", "email"}}
			for c := range each {
				s.Header = append(s.Header, names(i, c))
			}
			sources = append(sources, s)
		}
		return sources
	}
	open := func(sources []RejectSource) error {
		_, err := OpenRejects(Options{Report: filepath.Join(t.TempDir(), "a.report.ndjson"), Run: testRun, Sources: sources})
		return err
	}
	growth.Check(t, 20, func(n int) {
		must(t, open(of(n, 1000, func(s, c int) string { return fmt.Sprint((s + c) % 1000) }))) // in another order each
	})
	growth.Check(t, 20, func(n int) {
		must(t, open(of(maxTables, n, func(s, c int) string { return fmt.Sprint(s, " ", c) })))
	})
	if err := open(of(101, 1, func(s, c int) string { return fmt.Sprint(s) })); err == nil || !strings.Contains(err.Error(), "101 different headers") {
		t.Errorf("101 headers: %v", err)
	}
}
