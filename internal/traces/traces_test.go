package traces

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	padding := strings.Repeat("x", block-7) + " " // the id stands across two blocks
	for name, text := range map[string]string{
		"a.csv.report.ndjson":        `{"contactIds":["bob@example.com"]}`,
		"a.csv.report.ndjson.2":      padding + `"bob@example.com"`,
		"b.csv.report.ndjson":        `{"contactIds":["jim-bob@example.com","bob@example.community","xbob@example.com"]}`,
		"a.csv.report.ndjson.verify": `bob@example.com.`,
		"a.csv.rejects.csv":          "email,name\nbob@example.com,Bob\n",
		"a.csv.rejects.2.csv.1":      `"say ""bob@example.com"""`,
		"a.csv.check.csv":            "'+491511234567;x",
		"importer.state.db":          "\x00\x17bob@example.com\x01",
		"all.ndjson.part":            `{"contactIds":["we\"ird"]}`,
		"contacts.csv":               "bob@example.com", // nothing of ours
		"c.csv.report.ndjson":        `{"contactIds":["anna@example.com"]}`,
		"a.csv.report.ndjson.lock":   "bob@example.com",
		"elsewhere.txt":              "bob@example.com",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.report.ndjson"), 0o700); err != nil {
		t.Fatal(err)
	}
	found, err := Find([]string{dir, dir, filepath.Join(dir, "nowhere")}, map[string]Kind{filepath.Join(dir, "elsewhere.txt"): State, filepath.Join(dir, "gone"): Report},
		[]string{"bob@example.com", `we"ird`, "+491511234567"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Kind{}
	for _, f := range found {
		got[filepath.Base(f.Path)] = f.Kind
	}
	want := map[string]Kind{
		"a.csv.report.ndjson": Report, "a.csv.report.ndjson.2": Report, "a.csv.report.ndjson.verify": Verify, "a.csv.rejects.csv": Rejects, "a.csv.rejects.2.csv.1": Rejects,
		"a.csv.check.csv": Check, "importer.state.db": State, "all.ndjson.part": Export, "elsewhere.txt": State,
	}
	if !reflect.DeepEqual(got, want) || len(found) != len(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
