package mapping

import (
	"regexp"
	"strings"
	"time"
)

// An order says which of two numbers is the day.
type order uint8

const (
	unsettled order = iota
	dayFirst
	monthFirst
)

// dateForms is how the birthdays of a column are written, as far as a sample tells.
// Where it does not tell, a value that can be read in two ways is left out.
type dateForms struct {
	order     order
	dots      order  // where dots stand between: the day is first unless a value says otherwise
	yearFirst bool   // two digits of a year may stand in front
	numbers   string // the named layout of those that are numbers; empty: they are no dates
}

// threeNumbers is a date that does not begin with all digits of a year.
var threeNumbers = regexp.MustCompile(`^(\d{1,2})([./-])(\d{1,2})([./-])(\d{4}|\d{2})$`)

// bothWays reads three numbers with the day first, and with the month first; the zero
// time where it is no date.
func bothWays(s string) (byDay, byMonth time.Time, short, ok bool) {
	day, at, ok := splitClock(s)
	m := threeNumbers.FindStringSubmatch(day)
	if !ok || m == nil || m[2] != m[4] {
		return time.Time{}, time.Time{}, false, false
	}
	year := "2006"
	if short = len(m[5]) == 2; short {
		year = "06"
	}
	read := func(layout string) time.Time {
		t, err := time.Parse(layout+year, m[1]+"/"+m[3]+"/"+m[5])
		if err == nil {
			t, _ = lastPast(onDay(t, at), short)
		}
		return t
	}
	return read("2/1/"), read("1/2/"), short, true
}

// birthdayOf reads a birthday. The reason of its fault does not quote the value: it is
// told of many rows at once.
func birthdayOf(s string, isNumber bool, o *options) (string, *Fault) {
	t, why := readBirthday(s, isNumber, o)
	if why == "" && t.Year() < 1900 {
		why = "it lies before the year 1900"
	}
	if _, past := lastPast(t, false); why == "" && !past {
		why = "it lies in the future"
	}
	if why != "" {
		return "", &Fault{Reason: why, Hint: "write it as 1984-02-29, or name its pattern in layouts in the mapping, such as D/M/YYYY"}
	}
	return t.Format(o.layout), nil
}

func readBirthday(s string, isNumber bool, o *options) (t time.Time, why string) {
	t, short, ok := layoutDate(s, o.layouts)
	if ok {
		t, _ = lastPast(t, short)
		return t, ""
	}
	if byDay, byMonth, short, ok := bothWays(s); ok {
		order := o.forms.order
		if hasDots(s) {
			order = max(o.forms.dots, dayFirst)
		}
		return inOrder(byDay, byMonth, short && o.forms.yearFirst, order)
	}
	if t, short, ok := plainDate(s); ok {
		t, _ = lastPast(t, short)
		return t, ""
	}
	numbers := o.forms.numbers
	if isNumber && numbers == "" {
		numbers = numberForm(s)
	}
	if numbers != "" && numberForm(s) == numbers {
		t, _ := numberedDate(s, numbers)
		return t, ""
	}
	return t, "it is not a date in a form that is known"
}

func hasDots(date string) bool { return strings.Contains(date[:min(3, len(date))], ".") }

// inOrder chooses between two ways to read a date.
func inOrder(byDay, byMonth time.Time, yearFirst bool, o order) (t time.Time, why string) {
	switch {
	case byDay.IsZero() && byMonth.IsZero():
		return t, "it is not a date"
	case yearFirst:
		return t, "its two digits of a year may stand in front or behind"
	case byMonth.IsZero(), byDay.Equal(byMonth), !byDay.IsZero() && o == dayFirst:
		return byDay, ""
	case byDay.IsZero(), o == monthFirst:
		return byMonth, ""
	}
	return t, "the day or the month may stand first in it"
}

// numberForm is the named layout of a number that is surely a birthday in it: a year, a
// day, or a date without its separators is none.
func numberForm(s string) string {
	whole, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	layout := ""
	switch n := len(whole); {
	case !plainNumber.MatchString(s), strings.HasPrefix(whole, "0"):
	case n >= 11:
		layout = "unix_ms"
	case n == 10:
		layout = "unix"
	case n <= 5:
		layout = "excel"
	}
	if layout == "" {
		return ""
	}
	t, ok := numberedDate(s, layout)
	if _, past := lastPast(t, false); !ok || !past || t.Year() < 1900 || layout == "excel" && t.Year() < 1906 {
		return ""
	}
	return layout
}

// A dateSample counts how the values of a column can be read.
type dateSample struct {
	values        int
	slashes, dots orders
	yearFirst     bool
	numbers       map[string]int // by named layout
}

// orders count what can be read in one order only.
type orders struct{ byDay, byMonth int }

func (o orders) mostly() order {
	switch settled := o.byDay + o.byMonth; {
	case mostly(o.byDay, settled):
		return dayFirst
	case mostly(o.byMonth, settled):
		return monthFirst
	}
	return unsettled
}

var yearInFront = regexp.MustCompile(`^(3[2-9]|[4-9]\d)[./-]\d{1,2}[./-]\d{1,2}\b`)

func (d *dateSample) add(s string) {
	d.values++
	d.yearFirst = d.yearFirst || yearInFront.MatchString(s)
	if byDay, byMonth, _, ok := bothWays(s); ok && byDay.IsZero() != byMonth.IsZero() {
		orders := &d.slashes
		if hasDots(s) {
			orders = &d.dots
		}
		if byMonth.IsZero() {
			orders.byDay++
		} else {
			orders.byMonth++
		}
	}
	if form := numberForm(s); form != "" {
		if d.numbers == nil {
			d.numbers = make(map[string]int)
		}
		d.numbers[form]++
	}
}

// mostly is the share of values that has to fit for a column to be of a kind.
func mostly(n, of int) bool { return n > 0 && n*10 >= of*9 }

func (d *dateSample) forms() (f dateForms) {
	f.order, f.dots, f.yearFirst = d.slashes.mostly(), d.dots.mostly(), d.yearFirst
	for form, n := range d.numbers {
		if mostly(n, d.values) {
			f.numbers = form
		}
	}
	return f
}

// sampleRows is how many of the first rows of a file a plan looks at.
const sampleRows = 1000

// WantsSample tells whether the plan has something to learn from the first rows.
func (p *Plan) WantsSample() bool {
	for _, o := range p.fields {
		if o.kind == birthday {
			return true
		}
	}
	return false
}

// Sample lets the plan see the first rows of its file, to learn how the birthdays in it
// are written. It stops at the first error of next, whatever it is: who reads the rows
// meets it again.
func (p *Plan) Sample(next func(*Record) error, nullValues []string) {
	m := NewMapper("", p, nullValues)
	samples := make(map[*output]*dateSample)
	var rec Record
	for n := 0; n < sampleRows && next(&rec) == nil; n++ {
		if rec.Fault != nil || m.takeApart(&rec) != nil || m.exact {
			continue
		}
		for _, o := range p.fields {
			if o.kind != birthday {
				continue
			}
			cells, f := m.filled(o, false)
			if f != nil || len(cells) == 0 {
				continue
			}
			if samples[o] == nil {
				samples[o] = new(dateSample)
			}
			samples[o].add(strings.TrimSpace(cells[0].text))
		}
	}
	for o, d := range samples {
		o.forms = d.forms()
	}
}
