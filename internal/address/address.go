// Package address tells sources that are on other machines from files, and how an address
// may be shown: without what may be a password.
package address

import (
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"importer/internal/plain"
)

// A Kind is how a source on another machine is reached.
type Kind string

// The kinds. None is a file.
const (
	None     Kind = ""
	Web      Kind = "https" // http as well
	S3       Kind = "s3"
	Database Kind = "postgres"
	Other    Kind = "other" // nothing that can be read
)

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+://`)

// KindOf goes by what stands before the :// of a source.
func KindOf(source string) Kind {
	switch strings.ToLower(Scheme(source)) {
	case "":
		return None
	case "https", "http":
		return Web
	case "s3":
		return S3
	case "postgres", "postgresql":
		return Database
	}
	return Other
}

// Scheme is what stands before the :// of a source; empty of a file.
func Scheme(source string) string { return strings.TrimSuffix(scheme.FindString(source), "://") }

// Hidden stands for what is not shown.
const Hidden = "…"

var (
	password    = regexp.MustCompile(`^([a-z]+://[^/?#:@]*):[^@]*@`)
	anyUserinfo = regexp.MustCompile(`^([a-z]+://).*@`)
	secretKey   = regexp.MustCompile(`(?i)([?&](?:ssl)?password=)[^&]*`)
)

// Shown is a source as it may be shown and kept: of an address without the password, and
// of https:// without user and query, which may be a signature. A file is shown as it is.
func Shown(source string) string {
	kind := KindOf(source)
	name := strings.ToLower(Scheme(source)) + "://"
	switch kind {
	case None:
		return source
	case Database:
		s := secretKey.ReplaceAllString(name+source[len(name):], "${1}"+Hidden)
		if host, _, _ := strings.Cut(s[len(name):], "?"); strings.Count(host, "@") > 1 {
			return anyUserinfo.ReplaceAllString(s, "${1}"+Hidden+"@")
		}
		return password.ReplaceAllString(s, "${1}:"+Hidden+"@")
	case S3:
		bucket, key, _ := strings.Cut(source[len(name):], "/")
		if strings.ContainsAny(bucket, "@:") {
			bucket = Hidden
		}
		return name + bucket + "/" + key
	case Other:
		return name + Hidden
	}
	rest, marked := strings.CutPrefix(source[len(name):], Hidden+"@") // which was shown before
	u, err := url.Parse(name + rest)
	if err != nil || u.Host == "" || strings.Contains(u.Path, "@") && u.User == nil { // a password with a slash in it
		return name + Hidden
	}
	s := name
	if u.User != nil || marked {
		s += Hidden + "@"
	}
	s += u.Host + u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		s += "?" + Hidden
	}
	return s
}

// AllShown are sources as they may be shown.
func AllShown(sources []string) []string {
	all := make([]string, len(sources))
	for i, s := range sources {
		all[i] = Shown(s)
	}
	return all
}

// IsPartial tells whether something of an address was left out when it was shown.
func IsPartial(source string) bool {
	_, rest, _ := strings.Cut(source, "://")
	switch KindOf(source) {
	case Web:
		return strings.HasPrefix(rest, Hidden) || strings.Contains(rest, "?"+Hidden)
	case S3:
		return strings.HasPrefix(rest, Hidden)
	case Database:
		return strings.Contains(rest, Hidden)
	}
	return false
}

// Base is the name of a file, or the last part of the path of an address, as the name of
// a file that may stand in any folder. It takes an address as Shown gives it as well.
func Base(source string) string {
	kind := KindOf(source)
	if kind == None {
		return filepath.Base(source)
	}
	rest := source[len(Scheme(source))+len("://"):]
	if kind != S3 {
		rest, _, _ = strings.Cut(rest, "?")
		rest, _, _ = strings.Cut(rest, "#")
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	rest = strings.TrimRight(rest, "/")
	name := path.Base(rest)
	if kind != S3 {
		if plainName, err := url.PathUnescape(name); err == nil {
			name = plainName
		}
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !plain.Is(r) {
			return '_'
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "source"
	}
	return plain.Cut(name, 200)
}
