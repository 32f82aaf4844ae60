// Package dates reads dates as people and programs write them.
package dates

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// namedLayouts are dates that are numbers: false where a number is rather something
// else, such as a year or the day of a month.
var namedLayouts = map[string]func(n float64) (time.Time, bool){
	"excel": func(days float64) (time.Time, bool) { // since 1899-12-30, as spreadsheets count them
		const to1970, secondsPerDay = 25569, 24 * 60 * 60
		isYear := days == math.Trunc(days) && days >= 1900 && days <= 2100
		return time.Unix(int64(math.Round((days-to1970)*secondsPerDay)), 0), days > 31 && days <= 80_000 && !isYear
	},
	"unix":    func(s float64) (time.Time, bool) { return time.Unix(int64(s), 0), math.Abs(s) >= 1e8 },
	"unix_ms": func(ms float64) (time.Time, bool) { return time.UnixMilli(int64(ms)), math.Abs(ms) >= 1e10 },
}

// plainLayouts are dates that can be read in one way only, where the mapping names no
// layouts. A time may stand behind them, as clockPattern has it.
var plainLayouts = []string{"2006-1-2", "2.1.2006", "2006/1/2", "2006.1.2", "20060102", "2.1.06", "January 2, 2006", "Jan 2, 2006",
	"2 January 2006", "2 Jan 2006", "2. January 2006", "2-Jan-2006", "2-Jan-06", "January 2 2006", "Jan 2 2006", "2-January-2006"}

// clockPattern is a day, and the time behind it: 24 hours or AM and PM, with or without a zone.
var clockPattern = regexp.MustCompile(`^(.*?[^T\s,])(?:T|,?\s+)(\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)[\s\x{a0}\x{202f}]*(?:([AaPp])\.?[Mm]\.?)?\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?$`)

// splitClock takes the time off a date. Without one it is midnight UTC.
func splitClock(s string) (day string, at time.Time, ok bool) {
	if !strings.Contains(s, ":") {
		return s, time.Time{}, true
	}
	m := clockPattern.FindStringSubmatch(s)
	if m == nil {
		return s, time.Time{}, false
	}
	layout, clock := "15:04", m[2]
	if strings.Count(clock, ":") == 2 {
		layout += ":05"
	}
	if m[3] != "" {
		layout, clock = strings.Replace(layout, "15", "3", 1)+"PM", clock+strings.ToUpper(m[3])+"M"
	}
	if zone := strings.ReplaceAll(m[4], ":", ""); strings.ContainsAny(zone, "+-") {
		layout, clock = layout+"-0700", clock+(zone + "00")[:5]
	}
	at, err := time.Parse(layout, clock)
	return m[1], at, err == nil
}

// Plain reads a date that can be read in one way only. Two digits of a year are
// those of the last century or of this one; short tells that there were two.
func Plain(s string) (t time.Time, short, ok bool) {
	day, at, ok := splitClock(s)
	if !ok {
		return time.Time{}, false, false
	}
	for _, layout := range plainLayouts {
		t, err := time.Parse(layout, day)
		if err != nil || layout == "20060102" && (t.Year() < 1900 || t.Year() > 2100) {
			continue
		}
		return onDay(t, at), !strings.Contains(layout, "2006"), true
	}
	return time.Time{}, false, false
}

func onDay(t, at time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), at.Location())
}

// A replacer compares in this order where several fit.
var layoutTokens = strings.NewReplacer(
	"YYYY", "2006", "YY", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M", "1",
	"DD", "02", "D", "2", "HH", "15", "H:", "15:", "hh", "03", "h:", "3:", "mm", "04", "ss", "05", "AM", "PM", "PM", "PM", "A", "PM")

// Layout turns a pattern such as DD.MM.YYYY into a layout of the package time,
// to read dates by.
func Layout(pattern string) (string, error) {
	if namedLayouts[pattern] != nil {
		return pattern, nil
	}
	layout := strings.Replace(layoutTokens.Replace(pattern), "03", "3", 1) // 9:05 AM is read by hh:mm A, too
	// A pattern that does not give back its own date is not one.
	day := time.Date(2011, time.December, 13, 0, 0, 0, 0, time.UTC)
	if t, err := time.Parse(layout, day.Format(layout)); err != nil || !t.Equal(day) || strings.Contains(pattern, "2006") {
		return "", fmt.Errorf("is %q; want a pattern of YYYY or YY, MM or M, DD or D and, where there is a time, HH, mm and ss, or hh, mm, ss and A, such as DD.MM.YYYY, or one of excel, unix and unix_ms", pattern)
	}
	return layout, nil
}

// OutputLayout is a pattern to write dates by. It may leave parts of the date out.
func OutputLayout(pattern string) (string, error) {
	layout := layoutTokens.Replace(pattern)
	if layout == pattern || namedLayouts[pattern] != nil {
		return "", fmt.Errorf("is %q; want a pattern such as DD.MM.YYYY", pattern)
	}
	return layout, nil
}

// ByLayout reads a date by the first layout that fits.
func ByLayout(s string, layouts []string) (t time.Time, short, ok bool) {
	for _, layout := range layouts {
		in := s
		if strings.Contains(layout, "PM") {
			in = strings.ToUpper(in) // names of months are read in capitals, too
		}
		if namedLayouts[layout] != nil {
			if t, ok := Number(s, layout); ok {
				return t, false, true
			}
		} else if t, err := time.Parse(layout, in); err == nil {
			return t, strings.Contains(layout, "06") && !strings.Contains(layout, "2006"), true
		}
	}
	return time.Time{}, false, false
}

// today is replaced in tests.
var today = time.Now

// LastPast is a date that lies behind us; with two digits of a year the last that does.
// Somewhere it is tomorrow already.
func LastPast(t time.Time, short bool) (time.Time, bool) {
	tomorrow := today().UTC().AddDate(0, 0, 1)
	if short && t.After(tomorrow) {
		t = t.AddDate(-100, 0, 0)
	}
	return t, !t.After(tomorrow)
}

// None reports what programs write where there is no date, such as 0/0/00 or
// 0000-00-00.
func None(s string) bool {
	return strings.Trim(s, "0/.- ") == "" && strings.Contains(s, "0")
}

var plainNumber = regexp.MustCompile(`^-?\d{1,14}(\.\d+)?$`)

// Number reads a date that is a number, from the years 1 to 9999.
func Number(s, layout string) (time.Time, bool) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !plainNumber.MatchString(s) {
		return time.Time{}, false
	}
	t, ok := namedLayouts[layout](n)
	t = t.UTC()
	return t, ok && t.Year() >= 1 && t.Year() <= 9999
}
