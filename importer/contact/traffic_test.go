package contact

import (
	"math"
	"testing"
	"time"
)

func TestTrafficMeter(t *testing.T) {
	var m TrafficMeter
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m.Begin(start)
	for range 3 {
		m.Observe("create", 201, 80*time.Millisecond)
	}
	m.Observe("list", 200, 0)
	m.Observe("create", 429, time.Hour)
	got, any := m.Cut(start.Add(time.Second))
	if !any || !got.From.Equal(start) || !got.To.Equal(start.Add(time.Second)) {
		t.Fatalf("%+v, %v", got, any)
	}
	want := []RequestCount{{"create", 201, 3}, {"create", 429, 1}, {"list", 200, 1}}
	for i, c := range got.Requests {
		if c != want[i] {
			t.Errorf("count %d is %+v, want %+v", i, c, want[i])
		}
	}
	if len(got.Latency) != 3 {
		t.Fatalf("latencies %v", got.Latency)
	}
	if at := got.Latency[1]; at[1] != 3 || at[0] < 80 || at[0] > 80*math.Exp2(1.0/boundsPerDouble) {
		t.Errorf("80 ms are counted as %v", at)
	}
	if _, any := m.Cut(start.Add(2 * time.Second)); any {
		t.Error("the second cut counts what the first did")
	}
}
