package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"importer/internal/plain"
)

// A commandLine is how the import was called, to tell people what to type next.
// It never holds the API key: there is no flag for it.
type commandLine struct {
	program string
	mode    string // of the run
	flags   *pflag.FlagSet
	args    []string
}

// given tells whether a flag was.
func (c commandLine) given(flag string) bool { return c.flags != nil && c.flags.Changed(flag) }

// again is the command that resumes this run. --restart would not; and the URL of
// many webhooks is their password, which is not printed.
func (c commandLine) again() string {
	return c.with(nil, "restart", "allow-removals", "notify", "adopt")
}

// update is the command that sends what has changed of rows that are in.
func (c commandLine) update() string {
	return c.with(nil, "restart", "allow-removals", "notify", "adopt", "mode", "dry-run", "verbose", "retry-rejected") + " --mode update"
}

// ofRejects is the command that imports the reject files, into the report of this run.
// What it says of the form of the sources does not fit them.
func (c commandLine) ofRejects(files []string) string {
	if len(files) == 0 {
		return ""
	}
	again := c.with(files, "restart", "allow-removals", "notify", "adopt", "mode", "source", "format", "encoding", "delimiter", "sheet", "header-row")
	switch c.mode {
	case "create":
		return again
	case "update":
		return again + " --mode update"
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

// quote makes one word of a shell of s. What may not be shown is written by its bytes,
// as bash, zsh, ksh and POSIX of 2024 read it.
func quote(s string) string {
	switch {
	case needsNoQuotes.MatchString(s):
		return s
	case strings.ToValidUTF8(s, "\x00") != s || strings.ContainsFunc(s, func(r rune) bool { return !plain.Is(r) }):
		return "$'" + escape(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// escape writes a text as it stands in $'…'.
func escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1, !plain.Is(r):
			for _, c := range []byte(s[:n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		case r == '\\' || r == '\'':
			b.WriteString(`\` + s[:n])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
