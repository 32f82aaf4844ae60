package commandline

import (
	"os/exec"
	"testing"

	"github.com/spf13/pflag"
)

func TestLine(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.StringArray("source", nil, "")
	flags.String("rate", "", "")
	flags.String("notify", "", "")
	flags.String("report", "", "")
	flags.Bool("restart", false, "")
	flags.Bool("quiet", false, "")
	if err := flags.Parse([]string{"--source", "a b.csv", "--source=it's.csv", "--rate", "10/1s", "--notify", "https://s3cret", "--restart", "--quiet", "--report", "r.ndjson", "c.csv"}); err != nil {
		t.Fatal(err)
	}
	c := Line{Program: "bin/importer", Mode: "create", Flags: flags, Args: flags.Args()}
	if got, want := c.Again(), `bin/importer c.csv --quiet --rate 10/1s --report r.ndjson --source 'a b.csv' --source 'it'\''s.csv'`; got != want {
		t.Errorf("again is\n%s, want\n%s", got, want)
	}
	if got, want := c.OfRejects([]string{"r.rejects.csv"}), `bin/importer --source r.rejects.csv --quiet --rate 10/1s --report r.ndjson`; got != want {
		t.Errorf("of the rejects it is\n%s, want\n%s", got, want)
	}
	if got := c.OfRejects(nil); got != "" {
		t.Errorf("without rejects it is %s", got)
	}
}

// A command to paste is the word that it was, and shows nothing that a terminal obeys.
func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"a.csv": "a.csv", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "größe": "'größe'",
		"a\nb": `$'a\012b'`, "\x1b[2J'\\": `$'\033[2J\'\\'`, "\u202e\u009b": `$'\342\200\256\302\233'`, "\xff1": `$'\3771'`,
	} {
		got := Quote(s)
		if got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
		if out, err := exec.Command("bash", "-c", "printf %s "+got).Output(); err == nil && string(out) != s {
			t.Errorf("bash takes %s for %q", got, out)
		}
	}
}

// A command to paste shows of an address what may be shown.
func TestLineOfAnAddress(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.StringArray("source", nil, "")
	if err := flags.Parse([]string{"--source", "https://u:s3cret@example.com/a.csv?sig=s3cret", "s3://bucket/*.csv"}); err != nil {
		t.Fatal(err)
	}
	c := Line{Program: "importer", Mode: "create", Flags: flags, Args: flags.Args()}
	if got, want := c.Again(), `importer 's3://bucket/*.csv' --source 'https://…@example.com/a.csv?…'`; got != want {
		t.Errorf("again is\n%s, want\n%s", got, want)
	}
}
