package cognigy

import "testing"

func TestIDOf(t *testing.T) {
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
		`{"_id":"a","x":`:                                   "a",
		`{"x":"\",\"_id\":\"c"}`:                            "",
		`{"x_id":"a"}`:                                      "",
		`{"x":1,"_id":"a"}`:                                 "a",
		benchAnswer:                                         profileID,
		`<html>"_id":"a"</html>`:                            "",
	} {
		if got := idOf([]byte(text)); got != want {
			t.Errorf("idOf(%s) = %q, want %q", text, got, want)
		}
	}
}
