package source

import (
	"bytes"
	"fmt"
	"path/filepath"
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

// sampleRows is how many rows behind the header a delimiter is judged by.
const sampleRows = 100

// guessDelimiter finds the delimiter that takes the header and the rows of the sample
// apart into equally many fields, preferably with names that are known. The header is
// searched for with each, because the lines before it have other fields.
func guessDelimiter(sample []byte, m *mapping.Mapping) rune {
	best, bestScore := ',', 0.0
	for _, d := range []rune{',', ';', '\t', '|'} {
		rows := takeApart(sample, d).rows
		if len(rows) == 0 {
			continue
		}
		h := findHeader(rows, m)
		if score := fit(rows[h:], isKnown(rows[h], m)); len(rows[h]) > 1 && score > bestScore {
			best, bestScore = d, score
		}
	}
	return best
}

// fit tells how well rows are taken apart whose first is the header. It holds a known
// name or not.
func fit(rows [][]string, known bool) float64 {
	header := rows[0]
	same, all := 0.0, 0.0
	for i, row := range rows[1:] {
		if len(row) == 0 {
			continue
		}
		if i+2 == len(rows) && all > 0 {
			break // the last one may be cut off
		}
		all++
		if len(row) == len(header) {
			same++
		}
	}
	score := 1.0
	if all > 0 {
		score = same / all
	}
	if known {
		score++
	}
	return score + float64(min(len(header), 20))/100
}

// A table is the beginning of a CSV file, taken apart as far as its quotes allow.
type table struct {
	rows   [][]string // a blank row has no cells
	starts []int      // offset of each
	lines  []int      // on which each begins, from 1
}

func takeApart(sample []byte, delimiter rune) (t table) {
	for at, line := 0, 1; at < len(sample) && len(t.rows) < headerLines+sampleRows; {
		s := splitRecord(sample[at:], string(delimiter), false)
		if isBlank(s.cells) {
			s.cells = nil
		}
		t.rows, t.starts, t.lines = append(t.rows, s.cells), append(t.starts, at), append(t.lines, line)
		line += bytes.Count(sample[at:at+s.end], []byte{'\n'})
		at += s.end
	}
	return t
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
