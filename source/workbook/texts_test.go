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
