package config

import (
	"regexp"
	"slices"
	"strings"

	"importer/internal/address"
	"importer/internal/plain"
)

var (
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	// fromVariable matches the value of a header that the environment holds, with the word
	// before it that says what it is.
	fromVariable = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z-]{0,30}[ =] ?)?(?:\$\w+|\$\{\w+\})$`)
)

// reserved are headers that say which bytes are asked for, and how they travel.
var reserved = []string{"accept-encoding", "connection", "content-length", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
	"keep-alive", "proxy-authorization", "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade"}

// validate checks what is said of sources on other machines.
func (s *Source) validate() error {
	for name, value := range s.Headers {
		switch shown := plain.Line(name); {
		case !headerName.MatchString(name):
			return Errorf("source.headers: %q is not the name of a header", shown)
		case slices.Contains(reserved, strings.ToLower(name)):
			return Errorf("source.headers: %s is set by importer itself: leave it out", shown)
		case !strings.EqualFold(name, "accept") && !fromVariable.MatchString(value):
			return Errorf("source.headers: the value of %s has to come from the environment, because whoever reads the configuration reads it: write it as in \"Bearer $TOKEN\", and set $TOKEN", shown)
		}
	}
	databases := 0
	for _, path := range s.Paths {
		switch kind := address.KindOf(path); {
		case kind == address.Other:
			return Errorf("--source (source.paths) begins with %s://, and what is read is a file, a glob, https://…, s3://bucket/key, postgres://… or - for standard input", plain.Line(address.Scheme(path)))
		case kind == address.Database:
			databases++
		}
	}
	if databases > 0 && strings.TrimSpace(s.Query) == "" {
		return Errorf("--source (source.paths) is a database, and source.query does not say what to ask it: write one SELECT into the configuration; its columns go by their names")
	}
	return nil
}
