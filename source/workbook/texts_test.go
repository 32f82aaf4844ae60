package workbook

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Texts count for more than their bytes, so that those without any are bounded too.
func TestSharedTexts(t *testing.T) {
	tests := []struct {
		content string
		most    int
		fits    bool
	}{
		{"<sst><si/><si/></sst>", 2 * placeBytes, true},
		{"<sst><si/><si/></sst>", 2*placeBytes - 1, false},
		{"<sst><si><t>abc</t></si></sst>", placeBytes + 3, true},
		{"<sst><si><t>abc</t></si></sst>", placeBytes + 2, false},
	}
	for _, tt := range tests {
		if _, err := readTexts(newPartReader("x", io.NopCloser(strings.NewReader(tt.content))), tt.most); tt.fits != (err == nil) || err != nil && !errors.Is(err, errTexts) {
			t.Errorf("%s in %d bytes: %v", tt.content, tt.most, err)
		}
	}
	for size, want := range map[int64]int{0: 96 << 20, 10 << 20: 96 << 20, 20 << 20: 160 << 20, 1 << 40: 512 << 20} {
		if got := textsOf(size); got != want {
			t.Errorf("a workbook of %d bytes may have texts of %d; want %d", size, got, want)
		}
	}
	// More than a page and more than a chunk of them.
	s := &sharedTexts{left: 1 << 30}
	want := func(i int) string { return strings.Repeat("x", i%100) + fmt.Sprint(i) }
	const n = 3*textPage + 1
	for i := range n {
		if err := s.add([]byte(want(i))); err != nil {
			t.Fatal(err)
		}
	}
	s.flush()
	for i := range n {
		if got, ok := s.get(i); got != want(i) || !ok {
			t.Fatalf("%d: %q", i, got)
		}
	}
	for _, i := range []int{-1, n} {
		if got, ok := s.get(i); ok {
			t.Errorf("%d: %q", i, got)
		}
	}
}

// What a cell shows is bounded, and what all cells of a row show counts for its length.
func TestShownIsBounded(t *testing.T) {
	many := sections(strings.Repeat("@", 200))
	if shown, ok := shownText("ab", many); !ok || shown != strings.Repeat("ab", 200) {
		t.Errorf("%q, %v", shown, ok)
	}
	if shown, ok := shownText(strings.Repeat("x", 1000), many); ok {
		t.Errorf("%d bytes are shown", len(shown))
	}
	if shown, ok := shownNumber("1e300", sections("0."+strings.Repeat("0", 200))); ok {
		t.Errorf("%q is shown", shown)
	}
	row := &Row{}
	row.put(0, 1, "a", false)
	row.show(0, strings.Repeat("x", 1000), true)
	if row.Bytes != 1001 {
		t.Errorf("%d bytes", row.Bytes)
	}
}

// Escapes are taken out of a shared text once, not at each cell that has it.
func TestSharedTextsAreUnescapedOnce(t *testing.T) {
	for escaped, want := range map[string]string{"a": "a", "_x0041_": "A", "_x005F_x0041_": "_x0041_", "a_x000D_\nb": "a\nb", "_xD800_": "_xD800_"} {
		p := newPartReader("t", io.NopCloser(strings.NewReader("<sst><si><t>"+escaped+"</t></si></sst>")))
		s, err := readTexts(p, 1000)
		if err != nil {
			t.Fatal(err)
		}
		b := &Book{texts: s}
		text, _, f, err := b.value(&rawCell{kind: "s", value: []byte("0"), hasValue: true})
		if text != want || f != nil || err != nil {
			t.Errorf("%s is %q, %v, %v", escaped, text, f, err)
		}
	}
}
