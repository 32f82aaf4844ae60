package journal

import (
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

// Whatever stands in a line, and however long it is, a Reader takes what was written, and the run that resumes
// from it knows what it has to. Control characters take six bytes each.
func TestNoLineIsLongerThanAReaderTakes(t *testing.T) {
	long := strings.Repeat("\x01", maxLine/2)
	for name, stretch := range map[string]func(o *contact.Outcome){
		"contact ids": func(o *contact.Outcome) { o.Row.Profile.ContactIDs = []string{"a", long, "b"} },
		"field":       func(o *contact.Outcome) { o.Failure.Field = long },
		"detail":      func(o *contact.Outcome) { o.Failure.Detail = long + "the end" },
		"trace id":    func(o *contact.Outcome) { o.Failure.TraceID = long },
		"hint":        func(o *contact.Outcome) { o.Failure.Hint = long + "the end" },
		"doubt":       func(o *contact.Outcome) { o.Doubt = long },
		"what an update took away": func(o *contact.Outcome) {
			o.Previous = &contact.Profile{Fields: []contact.Field{{Name: "notes", Value: []byte(`"` + strings.Repeat("x", maxLine) + `"`)}}}
		},
		"a year": func(o *contact.Outcome) { o.Changed = time.Unix(1<<60, 0) },
		"text that is no UTF-8": func(o *contact.Outcome) {
			o.Failure.Detail, o.Row.Source = "\xff", "\xff"
			o.Previous = &contact.Profile{Fields: []contact.Field{{Name: "\xff", Value: []byte(`{"\ud800":"\udfff"}`)}, {Name: "x", Value: []byte("\"\xff\"")}}}
		},
		"everything": func(o *contact.Outcome) {
			o.Row.Profile.ContactIDs, o.Doubt = []string{long}, long
			o.Failure = &contact.Failure{HTTP: 400, Field: long, Detail: long, TraceID: long, Hint: long}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := reportPath(t)
			r := begun(t, path, options())
			must(t, r.Sending(keys("a")))
			row := outcome("a", contact.Rejected)
			stretch(row)
			must(t, r.Append(row))
			must(t, r.End(contact.Summary{Status: contact.Stopped, Reason: long}))
			must(t, r.Close())
			var last *contact.Outcome
			for o, err := range Outcomes(Files{}, path) {
				must(t, err)
				last = o
			}
			if last == nil || last.Status != contact.Rejected || last.Failure.HTTP != 400 || last.Row.Line != 2 {
				t.Fatalf("the row came back as %+v", last)
			}
			if detail := last.Failure.Detail; strings.HasSuffix(row.Failure.Detail, "the end") && !strings.HasSuffix(detail, "the end") {
				t.Errorf("the end of the detail is missing: %q", detail[max(0, len(detail)-20):])
			}
			if got := open(t, path, options()).Keys().Status(key("a")); got != contact.Rejected {
				t.Errorf("resumed as %v", got)
			}
		})
	}
}

// A run whose first line nobody could read does not begin.
func TestTooLongForAFirstLine(t *testing.T) {
	o := options()
	o.Header.Sources = []string{strings.Repeat("x", maxLine)}
	r := open(t, reportPath(t), o)
	if err := r.Begin(); err == nil || !strings.Contains(err.Error(), "are there too many sources") {
		t.Errorf("begun: %v", err)
	}
}
