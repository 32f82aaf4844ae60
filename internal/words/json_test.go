package words

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// Whatever the parser says of a text, it is said in words of people.
func TestOfJSON(t *testing.T) {
	for text, want := range map[string]string{
		"nope":                      "a word that begins like null and goes on with 'o'",
		"trUe":                      "a word that begins like true",
		"x":                         "'x' stands where a value should begin",
		`{"a" 1}`:                   "'1' stands where a colon should stand",
		`{"a":1 "b":2}`:             "stands where a comma or } should stand",
		`[1 2]`:                     "'2' stands where a comma or ] should stand",
		`{a:1}`:                     "",
		`{1:1}`:                     "",
		`{"a":}`:                    "",
		`[1}`:                       "",
		"1.x":                       "'x' stands where a digit should stand",
		"-x":                        "'x' stands where a digit should stand",
		"\"a\x00\"":                 "the control character",
		`"\q"`:                      `in a text: behind \ stands`,
		`"\u12"`:                    "",
		`[']`:                       "stands where a value should begin",
		"\"\xff\"":                  "bytes that are not UTF-8",
		`1 2x`:                      "stands where",
		"[,]":                       "",
		strings.Repeat("[", 20_000): "nested too deep",
	} {
		d := jsontext.NewDecoder(strings.NewReader(text))
		var err error
		for err == nil {
			_, err = d.ReadToken()
		}
		bad, ok := errors.AsType[*jsontext.SyntacticError](err)
		if !ok {
			t.Errorf("%.20s: %v", text, err)
			continue
		}
		if errors.Is(bad.Err, io.ErrUnexpectedEOF) {
			continue
		}
		got := OfJSON(bad.Err.Error())
		if !strings.Contains(got, want) {
			t.Errorf("%.20s: %s, want %s (%v)", text, got, want, bad.Err)
		}
		for _, foreign := range []string{"invalid character", "jsontext", "expecting", "literal", "token", "top-level"} {
			if strings.Contains(got, foreign) {
				t.Errorf("%.20s: %q in %s", text, foreign, got)
			}
		}
	}
}
