package cli

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A commandLine is how the import was called, to tell people what to type next.
// It never holds the API key: there is no flag for it.
type commandLine struct {
	program string
	mode    string // of the run
	flags   *pflag.FlagSet
	args    []string
}

// again is the command that resumes this run. --restart would not; and the URL of
// many webhooks is their password, which is not printed.
func (c commandLine) again() string {
	return c.with(nil, "restart", "allow-removals", "notify", "adopt")
}

// update is the command that sends what has changed of rows that are in.
func (c commandLine) update() string {
	return c.with(nil, "restart", "allow-removals", "notify", "adopt", "mode", "dry-run", "verbose", "retry-rejected") + " --mode update"
}

// ofRejects is the command that imports the reject files, with a report of their own.
func (c commandLine) ofRejects(files []string) string {
	if len(files) == 0 {
		return ""
	}
	again := c.with(files, "restart", "allow-removals", "notify", "adopt", "mode", "source", "report", "format", "encoding", "delimiter", "sheet")
	if c.mode == "create" {
		return again
	}
	// A mirror would take everybody else for missing.
	return again + " --mode upsert"
}

// with is the command line with other sources, if any, and without some flags.
func (c commandLine) with(sources []string, without ...string) string {
	line := quote(cmp.Or(c.program, "importer"))
	if strings.Contains(filepath.ToSlash(c.program), "/go-build") {
		line = "go run ." // what it built is gone afterwards
	}
	add := func(words ...string) {
		for _, w := range words {
			line += " " + quote(w)
		}
	}
	if sources == nil {
		add(c.args...)
	}
	for _, s := range sources {
		add("--source", s)
	}
	c.flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(without, f.Name) {
			return
		}
		for _, v := range valuesOf(f) {
			switch {
			case f.Value.Type() == "bool" && v == "true":
				add("--" + f.Name)
			case f.Value.Type() == "bool":
				add("--" + f.Name + "=" + v)
			default:
				add("--"+f.Name, v)
			}
		}
	})
	return line
}

var needsNoQuotes = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./~-]+$`)

// quote makes one word of a shell of s.
func quote(s string) string {
	if needsNoQuotes.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
