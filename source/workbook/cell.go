package workbook

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"importer/importer/idtext"
	"importer/internal/words"
)

// A rawCell is a cell as it stands in the XML.
type rawCell struct {
	kind, style string
	value       []byte // of its element v
	inline      []byte // of its element is
	formula     []byte
	hasValue    bool // there is an element v, be it empty
	hasInline   bool
	hasFormula  bool
}

// read reads a cell up to the end of its element.
func (c *rawCell) read(p *partReader, start xml.StartElement) error {
	*c = rawCell{kind: attribute(start, "t"), style: attribute(start, "s"), value: c.value[:0], inline: c.inline[:0], formula: c.formula[:0]}
	for depth := len(p.open); len(p.open) >= depth; {
		t, err := p.Token()
		if err != nil {
			return unexpected(err)
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch name := start.Name.Local; {
		case name == "v" && !c.hasValue:
			c.hasValue = true
			c.value, err = p.content(c.value)
		case name == "is" && !c.hasInline:
			c.hasInline = true
			c.inline, err = p.richText(c.inline)
		case name == "f" && !c.hasFormula:
			c.hasFormula = true
			c.formula, err = p.content(c.formula)
		case name == "extLst":
			err = p.skip()
		default:
			err = p.misplaced(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// value is what a cell holds, by its type and not as it is shown: a text, the digits of
// a number, a date in ISO, true or false. A flaw refuses the row, and its reason goes on
// behind the name of the cell. An error is one of the workbook.
func (b *Book) value(c *rawCell) (text string, isNumber bool, f *idtext.Flaw, err error) {
	value := strings.TrimSpace(string(c.value))
	switch {
	case c.hasFormula && (value == "" && !(c.kind == "str" && c.hasValue) || b.recalc && value == "0" && c.isNumber()):
		return value, false, noResult(string(c.formula)), nil
	case c.kind == "inlineStr" && c.hasInline, c.hasInline && !c.hasValue:
		text, f = plainText(string(unescape(c.inline)))
	case c.kind == "str", c.kind == "inlineStr":
		text, f = plainText(string(unescape(c.value)))
	case c.kind == "e":
		return value, false, &idtext.Flaw{Reason: "holds the error " + words.Show(value), Hint: "correct or empty the cell in the workbook, and save it"}, nil
	case value == "":
	case c.kind == "s":
		text, err = b.sharedText(value)
		if err == nil {
			text, f = plainText(text)
		}
	case c.isNumber():
		return b.number(value, c.style)
	default:
		text, f = otherValue(c.kind, value)
	}
	return text, false, f, err
}

func (c *rawCell) isNumber() bool { return c.kind == "" || c.kind == "n" }

// noResult refuses a formula that nobody has computed. Some programs write 0 for
// its result and leave it to Excel to compute the workbook when it is opened.
func noResult(formula string) *idtext.Flaw {
	what := "a formula"
	if formula != "" {
		what = "the formula " + words.Show("="+formula)
	}
	return &idtext.Flaw{Reason: "holds " + what + " without its result", Hint: "open the workbook in Excel and save it, so that the result is stored"}
}

func (b *Book) sharedText(index string) (string, error) {
	i, err := strconv.Atoi(index)
	if err != nil {
		return "", fmt.Errorf("%s is not the number of a shared text", words.Show(index))
	}
	if b.texts != nil {
		if text, ok := b.texts.get(i); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("there is no shared text %d", i)
}

// number is a date where the cell's format says so, else the digits of the number.
func (b *Book) number(value, style string) (string, bool, *idtext.Flaw, error) {
	format := plainNumber
	if style != "" && style != "0" || len(b.styles) > 0 {
		i := 0
		if style != "" {
			var err error
			if i, err = strconv.Atoi(style); err != nil || i < 0 || i >= len(b.styles) {
				return "", false, nil, errors.New("there is no format " + words.Show(style))
			}
		}
		format = b.styles[i].format
	}
	digits, ok := storedNumber(value)
	if !ok {
		return value, false, &idtext.Flaw{Reason: "holds " + words.Show(value) + ", which is not the number it should be", Hint: "correct the cell in the workbook, and save it"}, nil
	}
	if format == plainNumber {
		return digits, true, nil, nil
	}
	days, err := strconv.ParseFloat(digits, 64)
	text, ok := isoOf(days, format, b.from04)
	if err != nil || !ok {
		return value, false, &idtext.Flaw{Reason: "is formatted as a date and holds " + value + ", which is none", Hint: "correct the cell, or give it the format of a number"}, nil
	}
	return text, false, nil, nil
}

// otherValue is that of the kinds that are few: booleans, and dates as texts.
func otherValue(kind, value string) (string, *idtext.Flaw) {
	switch kind {
	case "b":
		switch value {
		case "1", "true":
			return "true", nil
		case "0", "false":
			return "false", nil
		}
	case "d":
		if text, ok := isoText(value); ok {
			return text, nil
		}
	}
	return value, &idtext.Flaw{
		Reason: fmt.Sprintf("holds %s, which is not of the type %s that it should have", words.Show(value), words.Show(kind)),
		Hint:   "correct the cell in the workbook, and save it",
	}
}

// escaped matches a character that XML cannot hold, as Excel writes it: _x000D_.
var escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// unescape takes the escapes of Excel out of a text.
func unescape(s []byte) []byte {
	if !bytes.Contains(s, []byte("_x")) {
		return s
	}
	s = escaped.ReplaceAllFunc(s, func(code []byte) []byte {
		r, _ := strconv.ParseUint(string(code[2:6]), 16, 16)
		if utf16.IsSurrogate(rune(r)) {
			return code
		}
		return utf8.AppendRune(nil, rune(r))
	})
	return bytes.ReplaceAll(s, []byte("\r\n"), []byte("\n")) // as in CSV
}

// plainText is a text of a cell, which holds no NUL.
func plainText(s string) (string, *idtext.Flaw) {
	if strings.Contains(s, "\x00") {
		return s, &idtext.Flaw{Reason: "holds a NUL character", Hint: "remove it"}
	}
	return s, nil
}
