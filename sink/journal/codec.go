package journal

import (
	"bytes"
	"errors"
	"fmt"
	"importer/importer/contact"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Time is written as RFC 3339 with milliseconds, in UTC.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

func (t Time) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue(t.append(enc.AvailableBuffer()))
}

func (t Time) append(b []byte) []byte { return t.UTC().AppendFormat(b, `"`+timeLayout+`"`) }

// encoding replaces what is not UTF-8 rather than lose the line. Looking for names
// that stand twice would only take time.
var encoding = json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// decoding skips members that this version does not know.
var decoding = json.JoinOptions(jsontext.AllowDuplicateNames(true))

// appendLine appends a line with its line feed.
func appendLine(b []byte, l Line) ([]byte, error) {
	if kinds[l.kind()] == nil {
		return b, fmt.Errorf("a line of the kind %q is not in the table of kinds", l.kind())
	}
	if row, ok := l.(*Row); ok && row.plain() {
		return row.append(b), nil
	}
	return marshalLine(b, l)
}

func marshalLine(b []byte, l Line) ([]byte, error) {
	out := bytes.NewBuffer(b)
	out.WriteString(`{"kind":"` + l.kind() + `"`)
	start := out.Len()
	if err := json.MarshalWrite(out, l, encoding); err != nil {
		return b, fmt.Errorf("a line of the kind %q: %w", l.kind(), err)
	}
	out.WriteByte('\n')
	out.Bytes()[start] = ',' // for the brace: a line has "at" at the least
	return out.Bytes(), nil
}

// plain tells whether append can write the line: all but a few are so.
func (l *Row) plain() bool {
	return l.Key != contact.Key{} && l.Digest != contact.Digest{} && l.First == contact.Place{} && l.Error == nil && l.Changed.IsZero() && l.Previous == nil
}

// append is what marshalLine does, in a fifth of the time: there is a line for
// every row of the input.
func (l *Row) append(b []byte) []byte {
	text := func(name, s string) {
		if s != "" {
			b = contact.AppendString(append(b, name...), s)
		}
	}
	number := func(name string, n int64) { b = strconv.AppendInt(append(b, name...), n, 10) }
	flag := func(member string, on bool) {
		if on {
			b = append(b, member...)
		}
	}
	b = append(b, `{"kind":"row","key":"`...)
	b, _ = l.Key.AppendText(b) // it and the next have no errors
	b = append(b, `","digest":"`...)
	b, _ = l.Digest.AppendText(b)
	b = contact.AppendString(append(b, `","source":`...), l.Source)
	number(`,"line":`, int64(l.Line))
	number(`,"row":`, l.Number)
	if len(l.ContactIDs) > 0 {
		b = contact.Profile{ContactIDs: l.ContactIDs}.AppendContactIDs(append(b, ','))
	}
	text(`,"status":`, l.Status.String())
	text(`,"_id":`, l.ID)
	flag(`,"found":true`, l.Found)
	text(`,"doubt":`, l.Doubt)
	number(`,"attempts":`, int64(l.Attempts))
	if l.Reads != 0 {
		number(`,"reads":`, int64(l.Reads))
	}
	flag(`,"touched":true`, l.Touched)
	flag(`,"undone":true`, l.Undone)
	b = l.At.append(append(b, `,"at":`...))
	return append(b, "}\n"...)
}

// parseLine reads a line without its line feed. The members that it knows have to
// be well formed.
func parseLine(b []byte) (Line, error) {
	var head struct {
		Kind string         `json:"kind"`
		At   jsontext.Value `json:"at"`
	}
	if err := json.Unmarshal(b, &head, decoding); err != nil {
		return nil, fmt.Errorf("is no JSON object of a report: %w", err)
	}
	if head.Kind == "" {
		return nil, errors.New(`has no member "kind"`)
	}
	empty, known := kinds[head.Kind]
	if !known {
		return &later{name: head.Kind}, nil
	}
	l := empty()
	err := json.Unmarshal(b, l, decoding)
	if err == nil && head.At == nil {
		err = errors.New("it has no time")
	}
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return nil, fmt.Errorf("of the kind %q is malformed: %w", head.Kind, err)
	}
	return l, nil
}
