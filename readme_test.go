package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"importer/internal/sandbox"
)

// A step is one command of the README, as a newcomer types it.
type step struct {
	command string
	output  string
	code    int
}

// The README, word by word: the clone, then every command in one folder, in its order, in
// one shell. No step contradicts the one before, none depends on what was not made, and
// none fills the screen.
func TestReadmeOfANewcomer(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("a newcomer clones with git, which is not here")
	}
	steps, again := runReadme(t)
	if first := steps[0].command; first != "go run . --source testdata/contacts.csv --sandbox" {
		t.Errorf("the first command is %s", first)
	}
	before := map[string]bool{} // what steps have written with -o
	for i, s := range steps {
		rejects := strings.Contains(s.command, "bad-rows.csv --")
		if want := map[bool]int{true: 3}[rejects || strings.Contains(s.command, "exits 3")]; s.code != want {
			t.Errorf("%s exits with %d, want %d:\n%s", s.command, s.code, want, s.output)
		}
		for line := range strings.Lines(s.output) {
			if n := utf8.RuneCountInString(line); n > 600 {
				t.Errorf("%s prints a line of %d characters: %.80s…", s.command, n, line)
			}
		}
		if n := strings.Count(s.output, "\n"); n > 100 {
			t.Errorf("%s prints %d lines", s.command, n)
		}
		for _, contradiction := range []string{"Nothing left to do", "set aside", "is read by it as well", "Nothing was written to"} {
			if strings.Contains(s.output, contradiction) {
				t.Errorf("%s says %q, which the README does not:\n%s", s.command, contradiction, s.output)
			}
		}
		for _, file := range namedFiles.FindAllStringSubmatch(s.command, -1) {
			if !before[file[2]] && file[1] != "-o" && file[1] != "--report" {
				t.Errorf("%s wants %s, which no step before it has written", s.command, file[2])
			}
			before[file[2]] = true
		}
		if source := namedSource.FindStringSubmatch(s.command); source != nil { // reject files lie where the run was
			before[source[1]+".rejects.csv"] = true
		}
		if strings.Contains(s.command, " init ") && !slices.ContainsFunc(steps[i+1:], func(later step) bool { return strings.Contains(later.command, "--config migration.yaml --report") }) {
			t.Error("the configuration that init writes is not that of the import")
		}
	}
	if !strings.Contains(steps[0].output, "created             300") {
		t.Errorf("the first command does not create 300 contacts:\n%s", steps[0].output)
	}
	if !strings.Contains(again, "Nothing left to do") {
		t.Errorf("the first command again, at the end, says:\n%s", again)
	}
}

// namedFiles are the files that one step writes and another reads.
var namedFiles = regexp.MustCompile(`(-o|--report|--config|report|cut -c \S+) ([\w.-]+\.(?:yaml|ndjson|rejects\.csv))\b`)

var namedSource = regexp.MustCompile(`--source testdata/(\S+)`)

var cloneLine = regexp.MustCompile("`(git clone (https://\\S+) && cd importer)`")

// runReadme clones this folder as the README says and runs its commands there, against a
// sandbox in the place of the API. It gives them with what they printed, and what the first
// one prints when it is run again.
func runReadme(t *testing.T) (steps []step, again string) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	clone := cloneLine.FindStringSubmatch(string(readme))
	if clone == nil {
		t.Fatal("the README has no line to clone with")
	}
	dir, origin := t.TempDir(), filepath.Join(t.TempDir(), "origin")
	copySource(t, origin)
	for _, name := range []string{"contacts.csv", "crm.csv"} { // which other documents name
		if err := os.Remove(filepath.Join(origin, name)); err != nil {
			t.Fatal(err)
		}
	}
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	bin, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	// The program under test stands in for what go run and go build would make of the clone.
	path := t.TempDir()
	if err := os.Symlink(bin, filepath.Join(path, "importer")); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("cd " + origin + " && git init -q && git add -A && git -c user.name=a -c user.email=a@example.com commit -qm a && cd " + dir + "\n")
	script.WriteString(strings.NewReplacer("git clone", "git clone -q", clone[2], origin+" importer").Replace(clone[1]) + "\n")
	var commands []string
	for _, b := range blocksOf(t, "README.md") {
		for command := range strings.Lines(b.text) {
			command = strings.TrimSpace(command)
			commands = append(commands, command)
			run := strings.NewReplacer("https://api-trial.cognigy.ai", server.URL, "COGNIGY_API_KEY=…", "COGNIGY_API_KEY="+server.APIKey(),
				"go build -o bin/importer .", "mkdir -p bin && ln -s "+filepath.Join(path, "importer")+" bin/importer", "go run . ", "importer ").Replace(command)
			script.WriteString(run + "\necho \"" + mark + "$?\"\n")
		}
	}
	script.WriteString("importer --source testdata/contacts.csv --sandbox\n")
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+path+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+t.TempDir(), "XDG_STATE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	parts := strings.Split(string(out), mark)
	if len(parts) != len(commands)+1 {
		t.Fatalf("%d commands gave %d results:\n%s", len(commands), len(parts)-1, out)
	}
	steps = make([]step, len(commands))
	for i, command := range commands {
		steps[i] = step{command: command, code: int(parts[i+1][0] - '0')}
		if steps[i].output = parts[i]; i > 0 {
			_, steps[i].output, _ = strings.Cut(parts[i], "\n")
		}
	}
	return steps, parts[len(commands)]
}

// mark stands behind what a command printed, and before its exit code.
const mark = "=== exit code "
