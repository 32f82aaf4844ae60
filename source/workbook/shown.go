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
		if code := style.code; !strings.Contains(code, ";") && (code == "@" || !strings.Contains(code, "@")) {
			return text, true // nearly all
		}
		return shownText(text, b.sections(style.code))
	case c.kind == "b":
		return strings.ToUpper(text), true
	case !c.isNumber() || value == "":
		return text, true
	case style.code != "" && style.format != plainNumber:
		return shownDate(text, b.sections(style.code)[0])
	}
	if style.code == "" {
		return shownNumber(value, nil)
	}
	return shownNumber(value, b.sections(style.code))
}

// section matches one of the sections of a code, which stand between semicolons.
var section = regexp.MustCompile(`(?:"[^"]*"?|\\.|[^;"\\])*`)

// A codeSection is one of them, taken apart. It is not ok where it converts what it shows.
type codeSection struct {
	text  string
	parts []codeToken
	ok    bool
}

// sections are those of a code, which many cells have in common.
func (b *Book) sections(code string) []codeSection {
	all, known := b.codes[code]
	if !known {
		if all = sections(code); b.codes == nil {
			b.codes = make(map[string][]codeSection)
		}
		b.codes[code] = all
	}
	return all
}

func sections(code string) (all []codeSection) {
	for at := 0; ; at++ {
		s := section.FindString(code[at:])
		parts, ok := tokens(s)
		all = append(all, codeSection{s, parts, ok})
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

// maxShown is how long a text or a number is at most, in bytes, that is shown in another
// way than it is held: a longer one is no contact id.
const maxShown = 64 << 10

// shownText is a text as the code for texts shows it.
func shownText(text string, all []codeSection) (string, bool) {
	switch {
	case len(all) > 3 && all[3].text == "":
		return "", true
	case len(text) > maxShown:
		return "", false
	}
	for _, s := range all {
		var shown strings.Builder
		isText := false
		for _, t := range s.parts {
			if !t.literal && t.text == "@" {
				t.text, isText = text, true
			}
			if shown.Len()+len(t.text) > maxShown {
				return "", false
			}
			shown.WriteString(t.text)
		}
		if isText {
			return shown.String(), s.ok
		}
	}
	return text, true
}

// shownDate is a date in ISO as a code of digits shows it, of which no part is left out.
func shownDate(iso string, s codeSection) (string, bool) {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil || !s.ok {
		return "", false
	}
	layouts := map[string]string{"d": "2", "dd": "02", "m": "1", "mm": "01", "yy": "06", "yyyy": "2006"}
	shown, seen := "", make(map[byte]bool)
	for _, p := range s.parts {
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
func shownNumber(value string, all []codeSection) (string, bool) {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "", false
	}
	bare := bareNumber(value, x)
	if len(all) == 0 {
		return bare, true
	}
	sign, s := "", all[0]
	switch {
	case x < 0 && len(all) > 1 && !strings.Contains(all[1].text, "@"):
		s = all[1]
	case x < 0:
		sign = "-"
	}
	plain := ""
	for _, t := range s.parts {
		if !t.literal {
			plain += t.text
		}
	}
	switch {
	case !s.ok:
		return "", false
	case strings.Contains(plain, "@"):
		return bare, true
	case strings.Contains(strings.ToLower(plain), "general"):
		return generalNumber(bare), x >= 0 || len(all) == 1
	case scientific.MatchString(s.text):
		return strconv.FormatFloat(x, 'E', len(s.text)-len("0.E+00"), 64), true
	}
	shown, ok := placed(strings.TrimPrefix(bare, "-"), s.parts)
	return sign + strings.TrimSpace(shown), ok && (sign == "" || shown[0] != ' ' || s.text[0] == '_')
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
	if len(after) > maxShift || len(number) > 2*maxShift {
		return "", false
	}
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
