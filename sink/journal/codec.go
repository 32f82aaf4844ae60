package journal

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Time is written as RFC 3339 with milliseconds, in UTC. One in a year that has no four
// digits, which could not be read, is written as the zero time.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

func (t Time) MarshalJSONTo(enc *jsontext.Encoder) error {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		t.Time = time.Time{}
	}
	return enc.WriteValue(t.UTC().AppendFormat(enc.AvailableBuffer(), `"`+timeLayout+`"`))
}

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
