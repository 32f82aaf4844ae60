package idtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// alnum are the letters and digits of ASCII; local what else may stand in front of
// the @. What only a machine would write there is not among it, such as the * of an
// address that was masked.
var alnum, local = func() (a, l [utf8.RuneSelf]bool) {
	for c := range byte(utf8.RuneSelf) {
		a[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		l[c] = a[c] || strings.IndexByte("!#$%&'+-./=^_~", c) >= 0
	}
	return a, l
}()

// isPlainEmail tells in one pass that a text is an address as most are.
func isPlainEmail(s string) bool {
	if len(s) > maxEmail || len(s) == 0 {
		return false
	}
	at, dot, label := -1, -1, 0
	before := byte('.') // as if a dot stood before the first character
	for i := range len(s) {
		c := s[i]
		switch {
		case c < utf8.RuneSelf && alnum[c]:
		case before == '.' || before == '@': // such a place needs a letter or digit
			return false
		case c == '@' && at < 0:
			at, label = i, i
		case c == '.' && at >= 0:
			if before == '-' || i-label > 63 {
				return false
			}
			dot, label = i, i
		case c == '.', c == '_' && at < 0, c == '+' && at < 0:
		case c == '-' && i+1 < len(s):
		default:
			return false
		}
		before = c
	}
	letter := s[len(s)-1] | 0x20
	return at > 0 && dot > at && len(s)-label <= 64 && s[at-1] != '.' && s[at-1] != '-' && letter >= 'a' && letter <= 'z'
}

// isPlainID tells in one pass that a text is a contact id without a question: such an
// address, or nine and more letters and digits that no program writes for a number.
func isPlainID(s string) bool {
	if isPlainEmail(s) {
		return true
	}
	if len(s) < 9 || len(s) > 100 {
		return false
	}
	digits := 0
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || !alnum[s[i]] {
			return false
		}
		if s[i] >= '1' && s[i] <= '9' {
			digits++
		}
	}
	return digits > 0
}

func notEmail(s string) *Flaw {
	hint := "correct the address, or leave the field empty"
	if strings.Count(s, "@") > 1 {
		hint = "separate several addresses with ;"
	}
	return &Flaw{"is not an e-mail address", hint}
}

// emailFlaw is what is wrong with an e-mail address.
func emailFlaw(s string) *Flaw {
	if s[0] == '#' && cellErr.MatchString(s) {
		return damage(s, TextForm)
	}
	if flaw := hidden(s); flaw != nil {
		return flaw
	}
	return addressFlaw(s, true)
}

// addressFlaw is what is wrong with an address that can be seen. An e-mail address
// has a dot in its domain: ada@gmail is a slip, and no channel reaches ada@intranet. A
// contact id of another kind may do without.
func addressFlaw(s string, dotted bool) *Flaw {
	name, domain, _ := strings.Cut(s, "@")
	switch {
	case strings.IndexFunc(s, isFullWidth) >= 0:
		return &Flaw{"is not an e-mail address: it is written in wide characters", "write it in ordinary ones"}
	case strings.Count(s, "@") != 1, name == "", domain == "", len(s) > maxEmail:
		return notEmail(s)
	case strings.Contains(domain, "?"):
		return &Flaw{"is not an e-mail address: a question mark stands in it", "take away what belongs to the link and not to the address"}
	case !isLocal(name) || !isDomain(domain):
		return notEmail(s)
	case dotted && !strings.Contains(domain, "."):
		return &Flaw{"is not an e-mail address: its domain has no dot", "complete the address, or leave the field empty"}
	}
	return nil
}

func isLocal(name string) bool {
	if name[0] == '.' || name[0] == '=' || name[len(name)-1] == '.' || strings.Contains(name, "..") {
		return false
	}
	for i, r := range name {
		switch {
		case r >= utf8.RuneSelf:
			if unicode.IsSpace(r) || r == '…' || unicode.In(r, unicode.Quotation_Mark, unicode.Ps, unicode.Pe, unicode.Pi, unicode.Pf) {
				return false
			}
		case !local[r]:
			return false
		case r == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]): // as in a link
			return false
		}
	}
	return true
}

// isDomain takes names of any script, and no addresses of machines.
func isDomain(domain string) bool {
	last := ""
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i, r := range label {
			mark := unicode.IsMark(r) && i > 0
			if r != '-' && r != '_' && !mark && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return false
			}
		}
		last = label
	}
	// Â is what is left of a space that was read in a wrong encoding.
	return !allDigits(last) && !strings.HasSuffix(last, "Â")
}

// isFullWidth tells whether a character is one of ASCII in the width of a Chinese one,
// or another spelling of @ and the dot.
func isFullWidth(r rune) bool {
	return r >= 0xff01 && r <= 0xff61 || r == '﹫' || r == '﹒' || r == '。'
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
