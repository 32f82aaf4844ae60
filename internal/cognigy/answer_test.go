package cognigy

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestScanID(t *testing.T) {
	for text, want := range map[string]string{
		`{"_id":"a"}`:                 "a",
		" {\n\t\"_id\" : \"a\" }":     "a",
		`{"_id":"a"`:                  "a",
		`{"_id":"a","_id":"b"}`:       "a",
		`{"x":{"_id":"b"},"_id":"a"}`: "a",
		`{"x":[{"_id":"b"}],"y":"\"_id\":\"c\"","_id":"a"}`: "a",
		`{"x":"{[\\","n":-1.5e3,"t":true,"_id":"a"}`:        "a",
		`{"x":"_id","_id":"a"}`:                             "a",
		``:                                                  "",
		`{}`:                                                "",
		`[{"_id":"a"}]`:                                     "",
		`"_id"`:                                             "",
		`{"_id":""}`:                                        "",
		`{"_id":"a`:                                         "",
		`{"_id":null}`:                                      "",
		`{"_id":["a"]}`:                                     "",
		`{"_id":"a\n"}`:                                     "",
		`{"_id":"a b"}`:                                     "",
		`{"_id"`:                                            "",
		`{"x":{"_id":"b"`:                                   "",
		`{"x":1`:                                            "",
		`{"x":1,`:                                           "",
		`{"x":"\`:                                           "",
	} {
		if got := scanID([]byte(text)); got != want {
			t.Errorf("scanID(%s) = %q, want %q", text, got, want)
		}
	}
}

func TestLastID(t *testing.T) {
	for text, want := range map[string]string{
		`{"_id":"a"}`:                           "a",
		`{"x":{"_id":"b"},"_id":"a"}`:           "a",
		`{"x":"\"_id\":\"c","_id":"a"}`:         "a",
		benchAnswer:                             "65f1000000000000000000bb",
		`{"_id":"a","x":1}`:                     "",
		`{"x":{"_id":"b"}}`:                     "",
		`{"x":"\",\"_id\":\"c"}`:                "",
		`{"x_id":"a"}`:                          "",
		`{"x":1,"y_id":"a"}`:                    "",
		`{"_id":"a b"}`:                         "",
		`{"_id":""}`:                            "",
		`{"_id": "a"}`:                          "",
		`[1,{"_id":"a"}`:                        "",
		`{`:                                     "",
		`"}`:                                    "",
		``:                                      "",
		`{"x":1,"_id":"` + "\x00" + `"}` + "\n": "",
	} {
		if got := lastID([]byte(text)); got != want {
			t.Errorf("lastID(%s) = %q, want %q", text, got, want)
		}
	}
}

// FuzzScanID compares both ways to the id with a full reading by jsontext.
func FuzzScanID(f *testing.F) {
	for _, s := range []string{`{"_id":"a"}`, `{"x":[{"_id":"b"}],"y":"\"","_id":"a"}`, `{"a":{"b":[1,2,{}]},"_id":"c","d":null}`, `{"a":"\",\"_id\":\"c"}`, `[]`, `{"_id":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := scanID(b)
		if !jsontext.Value(b).IsValid() {
			_ = lastID(b)
			return // no panic is all that is asked
		}
		if last := lastID(b); last != "" && last != got {
			t.Fatalf("%q at the end of %s, and %q from its beginning", last, b, got)
		}
		d := jsontext.NewDecoder(bytes.NewReader(b))
		if tok, err := d.ReadToken(); err != nil || tok.Kind() != '{' {
			if got != "" {
				t.Fatalf("%q from %s", got, b)
			}
			return
		}
		for d.PeekKind() == '"' {
			raw, _ := d.ReadValue()
			isID := string(raw) == `"_id"`
			value, _ := d.ReadValue()
			if isID {
				if got != "" && string(value) != `"`+got+`"` {
					t.Fatalf("%q from %s, want %s", got, b, value)
				}
				return
			}
		}
		if got != "" {
			t.Fatalf("%q from %s, which has no _id", got, b)
		}
	})
}
