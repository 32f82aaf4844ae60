// Package rejectfile is the form of a reject file, which one part of the program
// writes and another reads when it is fed back.
package rejectfile

import (
	"bytes"
	"regexp"
	"strings"
)

// Columns stand behind those of the source. The last one is a Ref.
var Columns = [...]string{"_line", "_status", "_field", "_error", "_hint", "_ref"}

// Where some of them stand among Columns.
const (
	Line   = 0
	Status = 1
	Error  = 3
	RefAt  = 5
)

// name matches the files that hold refused rows: what a run writes beside its report,
// what a run that did not go to its end left, and what was set aside.
var name = regexp.MustCompile(`\.rejects(?:\.\d+)?\.(?:csv|ndjson)(?:\.tmp|\.[1-9]\d{0,6})*$`)

// IsNamed tells whether a file has the name of a reject file.
func IsNamed(path string) bool { return name.MatchString(path) }

var aside = regexp.MustCompile(`\.[1-9]\d{0,6}$`)

// IsSetAside tells whether a reject file has the name of one that was set aside.
func IsSetAside(path string) bool { return IsNamed(path) && aside.MatchString(path) }

// Base is the path of a report that has such a reject file beside it, without
// .report.ndjson; false where the name is none of a reject file.
func Base(path string) (base string, ok bool) {
	at := name.FindStringIndex(path)
	if at == nil {
		return "", false
	}
	return path[:at[0]], true
}

// A Ref says which row a reject file shows, in texts.
type Ref struct {
	Run    string // that wrote the file, a ULID
	Row    string // 22 characters: the row as it stands in its source
	Digest string // 22 characters: of what the API refused; empty where it was never sent
}

var ref = regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{26})\.([A-Za-z0-9_-]{22})(?:\.([A-Za-z0-9_-]{22}))?$`)

func (r Ref) String() string {
	s := r.Run + "." + r.Row
	if r.Digest != "" {
		s += "." + r.Digest
	}
	return s
}

// ParseRef reads what String wrote; false of anything else.
func ParseRef(s string) (Ref, bool) {
	m := ref.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Ref{}, false
	}
	return Ref{m[1], m[2], m[3]}, true
}

var refMember = regexp.MustCompile(`"_ref"\s*:\s*"([^"]*)"`)

// RefIn finds the last Ref in the text of a JSON object.
func RefIn(object []byte) (Ref, bool) {
	if !bytes.Contains(object, []byte(`"_ref"`)) {
		return Ref{}, false
	}
	all := refMember.FindAllSubmatch(object, -1)
	if len(all) == 0 {
		return Ref{}, false
	}
	return ParseRef(string(all[len(all)-1][1]))
}
