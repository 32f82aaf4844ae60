// Package commandline writes commands for people to type next, as this one was typed.
package commandline

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"importer/internal/address"
	"importer/internal/plain"
)

// A Line is how the import was called, to tell people what to type next.
// It never holds the API key: there is no flag for it.
type Line struct {
	Program string
	Mode    string // of the run
	Flags   *pflag.FlagSet
	Args    []string
}

// Given tells whether a flag was.
func (c Line) Given(flag string) bool { return c.Flags != nil && c.Flags.Changed(flag) }

// Again is the command that resumes this run. --restart would not; and the URL of
// many webhooks is their password, which is not printed.
func (c Line) Again() string {
	return c.with(nil, "restart", "allow-removals", "notify", "adopt")
}

// GoOn is the command that goes on where --limit ended this run; empty where no flag did.
func (c Line) GoOn() string {
	if !c.Given("limit") {
		return ""
	}
	return c.with(nil, "restart", "allow-removals", "notify", "adopt", "limit")
}

// Update is the command that sends what has changed of rows that are in.
func (c Line) Update() string {
	return c.with(nil, "restart", "allow-removals", "notify", "adopt", "limit", "mode", "dry-run", "verbose", "retry-rejected") + " --mode update"
}

// OfRejects is the command that imports the reject files, into the report of this run.
// What it says of the form of the sources does not fit them.
func (c Line) OfRejects(files []string) string {
	if len(files) == 0 {
		return ""
	}
	again := c.with(files, "restart", "allow-removals", "notify", "adopt", "limit", "mode", "source", "format", "encoding", "delimiter", "sheet", "header-row")
	switch c.Mode {
	case "create":
		return again
	case "update":
		return again + " --mode update"
	}
	// A mirror would take everybody else for missing.
	return again + " --mode upsert"
}

// with is the command line with other sources, if any, and without some flags.
func (c Line) with(sources []string, without ...string) string {
	line := Quote(cmp.Or(c.Program, "importer"))
	if strings.Contains(filepath.ToSlash(c.Program), "/go-build") {
		line = "go run ." // what it built is gone afterwards
	}
	add := func(words ...string) {
		for _, w := range words {
			line += " " + Quote(w)
		}
	}
	if sources == nil {
		add(address.AllShown(c.Args)...) // what stands in it as … is to be filled in again
	}
	for _, s := range sources {
		add("--source", s)
	}
	c.Flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(without, f.Name) {
			return
		}
		for _, v := range Values(f) {
			if f.Name == "source" {
				v = address.Shown(v)
			}
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

// Values are the values that a flag was given, as they would be typed.
func Values(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

var needsNoQuotes = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./~-]+$`)

// Quote makes one word of a shell of s. What may not be shown is written by its bytes,
// as bash, zsh, ksh and POSIX of 2024 read it.
func Quote(s string) string {
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
