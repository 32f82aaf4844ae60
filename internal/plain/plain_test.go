package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
)

// unshown are characters of each kind that may not be shown.
const unshown = "\x00\x07\b\t\r\x1b\x7f\u0080\u0085\u009b\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u2060\u2066\u206f\u3164\ufe0f\ufeff\ufff9\uffff\ue000\U000e0001\U000e0100"

func TestIs(t *testing.T) {
	for _, r := range unshown {
		if Is(r) {
			t.Errorf("%U may be shown", r)
		}
	}
	for _, r := range " aé\u00a0\u3000ß字☎😀\ufffde\u0301" {
		if !Is(r) {
			t.Errorf("%U may not be shown", r)
		}
	}
}

func TestLine(t *testing.T) {
	for s, want := range map[string]string{
		"":            "",
		"Zoë 字 😀":     "Zoë 字 😀",
		"a\nb\x1b[2J": "a·b·[2J",
		"a\xffb":      "a\ufffdb",
	} {
		if got := Line(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("x", 5000), strings.Repeat("é", 5000), strings.Repeat("😀", 5000), "x" + strings.Repeat("字", 5000)} {
		got := Line("from here " + long + " to there")
		if len(got) > maxLine || len(got) < maxLine-20 || !utf8.ValidString(got) || strings.Contains(got, "\ufffd") || !strings.HasPrefix(got, "from here ") || !strings.HasSuffix(got, " to there") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
}

// What a Writer makes of JSON says the same, and holds nothing that may not be shown.
func FuzzWriter(f *testing.F) {
	for _, s := range []string{"", "plain\n", unshown, "\xff\xfe", "\xc3", "a\xe2\x80", "😀\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out bytes.Buffer
		if n, err := NewWriter(&out).Write([]byte(s)); err != nil || n != len(s) {
			t.Errorf("%d of %d bytes, %v", n, len(s), err)
		}
		for _, r := range out.String() {
			if !Is(r) && r != '\n' && r != '\t' {
				t.Errorf("%q is written as %q", s, out.String())
			}
		}
		if out.String() != Escape(s) || Escape(Escape(s)) != Escape(s) {
			t.Errorf("%q is escaped to %q, and written as %q", s, Escape(s), out.String())
		}
		text, err := json.Marshal(s) // and with what it escapes as it is
		if err != nil {
			t.Fatal(err)
		}
		raw := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(string(text))
		var back string
		if err := json.Unmarshal([]byte(Escape(raw)), &back); err != nil || !strings.Contains(s, `\u202`) && back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q comes back as %q, %v", s, back, err)
		}
	})
}

func TestMessage(t *testing.T) {
	path := &fs.PathError{Op: "open", Path: "a\nb\x1b", Err: fs.ErrNotExist}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a name":           {path, "open a·b·: file does not exist"},
		"wrapped":          {fmt.Errorf("a\nb: %w; try\nc", path), "a·b: open a·b·: file does not exist; try·c"},
		"joined":           {errors.Join(path, errors.New("and that")), "open a·b·: file does not exist\nand that"},
		"joined, wrapped":  {fmt.Errorf("x: %w", errors.Join(errors.New("a"), errors.New("b\nc"))), "x: a\nb·c"},
		"several":          {fmt.Errorf("%w\n%w", errors.New("a"), errors.New("b")), "a\nb"},
		"lines of our own": {fmt.Errorf("x\ny: %w", Lines("a:\n  - b\x1b")), "x·y: a:\n  - b·"},
		"nothing within":   {fmt.Errorf("x%w", errors.New("")), "x"},
	} {
		if got := Message(tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := Message(fmt.Errorf("it is %w", errors.New(strings.Repeat("x", 3<<20)+"; do that"))); len(got) > 2*maxMessage || !strings.HasSuffix(got, "; do that") {
		t.Errorf("%d bytes", len(got))
	}
}
