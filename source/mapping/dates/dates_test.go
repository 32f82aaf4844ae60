package dates

import (
	"testing"
	"time"
)

// atDay sets today for a test.
func atDay(t *testing.T, day string) {
	t.Helper()
	now, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	before := today
	today = func() time.Time { return now }
	t.Cleanup(func() { today = before })
}

// Dates that can be read in one way only need no layout.
func TestPlainDates(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-31":                        "2026-01-31T00:00:00Z",
		"2026-1-31":                         "2026-01-31T00:00:00Z",
		"2026-01-31T09:00:00.000Z":          "2026-01-31T09:00:00Z",
		"2026-01-31T09:00:00+02:00":         "2026-01-31T09:00:00+02:00",
		"2026-01-31T09:00:00.123456+0200":   "2026-01-31T09:00:00+02:00",
		"2026-01-31 09:00:00,5 +02":         "2026-01-31T09:00:00+02:00",
		"2026-01-31 09:00":                  "2026-01-31T09:00:00Z",
		"2026-01-31 09:00:00 UTC":           "2026-01-31T09:00:00Z",
		"2026/01/31 9:00 PM":                "2026-01-31T21:00:00Z",
		"20260131":                          "2026-01-31T00:00:00Z",
		"31.01.26":                          "2026-01-31T00:00:00Z",
		"31.1.2026 9:05:06":                 "2026-01-31T09:05:06Z",
		"January 31, 2026":                  "2026-01-31T00:00:00Z",
		"jan 31, 2026, 12:30 a.m.":          "2026-01-31T00:30:00Z",
		"31 January 2026 3:04\u202fpm":      "2026-01-31T15:04:00Z",
		"31. January 2026":                  "2026-01-31T00:00:00Z",
		"31-Jan-26":                         "2026-01-31T00:00:00Z",
		"31.02.2026":                        "", // is not the third of March
		"2025-02-29":                        "",
		"2026-13-01":                        "",
		"1/2/2026":                          "",
		"2026":                              "",
		"31":                                "",
		"12345678":                          "",
		"2026-01-31 25:00":                  "",
		"2026-01-31 9:00 XM":                "",
		"2026-01-31T09:00:00Z and one more": "",
		"9:00":                              "",
		"":                                  "",
	} {
		got := ""
		if d, _, ok := Plain(in); ok {
			got = d.Truncate(time.Second).Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestLayouts(t *testing.T) {
	atDay(t, "2026-06-30")
	for _, tt := range []struct{ layout, in, want string }{
		{"M/D/YYYY hh:mm AM", "1/31/2026 9:05 PM", "2026-01-31"},
		{"M/D/YYYY hh:mm AM", "1/31/2026 09:05 am", "2026-01-31"},
		{"M/D/YYYY h:mm:ss A", "1/31/2026 9:05:06 PM", "2026-01-31"},
		{"MMM D, YYYY h:mm A", "Jan 31, 2026 9:05 pm", "2026-01-31"},
		{"DD.MM.YYYY HH:mm [Uhr]", "", ""},
		{"DD.MM.YYYY HH:mm Uhr", "31.01.2026 09:05 Uhr", "2026-01-31"},
		{"M/D/YY", "3/14/52", "1952-03-14"},
		{"M/D/YY", "6/30/26", "2026-06-30"},
		{"M/D/YY", "7/2/26", "1926-07-02"},
		{"D/M/YYYY", "31/12/2030", ""}, // in the future
		{"excel", "30742", "1984-03-01"},
		{"excel", "30742.75", "1984-03-01"},
		{"excel", "1984", ""}, // a year
		{"excel", "31", ""},   // a day
		{"excel", "3e4", ""},
		{"excel", "99999", ""},
		{"unix_ms", "446860800000", "1984-02-29"},
		{"unix_ms", "-61516800000", "1968-01-20"},
		{"unix_ms", "446860800", ""}, // seconds
		{"unix", "446860800", "1984-02-29"},
		{"unix", "1984", ""},
		{"unix", "19840229", ""},
	} {
		layout, err := Layout(tt.layout)
		if err != nil {
			if tt.in != "" {
				t.Error(err)
			}
			continue
		}
		got := ""
		if d, short, ok := ByLayout(tt.in, []string{layout}); ok {
			if d, past := LastPast(d, short); past {
				got = d.Format(time.DateOnly)
			}
		}
		if got != tt.want {
			t.Errorf("%q by %s: %s, want %s", tt.in, tt.layout, got, tt.want)
		}
	}
}
