package idtext

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Digits of a phone number that stands as it is written: E.164 has 15, and 00 and (0)
// may stand there too. Short codes have 5.
const (
	minDigits = 5
	maxDigits = 18
)

// PhoneOptions say how phone numbers are read.
type PhoneOptions struct {
	Region    string // the country of numbers without a country code, such as DE
	ValidOnly bool   // refuse those that nobody can have by the country's plan
}

// A PhoneNumber is one in E.164, such as +493012345678.
type PhoneNumber struct {
	E164   string
	Valid  bool // by the plan of its country; test numbers are not
	Reread bool // its digits began with the country's code, without a plus sign
}

// Phone gives the phone numbers of a person in one value, as ID does.
func Phone(s string, form Form, o PhoneOptions) ([]PhoneNumber, *Flaw) {
	return eachNumber(s, func(piece string) (PhoneNumber, *Flaw) {
		dialled, flaw := dial(piece, form)
		if flaw != nil {
			return PhoneNumber{}, flaw
		}
		return readPhone(dialled, o)
	})
}

// PlainPhone gives the phone numbers in one value as they stand, with ordinary
// spaces, hyphens and digits.
func PlainPhone(s string, form Form) ([]string, *Flaw) {
	return eachNumber(s, func(piece string) (string, *Flaw) {
		dialled, flaw := dial(piece, form)
		if n := countDigits(dialled); flaw == nil && (n < minDigits || n > maxDigits) {
			flaw = notPhone
		}
		return dialled, flaw
	})
}

func eachNumber[T comparable](s string, one func(piece string) (T, *Flaw)) ([]T, *Flaw) {
	pieces := []string{s}
	if !IsDialled(s) || strings.Contains(s, "/") {
		v, flaw := newValue(s)
		if flaw != nil {
			return nil, flaw
		}
		pieces = v.pieces("", looksDialled)
	}
	return each(pieces, isEdge, one)
}

var notPhone = &Flaw{"is not a phone number", "correct the number, or leave the field empty"}

// looksDialled tells whether a text can be a whole phone number.
func looksDialled(s string) bool {
	return countDigits(s) >= 7 && strings.IndexFunc(s, func(r rune) bool { return !isDialled(asDialled(r)) }) < 0
}

// isDialled tells whether a character may stand in a phone number.
func isDialled(r rune) bool {
	return isDigit(r) || r == '+' || r == '-' || r == '.' || r == '(' || r == ')' || r == '/' || r == ' '
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func countDigits(s string) (n int) {
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// asDialled is a character of a phone number in ASCII.
func asDialled(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case unicode.IsDigit(r):
		return digitOf(r)
	case unicode.Is(unicode.Zs, r):
		return ' '
	case unicode.Is(unicode.Pd, r), r == 0x2212, r == 0x30fc:
		return '-'
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xfee0
	}
	return r
}

// digitOf is the digit of any script in ASCII: their ranges begin with a zero.
func digitOf(r rune) rune {
	for _, x := range unicode.Nd.R16 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return '0' + (r-rune(x.Lo))%10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return '0' + (r-rune(x.Lo))%10
		}
	}
	return r
}

// shortExponent is one that an id of another kind may look like.
var shortExponent = regexp.MustCompile(`^[0-9]+[eE][0-9]+$`)

// IsDialled tells whether a text is a phone number as dial writes it, with nothing
// around it.
func IsDialled(s string) bool {
	for i := range len(s) {
		if !isDialled(rune(s[i])) {
			return false
		}
	}
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && (s[0] != '(' || withoutBrackets(s) == s)
}

// dial is a phone number in ASCII, as it is written. It refuses all that a reader of
// phone numbers would pass over in silence or turn into digits: letters, extensions, a
// second number.
func dial(s string, form Form) (string, *Flaw) {
	if flaw := damage(s, form); flaw != nil {
		return "", flaw
	}
	if shortExponent.MatchString(s) {
		return "", damage("1.0"+s[strings.IndexAny(s, "eE"):], form)
	}
	dialled := s
	if !IsDialled(s) {
		if flaw := hidden(strings.Map(asDialled, s)); flaw != nil {
			return "", flaw
		}
		dialled = strings.Map(asDialled, s)
	}
	dialled = strings.TrimRight(dialled, "-./( ")
	if dialled == "" {
		return "", notPhone
	}
	for _, r := range dialled {
		switch {
		case isDialled(r):
		case countDigits(dialled) < minDigits || IsPlaceholder(s):
			return "", notPhone
		case r == ',' || r == '&':
			return "", severalNumbers
		default:
			return "", &Flaw{"is not a phone number: it holds more than digits", "write names and extensions into another column, and letters as digits"}
		}
	}
	plus, first := strings.LastIndexByte(dialled, '+'), dialled[0]
	switch {
	case !isDigit(rune(first)) && first != '+' && first != '(', strings.Trim(dialled, "0+-.()/ ") == "":
		return "", notPhone
	case plus > 0 && strings.Trim(dialled[:plus], "( ") != "", !slashesFit(dialled):
		return "", severalNumbers
	}
	return dialled, nil
}

var severalNumbers = &Flaw{"is not one phone number", "separate several numbers with ; and write each in full"}

// slashesFit tells whether the slashes in a number are part of its writing, as in
// 030/1234567, +49/151/23456787 and 01/23/45/67/89, and separate no second number or extension.
func slashesFit(s string) bool {
	groups := strings.Split(s, "/")
	if len(groups) == 3 && (strings.HasPrefix(groups[0], "+") || strings.HasPrefix(groups[0], "00")) && countDigits(groups[0]) <= 5 {
		groups = groups[1:] // the country code
	}
	counts := make([]int, len(groups))
	for i, g := range groups {
		counts[i] = countDigits(g)
	}
	if len(groups) == 2 {
		return counts[0] <= 8 && counts[1] >= 3
	}
	return len(groups) == 1 || slices.Max(counts) <= 4 && slices.Min(counts) > 0
}

// readPhone reads a number that dial gave.
func readPhone(s string, o PhoneOptions) (PhoneNumber, *Flaw) {
	n := parsePhone(s, o.Region)
	if !strings.Contains(s, "+") {
		var clear bool
		if n, clear = reread(n, s, o.Region); !clear {
			return n, &Flaw{"can be a number of " + o.Region + " or one with another country code", "write it with + and the country code"}
		}
	}
	switch {
	case n.E164 == "" && o.Region == "" && s[0] != '+':
		return n, &Flaw{notPhone.Reason, "write it with + and the country code, or name the country in region in the mapping"}
	case n.E164 == "":
		return n, notPhone
	case o.ValidOnly && !n.Valid:
		return n, &Flaw{"is a phone number that nobody can have", "correct the number, or leave valid_only out of the mapping"}
	}
	return n, nil
}

// reread looks at a number without a plus sign as one that begins with a country
// code. The code of its own region counts where the number is no valid one without
// it. It is not clear where both readings stand: then a spreadsheet took away the plus
// sign, or the zero in front.
func reread(n PhoneNumber, s, region string) (_ PhoneNumber, clear bool) {
	digits := strings.Map(func(r rune) rune {
		if isDigit(r) {
			return r
		}
		return -1
	}, s)
	if rest, ok := strings.CutPrefix(digits, "00"); ok && n.E164 == "" {
		if abroad := parsePhone("+"+rest, ""); abroad.E164 != "" {
			n, n.Reread = abroad, true
		}
		return n, true
	}
	own := ownCode(digits, region)
	if region == "" || digits[0] == '0' || n.Valid && !own && isUsual(n, region) {
		return n, true
	}
	abroad := parsePhone("+"+digits, "")
	switch {
	case abroad.E164 == "" || abroad.E164 == n.E164:
	case own && (n.E164 == "" || abroad.Valid && !n.Valid):
		n, n.Reread = abroad, true
	case n.E164 != "" && (abroad.Valid || own && !n.Valid):
		return n, false
	}
	return n, true
}

// isUsual tells whether people write a number of a region without a zero in front: a
// mobile number, of which many programs leave it out, and a fixed line where there is
// none.
func isUsual(n PhoneNumber, region string) bool {
	p, err := phonenumbers.Parse(n.E164, region)
	if err != nil {
		return false
	}
	switch phonenumbers.GetNumberType(p) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return true
	case phonenumbers.FIXED_LINE:
		return phonenumbers.GetNddPrefixForRegion(region, true) != "0"
	}
	return false
}

// ownCode tells whether digits begin with the country code of a region.
func ownCode(digits, region string) bool {
	code := phonenumbers.GetCountryCodeForRegion(region)
	return code > 0 && strings.HasPrefix(digits, strconv.Itoa(code))
}

// parsePhone reads a number. One is complete where it can be dialled from everywhere;
// with fewer than 7 digits behind the country code only if it is valid.
func parsePhone(s, region string) (n PhoneNumber) {
	p, err := phonenumbers.Parse(s, region)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(p) != phonenumbers.IS_POSSIBLE {
		return n
	}
	n.E164 = phonenumbers.Format(p, phonenumbers.E164)
	n.Valid = phonenumbers.IsValidNumber(p)
	if !n.Valid && (len(phonenumbers.GetNationalSignificantNumber(p)) < 7 || !isStable(n.E164)) {
		n.E164 = ""
	}
	return n
}

// isStable tells whether a number in E.164 is read as itself. One of zeros loses them.
func isStable(e164 string) bool {
	p, err := phonenumbers.Parse(e164, "")
	return err == nil && phonenumbers.Format(p, phonenumbers.E164) == e164
}
