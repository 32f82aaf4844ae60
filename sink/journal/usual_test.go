package journal

import (
	"bytes"
	"importer/importer/contact"
	"reflect"
	"testing"
	"time"
)

// usualLines are outcomes of the usual kinds, and announcements, as they are
// written.
func usualLines() (lines [][]byte) {
	at := time.Date(2026, 11, 23, 21, 10, 44, 738e6, time.UTC)
	for i, s := range []contact.Status{contact.Created, contact.Updated, contact.Unchanged, contact.Existing, contact.Deactivated, contact.Deleted} {
		o := outcome("someone@example.com", s)
		o.At = at.Add(time.Duration(i) * 700 * time.Millisecond)
		lines = append(lines, appendRowLine(nil, o, false), appendRowLine(nil, o, true))
		o.Row.Source, o.Row.Profile.ContactIDs = "Köln.csv", []string{"ärztin@example.com", "+49 221 1"}
		o.ID, o.Found, o.Attempts, o.Reads, o.Touched, o.Changed = "", true, 0, 3, true, at.AddDate(0, -1, 0)
		lines = append(lines, appendRowLine(nil, o, false))
	}
	return append(lines, appendKeysLine(nil, "sending", keys("a"), at), appendKeysLine(nil, "sending", keys("a", "b", "c"), at.AddDate(1, 0, 0)))
}

func TestUsualLinesAreReadAsSuch(t *testing.T) {
	p := newLineParser()
	for _, b := range usualLines() {
		if !p.parseUsual(b[:len(b)-1]) {
			t.Errorf("read as any JSON: %s", b)
		}
	}
}

// What is read as a usual line says the same when it is read as any JSON, and is
// in order.
func FuzzUsualLine(f *testing.F) {
	for _, b := range usualLines() {
		f.Add(b[:len(b)-1])
	}
	for _, b := range bytes.Split(story().Bytes(), []byte("\n")) {
		f.Add(b)
	}
	one := string(usualLines()[0])
	one = one[:len(one)-1]
	for _, r := range [][2]string{
		{`"at":"2026`, `"at":"1969`}, {`.738Z"`, `.7380"`}, {`44.738Z"`, `60.738Z"`}, {`"line":`, `"line":0`}, {`"line":`, `"line":-`},
		{`"attempts":`, `"attempts":9999999999`}, {`@`, "\r"}, {`@`, "\xff"}, {`@`, `\u0040`}, {`@`, `\`}, {`"status":"c`, `"status":"C`},
	} {
		f.Add(bytes.Replace([]byte(one), []byte(r[0]), []byte(r[1]), 1))
	}
	quick, thorough := newLineParser(), newLineParser()
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.ContainsRune(b, '\n') || !quick.parseUsual(b) {
			return
		}
		want, err := thorough.parseAny(b)
		if err != nil {
			t.Fatalf("%q was taken, and is malformed: %v", b, err)
		}
		got := quick.line
		if len(got.keys) == 0 && len(want.keys) == 0 {
			got.keys, want.keys = nil, nil
		}
		if !reflect.DeepEqual(&got, want) {
			t.Errorf("%q: got %+v, want %+v", b, got, *want)
		}
	})
}
