package journal

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

// fill gives every member of a line a value, and every text in it its path.
func fill(v reflect.Value, path string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(testStart))
		return
	case contact.Status:
		v.Set(reflect.ValueOf(contact.Duplicate))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("<" + path + ">")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(time.Second)) // a duration loses what is below a millisecond
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), path)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // a JSON value
			v.SetBytes([]byte(`"<` + path + `>"`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			name := path + "." + v.Type().Field(i).Name
			if v.Type().Field(i).Anonymous {
				name = path
			}
			if v.Field(i).CanSet() {
				fill(v.Field(i), name)
			} else if v.Type().Field(i).Anonymous { // of a type that is not exported
				fill(reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer()).Elem(), name)
			}
		}
	default:
		panic(fmt.Sprintf("%s: no value for a %s", path, v.Type()))
	}
}

func full(kind string) Line {
	l := kinds[kind]()
	fill(reflect.ValueOf(l).Elem(), kind)
	if row, ok := l.(*Row); ok {
		row.ID = "65f1aaaaaaaaaaaaaaaaaaaa" // not every text is one
	}
	return l
}

// afterPurge are the texts that a purge leaves. What is not among them may be about
// a person. A new text of a line has to be thought about before it stands here.
var afterPurge = []string{
	"changing.To", "unsent.To", "run.Run", "run.Version", "run.Mode", "run.Sources", "run.SourcesDigest", "run.State", "run.After", "run.BaseURL", "run.ProjectID",
	"run.IDs.Now.Begins", "run.IDs.Now.Digest", "run.IDs.Now.Parts.Columns.Hash", "run.IDs.Now.Parts.Columns.Target", "run.IDs.Now.Parts.Hash", "run.IDs.Now.Parts.Region", "run.IDs.Now.Parts.Separator", "run.IDs.Now.Parts.Type", "run.IDs.Now.Parts.Value",
	"run.IDs.Before.Begins", "run.IDs.Before.Digest", "run.IDs.Before.Parts.Columns.Hash", "run.IDs.Before.Parts.Columns.Target", "run.IDs.Before.Parts.Hash", "run.IDs.Before.Parts.Region", "run.IDs.Before.Parts.Separator", "run.IDs.Before.Parts.Type", "run.IDs.Before.Parts.Value",
	"row.Source", "row.Corrects.By", "corrected.Corrects.By", "row.First.Source", "row.Doubt", "row.Error.TraceID",
	"traffic.Requests.Operation",
	"end.Run", "end.Status", "end.Summary.Run", "end.Summary.Status", "end.Summary.Report", "end.Summary.Rejects", "end.Summary.ChangedRows.Source",
}

// purgedOf is what a purge makes of a line in which nothing is empty. What else it
// took could make a run send again.
func purgedOf(l Line) Line {
	switch l := l.(type) {
	case *Header:
		l.IDs = l.IDs.Redacted()
	case *Row:
		l.ContactIDs, l.Previous = nil, nil
		l.Error.Field, l.Error.Detail, l.Error.Hint = "", "redacted", ""
	case *End:
		l.Summary.Reason = "redacted"
	}
	return l
}

// Every member of every kind of line comes back as it was written, and a purge
// leaves of it what it should.
func TestEveryKindOfLine(t *testing.T) {
	texts := regexp.MustCompile(`<[^>]+>`)
	var left []string
	for kind := range kinds {
		want := full(kind)
		written := encoded(want)
		if want.kind() != kind || !bytes.HasPrefix(written, []byte(`{"kind":"`+kind+`",`)) {
			t.Errorf("a %s is written as %s", kind, written)
		}
		got, err := parseLine(bytes.TrimSuffix(written, []byte("\n")))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", kind, got, err, want)
			continue
		}
		got.purge()
		if want := purgedOf(full(kind)); !reflect.DeepEqual(got, want) {
			t.Errorf("a purged %s: %+v, want %+v", kind, got, want)
		}
		purged := encoded(got)
		for _, text := range texts.FindAllString(string(purged), -1) {
			left = append(left, strings.Trim(text, "<>"))
		}
		if again, err := parseLine(bytes.TrimSuffix(purged, []byte("\n"))); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("a purged %s: got %+v, %v, want %+v", kind, again, err, got)
		}
	}
	slices.Sort(left)
	left = slices.Compact(left)
	want := slices.Sorted(slices.Values(afterPurge))
	if !slices.Equal(left, want) {
		t.Errorf("a purge leaves\n%q\nand should leave\n%q", left, want)
	}
}

type stranger struct{ Gone }

func (*stranger) kind() string { return "stranger" }

func TestOnlyLinesOfTheTableAreWritten(t *testing.T) {
	if b, err := appendLine(nil, &stranger{}); err == nil {
		t.Errorf("written: %s", b)
	}
}

// What is taken is written in one form, in which it is taken again.
func FuzzLine(f *testing.F) {
	for kind := range kinds {
		f.Add(bytes.TrimSuffix(encoded(full(kind)), []byte("\n")))
	}
	for _, id := range []string{"a", "é\x00\"\u2028", "\xff"} {
		plain := outcome(id, contact.Created)
		plain.Found, plain.Doubt, plain.Reads, plain.Touched, plain.Undone = true, "answer lost", 2, true, true
		f.Add(bytes.TrimSuffix(encoded(rowOf(plain)), []byte("\n")))
	}
	for line := range bytes.Lines(story().Bytes()) {
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	f.Add([]byte(` { "at" : "2026-01-02T03:04:05+01:00" , "kind" : "\u0072ow", "status":"invalid", "previous":{"profile":{"a":[ 1 ]}} } `))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseLine(b)
		if _, unknown := l.(*later); err != nil || unknown {
			return
		}
		once := encoded(l)
		back, err := parseLine(once[:len(once)-1])
		if err != nil {
			t.Fatalf("%q was taken, and %s is not: %v", b, once, err)
		}
		if twice := encoded(back); !bytes.Equal(once, twice) {
			t.Errorf("%q became %s and then %s", b, once, twice)
		}
		l.purge()
		back.purge()
		if once, twice := encoded(l), encoded(back); !bytes.Equal(once, twice) {
			t.Errorf("%q was purged to %s and %s", b, once, twice)
		}
	})
}
