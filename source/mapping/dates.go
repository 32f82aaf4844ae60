package mapping

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// namedLayouts are dates that are numbers.
var namedLayouts = map[string]func(n float64) time.Time{
	"excel": func(days float64) time.Time { // since 1899-12-30, as spreadsheets count them
		const to1970, secondsPerDay = 25569, 24 * 60 * 60
		return time.Unix(int64(math.Round((days-to1970)*secondsPerDay)), 0)
	},
	"unix":    func(seconds float64) time.Time { return time.Unix(int64(seconds), 0) },
	"unix_ms": func(ms float64) time.Time { return time.UnixMilli(int64(ms)) },
}

// The usual layouts of a date, where the mapping names none.
var isoLayouts = []string{time.DateOnly, time.RFC3339, time.DateTime, "2006-01-02T15:04:05"}

var layoutTokens = strings.NewReplacer(
	"YYYY", "2006", "YY", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M", "1",
	"DD", "02", "D", "2", "HH", "15", "hh", "03", "mm", "04", "ss", "05", "AM", "PM", "PM", "PM")

// goLayout turns a pattern such as DD.MM.YYYY into a layout of the package time,
// to read dates by.
func goLayout(pattern string) (string, error) {
	if namedLayouts[pattern] != nil {
		return pattern, nil
	}
	layout := layoutTokens.Replace(pattern)
	// A pattern that does not give back its own date is not one.
	day := time.Date(2011, time.December, 13, 0, 0, 0, 0, time.UTC)
	if t, err := time.Parse(layout, day.Format(layout)); err != nil || !t.Equal(day) || strings.Contains(pattern, "2006") {
		return "", fmt.Errorf("is %q; want a pattern of YYYY or YY, MM or M, DD or D and, where there is a time, HH, mm and ss, such as DD.MM.YYYY, or one of excel, unix and unix_ms", pattern)
	}
	return layout, nil
}

// outputLayout is a pattern to write dates by. It may leave parts of the date out.
func outputLayout(pattern string) (string, error) {
	layout := layoutTokens.Replace(pattern)
	if layout == pattern || namedLayouts[pattern] != nil {
		return "", fmt.Errorf("is %q; want a pattern such as DD.MM.YYYY", pattern)
	}
	return layout, nil
}

func dateOf(s string, o *options) (time.Time, *Fault) {
	layouts := o.layouts
	if len(layouts) == 0 {
		layouts = isoLayouts
	}
	for _, layout := range layouts {
		if read := namedLayouts[layout]; read != nil {
			if t, ok := numberedDate(s, read); ok {
				return t, nil
			}
		} else if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	hint := "correct the date, or add its pattern to layouts in the mapping"
	if len(o.layouts) == 0 {
		hint = "write it as 2026-01-31, or name its pattern in layouts in the mapping"
	}
	return time.Time{}, &Fault{Reason: fmt.Sprintf("%s is not a date in the form that is expected", Show(s)), Hint: hint}
}

// noDate reports what programs write where there is no date, such as 0/0/00 or
// 0000-00-00.
func noDate(s string) bool {
	return strings.Trim(s, "0/.- ") == "" && strings.Contains(s, "0")
}

// numberedDate reads a date that is a number, from the years 1 to 9999.
func numberedDate(s string, read func(float64) time.Time) (time.Time, bool) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > 1e14 { // days of which still fit in seconds
		return time.Time{}, false
	}
	t := read(n).UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}
