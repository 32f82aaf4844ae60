// Package traces finds the files of this program that still name a contact.
package traces

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"

	"importer/importer/contact"
	"importer/internal/files"
	"importer/internal/rejectfile"
)

// A Kind is what a file is.
type Kind string

const (
	Report  Kind = "report"
	Rejects Kind = "reject file"
	Check   Kind = "check file"
	Verify  Kind = "verify file"
	State   Kind = "state"
	Export  Kind = "export" // one that was interrupted
)

// A Trace is a file that names the contact.
type Trace struct {
	Path string `json:"path"`
	Kind Kind   `json:"kind"`
}

// Report is the report that a file belongs to, if that is there; else it is empty.
func (t Trace) Report() string {
	var report string
	switch t.Kind {
	case Report, Verify:
		report = behindReport.ReplaceAllString(t.Path, "$1")
	case Rejects:
		base, _ := rejectfile.Base(t.Path)
		report = base + ".report.ndjson"
	}
	if info, err := os.Stat(report); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return report
}

// behindReport is what stands behind the name of a report in those of other files.
var behindReport = regexp.MustCompile(`(\.report\.ndjson)(\.\d+)?(\.verify)?$`)

// kinds are told by the names that this program gives its files.
var kinds = []struct {
	kind Kind
	name *regexp.Regexp
}{
	{Verify, regexp.MustCompile(`\.report\.ndjson(\.\d+)?\.verify$`)},
	{Report, regexp.MustCompile(`\.report\.ndjson(\.\d+)?$`)},
	{Check, regexp.MustCompile(`\.check(\.\d+)?\.(csv|ndjson)(\.tmp|\.\d+)*$`)},
	{State, regexp.MustCompile(`\.state\.db(\.\d+)?(-wal)?$`)},
	{Export, regexp.MustCompile(`\.part$`)},
}

func kindOf(path string) (Kind, bool) {
	if rejectfile.IsNamed(path) {
		return Rejects, true
	}
	for _, k := range kinds {
		if k.name.MatchString(path) {
			return k.kind, true
		}
	}
	return "", false
}

// Find looks through the files of this program in some folders, and those that are named
// with their kind, for any of these contact ids. Folders and files that are not there hold
// nothing. With an error, which says which files could not be read, it returns what was
// found in the others.
func Find(folders []string, named map[string]Kind, contactIDs []string) ([]Trace, error) {
	all := map[string]Kind{}
	var errs []error
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, e := range entries {
			path := filepath.Join(folder, e.Name())
			if kind, ok := kindOf(path); ok && e.Type().IsRegular() {
				all[path] = kind
			}
		}
	}
	for path, kind := range named {
		all[filepath.Clean(path)] = kind
	}
	wanted := forms(contactIDs)
	var found []Trace
	for path, kind := range all {
		names, err := holds(path, wanted, kind == State)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		if names {
			found = append(found, Trace{path, kind})
		}
	}
	slices.SortFunc(found, func(a, b Trace) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	return found, errors.Join(errs...)
}

// forms are the ways in which contact ids stand in a file: as they are, and in JSON.
func forms(contactIDs []string) (all [][]byte) {
	for _, id := range contactIDs {
		quoted := contact.AppendString(nil, id)
		for _, form := range [][]byte{[]byte(id), quoted[1 : len(quoted)-1]} {
			if len(form) > 0 && !slices.ContainsFunc(all, func(b []byte) bool { return bytes.Equal(b, form) }) {
				all = append(all, form)
			}
		}
	}
	return all
}

// block is how much of a file is looked at together.
const block = 1 << 20

// holds tells whether a file has one of these texts, and not as a part of a longer one,
// unless they stand packed, one behind the other.
func holds(path string, wanted [][]byte, packed bool) (bool, error) {
	f, err := files.OpenOrdinary(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	longest := 0
	for _, form := range wanted {
		longest = max(longest, len(form))
	}
	overlap := longest + 2*utf8.UTFMax // with what stands before and behind it
	r := bufio.NewReaderSize(f, block)
	text := make([]byte, 0, block+overlap)
	for {
		n, err := io.ReadFull(r, text[len(text):cap(text)])
		text = text[:len(text)+n]
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return false, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		for _, form := range wanted {
			if packed && bytes.Contains(text, form) || standsIn(text, form) {
				return true, nil
			}
		}
		if ended {
			return false, nil
		}
		text = append(text[:0], text[max(0, len(text)-overlap):]...)
	}
}

// standsIn tells whether a text holds a form by itself: bob@example.com is none of
// jim-bob@example.com.
func standsIn(text, form []byte) bool {
	for from := 0; ; {
		at := bytes.Index(text[from:], form)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRune(text[:at])
		behind, _ := utf8.DecodeRune(text[at+len(form):])
		if !joins(before) && !joins(behind) {
			return true
		}
		from = at + 1
	}
}

// joins tells whether a character beside a contact id makes it another one. At the end of
// the text there is none.
func joins(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '@' || r == '_' || r == '-' || r == '+' || r == '%')
}
