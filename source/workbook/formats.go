package workbook

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A cellFormat is what a number in a cell stands for.
type cellFormat uint8

const (
	plainNumber cellFormat = iota // itself; durations such as [h]:mm too
	calendar                      // days since the beginning of the calendar
	clock                         // the same, of which the format shows the time alone
)

// A cellStyle is the format of a cell, and the code by which it shows its value; empty
// where that is as it stands.
type cellStyle struct {
	format cellFormat
	code   string
}

// maxCode is how long a code is at most in Excel. A longer one is taken for odd, which
// stands for what this package does not show.
const (
	maxCode = 255
	odd     = "?/?"
)

// readStyles reads which formats the cells of a workbook have.
func (b *Book) readStyles(name string) error {
	var s struct {
		Codes []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			ID int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := b.decode(name, &s); err != nil {
		return err
	}
	styles := make(map[int]cellStyle, len(s.Codes))
	for _, c := range s.Codes {
		styles[c.ID] = styleOfCode(c.Code)
	}
	b.styles = make([]cellStyle, len(s.Cells))
	for i, c := range s.Cells {
		style, ok := styles[c.ID]
		if !ok {
			style = builtinStyle(c.ID)
		}
		b.styles[i] = style
	}
	return nil
}

func styleOfCode(code string) cellStyle {
	if len(code) > maxCode {
		code = odd
	}
	return cellStyle{formatOfCode(code), code}
}

func builtinStyle(id int) cellStyle { return cellStyle{builtinFormat(id), builtinCodes[id]} }

// builtinCodes are the codes of formats that have none in the file, as far as version 1 of
// this program showed numbers by them.
var builtinCodes = map[int]string{
	0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: odd, 10: odd, 11: "0.00E+00", 12: odd, 13: odd,
	14: "yyyy-mm-dd", 15: odd, 16: odd, 17: odd, 18: odd, 19: odd, 20: odd, 21: odd, 22: odd, 45: odd, 46: odd, 47: odd, 48: odd, 49: "@",
	37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)", 39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)",
	41: "_(#,##0_);_((#,##0);;_(@_)", 42: "_($#,##0_);_($(#,##0);;_(@_)", 43: "_(#,##0.00_);_((#,##0.00);;_(@_)", 44: "_($#,##0.00_);_($(#,##0.00);;_(@_)",
}

// builtinFormat is that of a number which has no code in the file (ECMA-376 part 1,
// 18.8.30). What 32 to 35, 55 and 56 show depends on the language.
func builtinFormat(id int) cellFormat {
	switch {
	case id >= 18 && id <= 21, id == 45, id == 47, id >= 32 && id <= 35, id == 55, id == 56:
		return clock
	case id >= 14 && id <= 22, id >= 27 && id <= 36, id >= 50 && id <= 58:
		return calendar
	}
	return plainNumber
}

var (
	// literal matches what a code shows as it stands, or takes for a color, a language or
	// a condition.
	literal = regexp.MustCompile(`"[^"]*"?|[\\_*].|\[[^\]]*\]?|(?i:am/pm|a/p)|[^\x00-\x7f]+`)
	elapsed = regexp.MustCompile(`(?i)\[(h+|m+|s+)\]`)
	// fractions are those of a second.
	fractions = regexp.MustCompile(`s\.0+`)
)

// formatOfCode is what a code such as dd.mm.yyyy or "[$-409]h:mm AM/PM" shows. What
// no Excel would have taken for a date is a number: "Standard", "0 days".
func formatOfCode(code string) cellFormat {
	if elapsed.MatchString(code) {
		return plainNumber
	}
	code = strings.ToLower(literal.ReplaceAllString(code, ""))
	code = fractions.ReplaceAllString(code, "s")
	other := func(r rune) bool {
		return r >= 'a' && r <= 'z' && !strings.ContainsRune("dmyhsegab", r) || strings.ContainsRune("0#?%", r)
	}
	switch {
	case strings.ContainsFunc(code, other) || !strings.ContainsAny(code, "dmyhs"):
		return plainNumber
	case strings.ContainsAny(code, "dy") || strings.Contains(code, "mmm") || !strings.ContainsAny(code, "hs"):
		return calendar
	}
	return clock
}

// lastDay is 9999-12-31, where Excel's calendar ends.
const lastDay = 2958465

// isoOf is a number of days as a date, with its time unless that is midnight, or as a time
// alone where there is no day. It is false for what is no day in Excel's calendar,
// among them 1900-02-29, and for a duration of more than a day.
func isoOf(days float64, format cellFormat, from04 bool) (string, bool) {
	if !(days >= 0 && days < lastDay+1) {
		return "", false
	}
	const day = 24 * 60 * 60
	seconds := int(math.Round(days * day))
	if format == clock && days < 1 {
		return time.Unix(int64(min(seconds, day-1)), 0).UTC().Format(time.TimeOnly), true
	}
	begin := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	n := seconds / day
	switch {
	case from04:
		begin = begin.AddDate(0, 0, 1462)
	case days < 1, n == 60, n < 60 && format == clock:
		return "", false
	case n < 60:
		n++ // the calendar has a day too many behind these
	}
	t := begin.AddDate(0, 0, n).Add(time.Duration(seconds%day) * time.Second)
	if t.Year() > 9999 {
		return "", false
	}
	if seconds%day == 0 {
		return t.Format(time.DateOnly), true
	}
	return t.Format(isoTime), true
}

const isoTime = "2006-01-02T15:04:05"

// isoText is a date that the workbook holds as a text already. Midnight is left out of
// it, and the day that stands before a time without one.
func isoText(s string) (string, bool) {
	for _, layout := range []string{time.DateOnly, isoTime, isoTime + "Z07:00", "2006-01-02T15:04", time.TimeOnly, "T" + time.TimeOnly} {
		t, err := time.Parse(layout, s)
		switch {
		case err != nil:
			continue
		case layout == isoTime && t.Year() == 1899:
			return t.Format(time.TimeOnly), true
		case layout == isoTime && t.Equal(t.Truncate(24*time.Hour)):
			return t.Format(time.DateOnly), true
		}
		return s, true
	}
	return "", false
}

// stored matches a number: its sign, digits, and the exponent with its own sign.
var stored = regexp.MustCompile(`^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?)(\d{1,3}))?$`)

// maxShift bounds the exponents that are written as digits.
const maxShift = 30

// storedNumber is a number as JSON writes it, with all digits that are stored. What is a
// whole number has neither a decimal point nor an exponent, unless it has fewer digits
// than the number is long: 4.9E+11 can be any number near it. Java writes such numbers
// as well, but all their digits, and the exponent without a plus.
func storedNumber(s string) (string, bool) {
	if len(s) < 16 && s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == "" {
		return s, true // most of them
	}
	m := stored.FindStringSubmatch(s)
	if m == nil || m[2]+m[3] == "" {
		return "", false
	}
	sign, digits, fraction := strings.TrimPrefix(m[1], "+"), strings.TrimLeft(m[2], "0"), m[3]
	shift, _ := strconv.Atoi(m[4] + m[5])
	if shift < 0 || shift > maxShift || m[4] == "+" && shift > len(fraction) {
		if fraction != "" {
			fraction = "." + fraction
		}
		return fmt.Sprintf("%s%sE%s%s", sign, orZero(digits)+fraction, m[4], m[5]), true
	}
	fraction += strings.Repeat("0", max(0, shift-len(fraction)))
	digits, fraction = strings.TrimLeft(digits+fraction[:shift], "0"), fraction[shift:]
	switch {
	case strings.Trim(fraction, "0") != "":
		return sign + shortest(orZero(digits)+"."+fraction), true
	case digits == "":
		return "0", true
	}
	return sign + digits, true
}

func orZero(digits string) string {
	if digits == "" {
		return "0"
	}
	return digits
}

// shortest is the same number as Excel shows it where that says all of it: Excel stores
// 4.35 as 4.3499999999999996, because both are the same number to it.
func shortest(s string) string {
	const sure = 15 // digits that a number of Excel has
	significant := func(s string) int { return len(strings.TrimLeft(strings.Replace(s, ".", "", 1), "0")) }
	if significant(s) <= sure {
		return s
	}
	x, err := strconv.ParseFloat(s, 64)
	short := strconv.FormatFloat(x, 'f', -1, 64)
	if err == nil && strings.Contains(short, ".") && significant(short) <= sure {
		return short
	}
	return s
}
