package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"importer/source/mapping"
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

var formats = map[string]Format{".csv": CSV, ".tsv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".json": NDJSON}

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

// guessDelimiter finds the delimiter that takes the header and the rows of the
// sample apart into equally many fields, preferably with names that are known.
func guessDelimiter(sample []byte) rune {
	const records = 100
	best, bestScore := ',', 0.0
	for _, d := range []rune{',', ';', '\t', '|'} {
		field := fieldPattern(d)
		rest := bytes.TrimLeft(sample, "\r\n")
		header := splitRecord(rest, field, false)
		columns := len(header.cells)
		if columns < 2 {
			continue
		}
		same, all := 0.0, 0.0
		for rest = rest[header.end:]; len(rest) > 0 && all < records; {
			s := splitRecord(rest, field, false)
			rest = bytes.TrimLeft(rest[s.end:], "\r\n")
			if len(rest) == 0 && all > 0 {
				break // the last one may be cut off
			}
			all++
			if len(s.cells) == columns {
				same++
			}
		}
		score := 1.0
		if all > 0 {
			score = same / all
		}
		if slices.ContainsFunc(header.cells, mapping.IsKnown) {
			score++
		}
		score += float64(min(columns, 20)) / 100
		if score > bestScore {
			best, bestScore = d, score
		}
	}
	return best
}

// separatorLine reads the line "sep=;" that Excel writes and obeys.
func separatorLine(text []byte) (rune, bool) {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	line = bytes.Trim(line, "\r\" ")
	if len(line) < 5 || !bytes.EqualFold(line[:4], []byte("sep=")) {
		return 0, false
	}
	r, n := utf8.DecodeRune(line[4:])
	return r, n == len(line)-4 && r != utf8.RuneError
}
