package cognigy

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestClockSkew(t *testing.T) {
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	ahead := 3 * time.Hour
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Date", date(ahead)); w.WriteHeader(204) })
	if _, _, ok := c.ClockSkew(); ok {
		t.Error("known before any answer")
	}
	if err := c.Delete(context.Background(), profileID); err != nil {
		t.Fatal(err)
	}
	least, most, ok := c.ClockSkew()
	if !ok || least > ahead || most < ahead || most-least > 2*time.Second {
		t.Errorf("skew %v to %v, %v; want %v within a second", least, most, ok, ahead)
	}
}

func TestSkewNarrows(t *testing.T) {
	var s skew
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	const skewed = 1700 * time.Millisecond
	learn := func(after time.Duration, ahead time.Duration) {
		began := start.Add(after)
		at := began.Add(20 * time.Millisecond).Add(ahead)
		s.learn(at.Truncate(time.Second).Format(http.TimeFormat), began, began.Add(40*time.Millisecond))
	}
	estimate := func() (time.Duration, bool) {
		lo, hi, ok := s.bounds()
		return (lo + hi) / 2, ok
	}
	for i := range 20 {
		learn(time.Duration(i)*1130*time.Millisecond, skewed)
	}
	if got, _ := estimate(); (got - skewed).Abs() > 200*time.Millisecond {
		t.Errorf("skew %v, want about %v", got, skewed)
	}
	learn(time.Minute, -time.Hour) // somebody set the clock
	if got, _ := estimate(); (got + time.Hour).Abs() > time.Second {
		t.Errorf("skew %v, want about -1h", got)
	}
	s.learn("yesterday", start.Add(2*time.Minute), start.Add(2*time.Minute))
	s.learn("", start.Add(3*time.Minute), start.Add(3*time.Minute))
	if got, ok := estimate(); !ok || (got+time.Hour).Abs() > time.Second {
		t.Errorf("skew %v, %v after garbage", got, ok)
	}
}
