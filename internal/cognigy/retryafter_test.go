package cognigy

import (
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		value, date string
		want        time.Duration
		ok          bool
	}{
		{"7", "", 7 * time.Second, true},
		{" 7 ", "", 7 * time.Second, true},
		{"0", "", 0, true},
		{"0.5", "", 500 * time.Millisecond, true},
		{"-5", "", 0, false},
		{"259200", "", 72 * time.Hour, true},
		{"99999999999999999999999", "", 1<<63 - 1, true},
		{strings.Repeat("9", 400), "", 1<<63 - 1, true},
		{"inf", "", 0, false},
		{"soon", "", 0, false},
		{"1.2.3", "", 0, false},
		{"", "", 0, false},
		{"Fri, 01 May 2026 12:00:30 GMT", "", 30 * time.Second, true},
		{"Fri, 01 May 2026 12:00:30 GMT", "Fri, 01 May 2026 12:00:20 GMT", 10 * time.Second, true},
		{"Fri, 01 May 2026 12:00:30 GMT", "today", 30 * time.Second, true},
		{"Friday, 01-May-26 12:00:30 GMT", "", 30 * time.Second, true},
		{"Fri, 01 May 2026 11:00:00 GMT", "", 0, true},
		{"1777636830", "", 30 * time.Second, true}, // Unix time
		{"1777636830.5", "", 30500 * time.Millisecond, true},
		{"1777636830", "Fri, 01 May 2026 12:00:20 GMT", 10 * time.Second, true},
		{"1777636830000", "", 30 * time.Second, true},
		{"1777636000", "", 0, true},
		{"999999999", "", 999999999 * time.Second, true},
		{"99999999999", "", 1<<63 - 1, true},
	}
	for _, tt := range tests {
		got, ok := parseRetryAfter(tt.value, tt.date, now)
		if got != tt.want || ok != tt.ok {
			t.Errorf("parseRetryAfter(%q, %q) = %v, %v; want %v, %v", tt.value, tt.date, got, ok, tt.want, tt.ok)
		}
	}
}
