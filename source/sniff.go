package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

var delimiters = map[string]rune{
	"": 0, "auto": 0, "comma": ',', "semicolon": ';', "tab": '\t', `\t`: '\t', "pipe": '|', "space": ' ',
}

// ParseDelimiter reads the value of --delimiter: one character, or the word
// auto, comma, semicolon, tab, pipe or space. Auto is 0.
func ParseDelimiter(s string) (rune, error) {
	if r, ok := delimiters[strings.ToLower(s)]; ok {
		return r, nil
	}
	r, n := utf8.DecodeRuneInString(s)
	if n != len(s) || r == utf8.RuneError || strings.ContainsRune("\"\r\n\x00", r) {
		return 0, fmt.Errorf("the delimiter %q cannot be used: give one character, or auto, comma, semicolon, tab or pipe", s)
	}
	return r, nil
}

var formats = map[string]Format{".csv": CSV, ".tsv": CSV, ".tab": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".json": NDJSON}

// guessFormat goes by the name, without the ending of a compression, then by
// the first character of the text.
func guessFormat(name string, text []byte) Format {
	for _, ending := range []string{".gz", ".zst", ".bz2", ".xz"} {
		name = strings.TrimSuffix(strings.ToLower(name), ending)
	}
	if format, ok := formats[filepath.Ext(name)]; ok {
		return format
	}
	if c := bytes.TrimSpace(text)[0]; c == '{' || c == '[' {
		return NDJSON
	}
	return CSV
}

// ParseHeaderRow reads the value of --header-row: the number of a line, from 1, or
// auto, which is 0.
func ParseHeaderRow(s string) (int, error) {
	if s == "auto" || s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxHeaderRow {
		return 0, fmt.Errorf("%q is not the number of a line; want 1 to %d, or auto", s, maxHeaderRow)
	}
	return n, nil
}

// maxHeaderRow bounds what is looked through for a header that is named.
const maxHeaderRow = 1000
