package dates

import (
	"regexp"
	"strings"
	"time"
)

// An Order says which of two numbers is the day.
type Order uint8

const (
	Unsettled Order = iota
	DayFirst
	MonthFirst
)

// Forms is how the birthdays of a column are written, as far as a sample tells.
// Where it does not tell, a value that can be read in two ways is left out.
type Forms struct {
	Order     Order
	Dots      Order  // where dots stand between: the day is first unless a value says otherwise
	YearFirst bool   // two digits of a year may stand in front
	Numbers   string // the named layout of those that are numbers; empty: they are no dates
}

// threeNumbers is a date that does not begin with all digits of a year.
var threeNumbers = regexp.MustCompile(`^(\d{1,2})([./-])(\d{1,2})([./-])(\d{4}|\d{2})$`)

// BothWays reads three numbers with the day first, and with the month first; the zero
// time where it is no date.
func BothWays(s string) (byDay, byMonth time.Time, short, ok bool) {
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
			t, _ = LastPast(onDay(t, at), short)
		}
		return t
	}
	return read("2/1/"), read("1/2/"), short, true
}

// Birthday reads a birthday, with the layouts of the mapping if there are any; why says
// why it is none, without the value. A workbook, and JSON, may hold it as a number.
func Birthday(s string, isNumber bool, layouts []string, forms Forms) (t time.Time, why string) {
	t, why = readBirthday(s, isNumber, layouts, forms)
	if why == "" && t.Year() < 1900 {
		why = "it lies before the year 1900"
	}
	if _, past := LastPast(t, false); why == "" && !past {
		why = "it lies in the future"
	}
	return t, why
}

func readBirthday(s string, isNumber bool, layouts []string, forms Forms) (t time.Time, why string) {
	t, short, ok := ByLayout(s, layouts)
	if ok {
		t, _ = LastPast(t, short)
		return t, ""
	}
	if byDay, byMonth, short, ok := BothWays(s); ok {
		return oneOf(byDay, byMonth, short && forms.YearFirst, forms.order(s))
	}
	if t, short, ok := Plain(s); ok {
		t, _ = LastPast(t, short)
		return t, ""
	}
	numbers := forms.Numbers
	if isNumber && numbers == "" {
		numbers = numberForm(s)
	}
	if numbers != "" && numberForm(s) == numbers {
		t, _ := Number(s, numbers)
		return t, ""
	}
	return t, "it is not a date in a form that is known"
}

// order is the one in which three numbers are read.
func (f Forms) order(s string) Order {
	if HasDots(s) {
		return max(f.Dots, DayFirst)
	}
	return f.Order
}

// ByOrder is the order by which a birthday was read, with these layouts and forms, and
// whether the value itself has the other one; Unsettled where no order was needed.
func ByOrder(s string, layouts []string, forms Forms) (o Order, against bool) {
	byDay, byMonth, _, ok := BothWays(s)
	o = forms.order(s)
	if named := layoutOrder(layouts); named != Unsettled && !HasDots(s) {
		o = named
	}
	switch {
	case !ok || byDay.Equal(byMonth):
		return Unsettled, false
	case o == DayFirst && byDay.IsZero(), o == MonthFirst && byMonth.IsZero():
		return o, true
	case byDay.IsZero() || byMonth.IsZero():
		return Unsettled, false
	}
	return o, false
}

// layoutOrder is the order of the first layout of three numbers without dots.
func layoutOrder(layouts []string) Order {
	for _, l := range layouts {
		switch l = strings.ReplaceAll(l, "-", "/"); {
		case strings.HasPrefix(l, "2/1/"), strings.HasPrefix(l, "02/01/"):
			return DayFirst
		case strings.HasPrefix(l, "1/2/"), strings.HasPrefix(l, "01/02/"):
			return MonthFirst
		}
	}
	return Unsettled
}

// String is the order for people.
func (o Order) String() string { return [...]string{"neither", "the day", "the month"}[o] }

// HasDots tells whether there are dots between three numbers.
func HasDots(date string) bool { return strings.Contains(date[:min(3, len(date))], ".") }

// oneOf chooses between two ways to read a date.
func oneOf(byDay, byMonth time.Time, yearFirst bool, o Order) (t time.Time, why string) {
	switch {
	case byDay.IsZero() && byMonth.IsZero():
		return t, "it is not a date"
	case yearFirst:
		return t, "its two digits of a year may stand in front or behind"
	case byMonth.IsZero(), byDay.Equal(byMonth), !byDay.IsZero() && o == DayFirst:
		return byDay, ""
	case byDay.IsZero(), o == MonthFirst:
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
	t, ok := Number(s, layout)
	if _, past := LastPast(t, false); !ok || !past || t.Year() < 1900 || layout == "excel" && t.Year() < 1906 {
		return ""
	}
	return layout
}

// A Sample counts how the values of a column can be read.
type Sample struct {
	values        int
	slashes, dots orders
	yearFirst     bool
	numbers       map[string]int // by named layout
}

// orders count what can be read in one order only.
type orders struct{ byDay, byMonth int }

func (o orders) mostly() Order {
	switch settled := o.byDay + o.byMonth; {
	case Mostly(o.byDay, settled):
		return DayFirst
	case Mostly(o.byMonth, settled):
		return MonthFirst
	}
	return Unsettled
}

var yearInFront = regexp.MustCompile(`^(3[2-9]|[4-9]\d)[./-]\d{1,2}[./-]\d{1,2}\b`)

// Add adds a value.
func (d *Sample) Add(s string) {
	d.values++
	d.yearFirst = d.yearFirst || yearInFront.MatchString(s)
	if byDay, byMonth, _, ok := BothWays(s); ok && byDay.IsZero() != byMonth.IsZero() {
		orders := &d.slashes
		if HasDots(s) {
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

// Mixed tells whether some values have the day first and some the month, and neither
// are few.
func (d *Sample) Mixed() bool {
	return d.slashes.byDay > 0 && d.slashes.byMonth > 0 && d.slashes.mostly() == Unsettled
}

// Mostly tells whether so many fit that a column is of a kind.
func Mostly(n, of int) bool { return n > 0 && n*10 >= of*9 }

// Forms are how the values are written.
func (d *Sample) Forms() (f Forms) {
	f.Order, f.Dots, f.YearFirst = d.slashes.mostly(), d.dots.mostly(), d.yearFirst
	for form, n := range d.numbers {
		if Mostly(n, d.values) {
			f.Numbers = form
		}
	}
	return f
}
