package cli_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"importer/internal/cli"
	"importer/internal/config"
)

// typed runs a command line as somebody types it, in a folder of its own where there is
// none.
func typed(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, told strings.Builder
	err = cli.Execute(context.Background(), args, cli.Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &told, Version: "v", Program: "importer"})
	return out.String() + told.String(), err
}

// Who types a word of another program, or almost the right one, is given the right one. A
// misspelt command is no missing file, and no value of a flag is repeated.
func TestWrongWords(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct{ line, want string }{
		{"import x.csv", "an import needs none, as in importer --source x.csv"},
		{"import", "importer --source contacts.csv"},
		{"IMPORT", "importer --source contacts.csv"},
		{"sync x.csv", "importer --mode upsert --source x.csv"},
		{"validate x.csv", "here it is importer check x.csv"},
		{"chek x.csv", "did you mean importer check x.csv?"},
		{"import postgres://u:s3cret@db/x", "importer --mode"},
		{"chek --bogus", "did you mean importer check?"},
		{"import --file x.csv", "an import needs none"},
		{"gibberish", "no command and no file gibberish"},
		{"help chek", "did you mean importer check?"},
		{"help check more", "importer --help lists the commands"},
		{"completion bsh", `and not "bsh"`},
		{"completion", "wants the name of a shell"},
		{"--api-key=s3cret", "$COGNIGY_API_KEY"},
		{"--api_key s3cret", "$COGNIGY_API_KEY"},
		{"doctor --token s3cret", "$COGNIGY_API_KEY"},
		{"-ks3cret", "$COGNIGY_API_KEY"},
		{"-c x.yaml", "there is no flag -c; here it is --config"},
		{"check --worksheet A", "here it is --sheet; importer check --help"},
		{"check --sheet", "--sheet needs a value: --sheet NAME"},
		{"report r --sheet A", "importer report has no flag --sheet, which is one of importer,"},
		{"--surce s3cret", "did you mean --source?"},
		{"--url=https://s3cret", "here it is --base-url"},
		{"--resume", "goes on where it stopped"},
		{"--bogus=s3cret", "there is no flag --bogus; importer --help lists"},
		{"--workers abc", `--workers is "abc"; want a whole number`},
		{"--workers 1.5", `--workers is "1.5"; want a whole number`},
		{"--settle 5", `--settle is "5"; want a time with its unit`},
		{"--sandbox=maybe", `--sandbox is "maybe"; want true or false`},
		{"--mode", "--mode needs a value: one of create, update, upsert, mirror"},
		{"--=x", "is no flag"},
	} {
		out, err := typed(t, strings.Fields(tt.line)...)
		var wrong *config.Error
		if !errors.As(err, &wrong) || tt.want != "importer --mode" && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("importer %s: %v\nwant %s", tt.line, err, tt.want)
		}
		if err != nil && strings.Contains(out+err.Error(), "s3cret") {
			t.Errorf("importer %s repeats a value: %v", tt.line, err)
		}
		for _, foreign := range []string{"strconv", "parsing", "time: ", "invalid argument", "unknown shorthand"} {
			if err != nil && strings.Contains(err.Error(), foreign) {
				t.Errorf("importer %s: %q in %v", tt.line, foreign, err)
			}
		}
	}
	// What is there is a source, whatever it is called.
	if err := os.WriteFile("chek", []byte("email\na@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := typed(t, "chek", "--sandbox", "--progress", "none"); err != nil || !strings.Contains(out, "every row is in") {
		t.Errorf("a file called chek: %v\n%s", err, out)
	}
}

// Help begins with what is needed every day, and says how it ends; each flag is in it once.
func TestHelp(t *testing.T) {
	out, err := typed(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, part := range []string{"Usage:", "Examples:", "Before an import:", "After an import:", "Everyday flags:", "      --source FILE", "      --sandbox", "What is read:", "Rehearsals:", "Exit codes:", "130, 143"} {
		next := strings.Index(out, part)
		if next <= at {
			t.Errorf("%q is not behind what should stand before it", part)
		}
		at = next
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > 101 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	root := cli.NewCommand(cli.Env{Stdout: &strings.Builder{}, Stderr: &strings.Builder{}})
	for _, cmd := range root.Commands() {
		help, err := typed(t, cmd.Name(), "--help")
		if err != nil || cmd.Name() != "completion" && cmd.Name() != "help" && !strings.Contains(help, "Exit codes:") {
			t.Errorf("%s --help: %v\n%s", cmd.Name(), err, help)
		}
		if !strings.Contains(help, "Examples:") && !slices.Contains([]string{"version", "help", "completion"}, cmd.Name()) {
			t.Errorf("%s --help has no example", cmd.Name())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			if n := strings.Count(help, "    --"+f.Name+" ") + strings.Count(help, ", --"+f.Name+" "); n != 1 {
				t.Errorf("%s --help lists --%s %d times", cmd.Name(), f.Name, n)
			}
		})
	}
}

// The shells complete what can be known.
func TestCompletions(t *testing.T) {
	workbook, err := filepath.Abs("../../testdata/cases/12-xlsx-hidden-first-sheet.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--mode", ""}, "upsert"},
		{[]string{"check", "--existing", ""}, "lookup"},
		{[]string{"report", "--format", ""}, "html"},
		{[]string{"--format", ""}, "ndjson"},
		{[]string{"report", ""}, "report.ndjson"},
		{[]string{"undo", ""}, "report.ndjson"},
		{[]string{"--report", ""}, "report.ndjson"},
		{[]string{"--log-level", ""}, "trace"},
		{[]string{"help", ""}, "doctor"},
		{[]string{"check", "--source", workbook, "--sheet", ""}, "Sheet"},
		{[]string{"init", workbook, "--sheet", ""}, "Sheet"},
	} {
		out, err := typed(t, append([]string{"__complete"}, tt.args...)...)
		if err != nil || !slices.Contains(strings.Split(out, "\n"), tt.want) {
			t.Errorf("%v: %v\n%s\nwant %s", tt.args, err, out, tt.want)
		}
	}
}
