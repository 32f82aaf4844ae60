package source

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inFolder makes a folder with these files the working one.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A file is one source, however often it is named and whatever it is called.
func TestAFileThatIsNamedTwiceIsReadOnce(t *testing.T) {
	inFolder(t, map[string]string{"a.csv": "email\na@example.com\n", "b.csv": "email\na@example.com\n"})
	if err := errors.Join(os.Symlink("a.csv", "link.csv"), os.Link("a.csv", "hard.csv"), os.Mkdir("sub", 0o700)); err != nil {
		t.Fatal(err)
	}
	full, err := filepath.Abs("a.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{"a.csv", "./a.csv", "sub/../a.csv", full, "link.csv", "hard.csv", "a.*", "[al]*.csv"} {
		rows, in := read(t, Options{Paths: []string{"a.csv", again, "b.csv"}})
		notices := in.Notices()
		if len(rows) != 2 || len(in.Sources()) != 2 || len(notices) == 0 || !strings.Contains(notices[0].Text, "is the same file as a.csv") {
			t.Errorf("a.csv and %s: %d rows of %d sources, %v", again, len(rows), len(in.Sources()), notices)
		}
	}
}

// What the program left in the folder is no source of the next night.
func TestAGlobLeavesOutWhatTheProgramWrote(t *testing.T) {
	const report, csv, json = `{"kind":"run","run":"01J","at":"…"}` + "\n", "email\na@example.com\n", `{"email":"a@example.com"}` + "\n"
	own := map[string]string{
		"a.csv.report.ndjson": report, "a.csv.report.ndjson.1": report, "a.csv.report.ndjson.lock": csv, "a.csv.report.ndjson.verify": json,
		"night.ndjson": report, "night.ndjson.12": report, "night.ndjson.verify": json,
		"a.csv.rejects.csv": csv, "a.csv.rejects.csv.1": csv, "a.csv.rejects.csv.tmp": csv, "a.csv.rejects.ndjson": json, "a.csv.rejects.ndjson.2": json,
		"a.csv.check.csv": csv, "importer.state.db": csv, "importer.state.db-wal": csv, "importer.state.db.lock": csv,
	}
	files := map[string]string{"a.csv": csv, "b.ndjson": json, "rejects.csv": csv, "report.ndjson": json, "my-report.ndjson": json, "ids.csv": csv}
	users := len(files)
	for name, content := range own {
		files[name] = content
	}
	inFolder(t, files)

	in, err := Open(Options{Paths: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if got := in.Sources(); len(got) != users || slices.ContainsFunc(got, func(s Source) bool { _, ours := own[s.Name]; return ours }) {
		t.Errorf("sources %v", got)
	}
	told := map[string]bool{}
	for _, n := range in.Notices() {
		told[n.Source] = strings.Contains(n.Text, "importer wrote it")
	}
	for name := range own {
		if !told[name] {
			t.Errorf("that %s is left out is not said", name)
		}
	}

	if _, err := Open(Options{Paths: []string{"*.rejects.csv"}}); !errors.Is(err, ErrNoMatch) || !strings.Contains(err.Error(), "a.csv.rejects.csv, which importer wrote") {
		t.Errorf("a glob of reject files alone: %v", err)
	}
	rows, _ := read(t, Options{Paths: []string{"a.csv.rejects.csv"}})
	diff(t, rows, []string{`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`})
}
