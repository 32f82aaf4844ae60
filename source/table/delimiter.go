package table

import (
	"bytes"
	"unicode/utf8"

	"importer/source/mapping"
)

// sampleRows is how many rows behind the header a delimiter is judged by.
const sampleRows = 100

// Delimiter finds the delimiter that takes the header and the rows of the sample
// apart into equally many fields, preferably with names that are known. The header is
// searched for with each, because the lines before it have other fields.
func Delimiter(sample []byte, m *mapping.Mapping) rune {
	best, bestScore := ',', 0.0
	for _, d := range []rune{',', ';', '\t', '|'} {
		rows := TakeApart(sample, d).Rows
		if len(rows) == 0 {
			continue
		}
		h := Header(rows, m)
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

// SeparatorLine reads the line "sep=;" that Excel writes and obeys.
func SeparatorLine(text []byte) (rune, bool) {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	line = bytes.Trim(line, "\r\" ")
	if len(line) < 5 || !bytes.EqualFold(line[:4], []byte("sep=")) {
		return 0, false
	}
	r, n := utf8.DecodeRune(line[4:])
	return r, n == len(line)-4 && r != utf8.RuneError
}
