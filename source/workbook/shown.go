package workbook

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// This file tells what a cell shows, as far as a contact id can be taken from it: version
// 1 of this program did so (see contact.IDRule), and a format may add the zeros and the
// plus sign that belong to an id. Where it departs from Excel, that version did.

// shown is what a cell shows whose value is text; false where its format is not one of
// those that can be told.
func (b *Book) shown(c *rawCell, text string) (string, bool) {
	var style cellStyle
	if i, err := strconv.Atoi(c.style); err == nil && i > 0 && i < len(b.styles) {
		style = b.styles[i]
	}
	value := strings.TrimSpace(string(c.value))
	switch {
	case c.kind == "s", c.kind == "inlineStr", c.hasInline && !c.hasValue:
		return shownText(text, style.code)
	case c.kind == "b":
		return strings.ToUpper(text), true
	case !c.isNumber() || value == "":
		return text, true
	case style.code != "" && style.format != plainNumber:
		return shownDate(text, style.code)
	}
	return shownNumber(value, style.code)
}

// section matches one of the sections of a code, which stand between semicolons.
var section = regexp.MustCompile(`(?:"[^"]*"?|\\.|[^;"\\])*`)

func sections(code string) (all []string) {
	for at := 0; ; at++ {
		s := section.FindString(code[at:])
		all = append(all, s)
		if at += len(s); at >= len(code) || code[at] != ';' {
			return all
		}
	}
}

// A codeToken is a part of a section that shows itself, or stands for something.
type codeToken struct {
	text    string
	literal bool
}

var codeTokens = regexp.MustCompile(`(?s)"([^"]*)"?|\\(.)|(_.)|(\*.)|\[([^\]]*)\]|[dD]+|[mM]+|[yY]+|.`)

// tokens takes a section apart. It is false where the section converts what it shows.
func tokens(section string) (all []codeToken, ok bool) {
	for _, m := range codeTokens.FindAllStringSubmatch(section, -1) {
		t := codeToken{text: m[0]}
		switch {
		case m[0][0] == '"', m[0][0] == '\\' && m[2] != "":
			t = codeToken{m[1] + m[2], true}
		case m[3] != "":
			t = codeToken{" ", true}
		case m[4] != "":
			continue // fills the column
		case strings.HasPrefix(m[5], "$"): // a currency and a language
			symbol, _, _ := strings.Cut(m[5][1:], "-")
			t = codeToken{symbol, true}
		case strings.HasPrefix(strings.ToLower(m[5]), "dbnum"):
			return nil, false
		case m[5] != "":
			continue // a color or a condition
		}
		all = append(all, t)
	}
	return all, true
}

// shownText is a text as the code for texts shows it.
func shownText(text, code string) (string, bool) {
	all := sections(code)
	if len(all) > 3 && all[3] == "" {
		return "", true
	}
	for _, s := range all {
		parts, ok := tokens(s)
		shown, isText := "", false
		for _, t := range parts {
			if !t.literal && t.text == "@" {
				t.text, isText = text, true
			}
			shown += t.text
		}
		if isText {
			return shown, ok
		}
	}
	return text, true
}

// shownDate is a date in ISO as a code of digits shows it, of which no part is left out.
func shownDate(iso, code string) (string, bool) {
	t, err := time.Parse(time.DateOnly, iso)
	parts, ok := tokens(sections(code)[0])
	if err != nil || !ok {
		return "", false
	}
	layouts := map[string]string{"d": "2", "dd": "02", "m": "1", "mm": "01", "yy": "06", "yyyy": "2006"}
	shown, seen := "", make(map[byte]bool)
	for _, p := range parts {
		layout := layouts[strings.ToLower(p.text)]
		switch {
		case !p.literal && layout != "":
			seen[p.text[0]|0x20] = true
			p.text = t.Format(layout)
		case !p.literal && !strings.Contains("-./, ", p.text):
			return "", false
		}
		shown += p.text
	}
	return shown, len(seen) == 3
}

// shownNumber is a number as its code shows it.
func shownNumber(value, code string) (string, bool) {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "", false
	}
	bare := bareNumber(value, x)
	if code == "" {
		return bare, true
	}
	all, sign := sections(code), ""
	s := all[0]
	switch {
	case x < 0 && len(all) > 1 && !strings.Contains(all[1], "@"):
		s = all[1]
	case x < 0:
		sign = "-"
	}
	parts, ok := tokens(s)
	plain := ""
	for _, t := range parts {
		if !t.literal {
			plain += t.text
		}
	}
	switch {
	case !ok:
		return "", false
	case strings.Contains(plain, "@"):
		return bare, true
	case strings.Contains(strings.ToLower(plain), "general"):
		return generalNumber(bare), x >= 0 || len(all) == 1
	case scientific.MatchString(s):
		return strconv.FormatFloat(x, 'E', len(s)-len("0.E+00"), 64), true
	}
	shown, ok := placed(strings.TrimPrefix(bare, "-"), parts)
	return sign + strings.TrimSpace(shown), ok && (sign == "" || shown[0] != ' ' || s[0] == '_')
}

var scientific = regexp.MustCompile(`^0\.0+E\+00$`)

// bareNumber is a number of which the 15 digits show that a number of Excel has.
func bareNumber(value string, x float64) string {
	plain := strconv.FormatFloat(x, 'f', -1, 64)
	digits := plain
	if !strings.ContainsAny(value, "eE") {
		digits = strings.TrimRight(value, "0")
	}
	if len(strings.Trim(strings.Replace(digits, ".", "", 1), "+-")) > 15 {
		return strconv.FormatFloat(x, 'G', 15, 64)
	}
	return plain
}

// generalNumber is the same in the width that a column has at first.
func generalNumber(bare string) string {
	x, err := strconv.ParseFloat(bare, 64)
	plain := strconv.FormatFloat(x, 'f', -1, 64)
	if err == nil && len(strings.Trim(strings.Replace(plain, ".", "", 1), "-")) > 11 {
		return strconv.FormatFloat(x, 'G', 10, 64)
	}
	return plain
}

// fixed matches a code that placed can fill, with an x for whatever shows itself: commas
// stand in one group of places, and only zeros behind the decimal point.
var fixed = regexp.MustCompile(`^x*(?:[#0]+(?:,[#0]+)+(?:\.0+)?|[#0?]+\.0+|[#0?]+(?:x+[#0?]+)*)x*$`)

// placed puts the digits of a number into the places of a code, from the right. Those
// that have no place of their own go before the first one.
func placed(number string, parts []codeToken) (string, bool) {
	code := ""
	for _, t := range parts {
		switch {
		case t.literal || t.text > "~":
			code += "x"
		case strings.Contains("0#?,.", t.text):
			code += t.text
		case strings.ContainsAny(t.text, "%/'") || unicode.IsLetter(rune(t.text[0])):
			return "", false
		default:
			code += "x"
		}
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok || !fixed.MatchString(code) {
		return "", false
	}
	before, after, _ := strings.Cut(code, ".")
	whole, fraction, _ := strings.Cut(r.FloatString(strings.Count(after, "0")), ".")
	first := strings.IndexAny(before, "0#?")
	shown, n := "", 0
	put := func(digit string) {
		if n++; digit != "" && n > 3 && n%3 == 1 && strings.Contains(before, ",") {
			digit += ","
		}
		shown = digit + shown
	}
	for i := len(code) - 1; i >= 0; i-- {
		switch c := code[i]; {
		case c == ',':
		case c == '.':
			shown = "." + fraction + shown
		case c == 'x':
			shown = parts[i].text + shown
		case i > len(before): // of the fraction
		case whole == "":
			put(map[byte]string{'0': "0", '?': " "}[c])
		default:
			for again := true; again; again = i == first && whole != "" {
				put(whole[len(whole)-1:])
				whole = whole[:len(whole)-1]
			}
		}
	}
	return shown, true
}
