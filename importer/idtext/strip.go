package idtext

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsBlank tells whether nothing is left of a text without what stands around an id.
func IsBlank(s string) bool {
	if s == "" {
		return true
	}
	if c := s[0]; c < utf8.RuneSelf && alnum[c] {
		return false
	}
	return strings.TrimFunc(s, isEdge) == ""
}

// strip takes away what stands around an id and is no part of it: space, characters
// that cannot be seen, quotes, brackets around the whole, mailto: and tel:, and what
// keeps a spreadsheet from reading a number, as in '+49… and ="+49…". Each of them
// may stand within another, but not without end.
func strip(s string, edge func(rune) bool) (string, *Flaw) {
	for range maxWraps {
		before := s
		s = strings.TrimFunc(s, edge)
		for _, scheme := range []string{"mailto:", "tel:"} {
			if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
				s = strings.TrimLeft(s[len(scheme):], "/")
			}
		}
		s = withoutBrackets(s)
		if strings.HasPrefix(s, `="`) || strings.HasPrefix(s, "='") {
			s = s[1:]
		}
		if s == before {
			return s, nil
		}
	}
	return "", &Flaw{"has too many quotes or brackets around it", "write it without them"}
}

// isEdge tells whether a character at an end of an id is no part of it.
func isEdge(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7f || isQuote(r)
	}
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Z, r) || isQuote(r) || isInvisible(r)
}

// isQuote tells whether a character is a quote, or is used as one.
func isQuote(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '"' || r == '\'' || r == '`'
	}
	return unicode.Is(unicode.Quotation_Mark, r) || strings.ContainsRune("´ʼʹ′″", r)
}

// isInvisible tells whether a character leaves nothing to be seen: of format, a
// selector of variants, or a filler.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || r == 0x2800
}

// closing are the brackets that may stand around an id.
var closing = map[rune]rune{'(': ')', '[': ']', '{': '}', '<': '>', '（': '）', '［': '］', '【': '】', '〈': '〉', '《': '》', '〔': '〕'}

func isBracket(r rune) bool {
	return strings.ContainsRune("()[]{}<>（）［］【】〈〉《》〔〕", r)
}

// hasQuote tells whether there is a quote in a text. An apostrophe between two letters
// is none.
func hasQuote(s string) bool {
	before := ' '
	for i, r := range s {
		if isQuote(r) {
			after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if !strings.ContainsRune("'`´ʹʻʼ‘’′", r) || !isPartOfWord(before) || !isPartOfWord(after) {
				return true
			}
		}
		before = r
	}
	return false
}

func isPartOfWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

// isBalanced tells whether each bracket in a text has its other half.
func isBalanced(s string) bool {
	var open []rune
	for _, r := range s {
		switch closer, opens := closing[r]; {
		case opens:
			open = append(open, closer)
		case !isBracket(r):
		case len(open) == 0 || open[len(open)-1] != r:
			return false
		default:
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

// withoutBrackets takes a pair of brackets away that is around the whole text.
func withoutBrackets(s string) string {
	opener, n := utf8.DecodeRuneInString(s)
	closer, ok := closing[opener]
	if !ok || !strings.HasSuffix(s, string(closer)) {
		return s
	}
	inner := s[n : len(s)-utf8.RuneLen(closer)]
	if opener == '{' && strings.ContainsAny(inner, ":=") && !strings.Contains(inner, "@") {
		return s // an object of a program
	}
	depth := 1
	for _, r := range inner {
		switch r {
		case opener:
			depth++
		case closer:
			depth--
		}
		if depth == 0 {
			return s // it closes before the end
		}
	}
	if depth != 1 {
		return s
	}
	return inner
}

// displayed is the address of a text such as Ada <ada@example.com>, and of any other
// the text itself.
func displayed(s string) string {
	name, rest, ok := strings.Cut(s, "<")
	address, found := strings.CutSuffix(rest, ">")
	if !ok || !found || strings.ContainsAny(name, "@;|\n\r") || strings.ContainsAny(address, "<>,;|\n\r") || strings.Count(address, "@") != 1 {
		return s
	}
	return address
}

var (
	// A formula of a spreadsheet calls something: =HYPERLINK(…), @SUM(…).
	formula    = regexp.MustCompile(`^[=+@-][A-Za-z][A-Za-z0-9.]*\(`)
	htmlEntity = regexp.MustCompile(`&(#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]+);`)
	// An exponent has a fraction before it or a sign behind it: 12E5 may be an id.
	exponent = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]* ?[eE] ?[+−-]?|[eE] ?[+−-]) ?[0-9]+$`)
	fraction = regexp.MustCompile(`^[+-]?([0-9]+[.,]0+|[1-9][0-9]{6,}[.,][0-9]*)$`)
	cellErr  = regexp.MustCompile(`^(#(#+|[¡¿]?[\pL\pN_/]+[!?]|(?i:n/?a|nv|n/d|n/b))|Err:[0-9]+)$`)
	template = regexp.MustCompile(`\{\{|\$\{|<%|%%|\*\|`)
)

// Of a number so many digits are sure: a workbook keeps 15, and JavaScript, which
// writes most JSON, all up to maxExact.
const (
	cellDigits = 15
	maxExact   = "9007199254740992" // 2^53
)

var isFormula = &Flaw{"is a formula of a spreadsheet", "export the values of the cells, not their formulas"}

// damage tells what a spreadsheet or a program did to an id that it took for a number.
func damage(s string, form Form) *Flaw {
	const asText = "; give the column the format Text, fill in all digits and export it again"
	if form == TextForm && (strings.IndexByte("+-#0123456789E", s[0]) < 0 || !strings.ContainsAny(s, ".,eE#")) {
		return nil
	}
	digits := strings.TrimPrefix(s, "-")
	switch {
	case cellErr.MatchString(s):
		return &Flaw{"is an error of a spreadsheet", "correct the cell, or leave it empty"}
	case exponent.MatchString(s), form != TextForm && strings.ContainsAny(s, "eE"):
		return &Flaw{"is a number with an exponent, which has lost its last digits", "a spreadsheet shortens long numbers" + asText}
	case fraction.MatchString(s), form != TextForm && strings.ContainsAny(s, ".,"):
		return &Flaw{"is a number with decimals", "a spreadsheet or a program took it for an amount" + asText}
	case form == CellForm && len(digits) > cellDigits && allDigits(digits):
		return &Flaw{"has more than 15 digits, and the workbook keeps it as a number", "a spreadsheet keeps the first 15 digits of a number" + asText}
	case form == JSONForm && (len(digits) > len(maxExact) || len(digits) == len(maxExact) && digits > maxExact) && allDigits(digits):
		return &Flaw{"is a larger number than every program can keep", "put it in quotes where it is written, with all its digits"}
	}
	return nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func codePoint(r rune) string { return fmt.Sprintf("U+%04X", r) }
