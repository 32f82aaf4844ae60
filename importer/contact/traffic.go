package contact

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

// Traffic is what was sent to the API over a while, and how fast the answers
// came: the line of that kind in the report.
type Traffic struct {
	From     time.Time
	To       time.Time
	Requests []RequestCount
	// Latency counts the requests by how long they took, in milliseconds: pairs of
	// an upper bound and the requests between the bound before and this one.
	Latency [][2]float64
}

// A RequestCount counts the requests of one operation that got one answer.
type RequestCount struct {
	Operation string `json:"op"`   // such as "create"
	Status    int    `json:"code"` // HTTP status; 0 where there was no answer
	N         int64  `json:"n"`
}

// Compare is negative where r comes before another count: by operation, then by status.
func (r RequestCount) Compare(other RequestCount) int {
	return cmp.Or(cmp.Compare(r.Operation, other.Operation), cmp.Compare(r.Status, other.Status))
}

// A TrafficMeter counts requests as they are answered. The zero value is ready.
// Its methods may be called from several goroutines.
type TrafficMeter struct {
	mu      sync.Mutex
	from    time.Time
	counts  []RequestCount // few: one for each operation and status
	latency [latencyBounds]int64
}

// Latencies are counted between bounds that grow by a twelfth of a power of two,
// so that a percentile is exact to 6 %: from 0.1 ms to some minutes.
const (
	latencyBounds   = 256
	boundsPerDouble = 12
	minLatency      = 0.1 // ms
)

func latencyBound(i int) float64 {
	ms := minLatency * math.Exp2(float64(i)/boundsPerDouble)
	return math.Round(ms*1000) / 1000
}

// Begin sets the time that the first Cut counts from.
func (m *TrafficMeter) Begin(now time.Time) {
	m.mu.Lock()
	m.from = now
	m.mu.Unlock()
}

// Observe counts one request: what it was, the status of its answer, 0 for none,
// and how long that took.
func (m *TrafficMeter) Observe(operation string, status int, took time.Duration) {
	ms := float64(took) / float64(time.Millisecond)
	bound := 0
	if ms > minLatency {
		bound = min(latencyBounds-1, int(math.Ceil(math.Log2(ms/minLatency)*boundsPerDouble)))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latency[bound]++
	for i := range m.counts {
		if c := &m.counts[i]; c.Status == status && c.Operation == operation {
			c.N++
			return
		}
	}
	m.counts = append(m.counts, RequestCount{operation, status, 1})
}

// Cut returns what was counted since the last Cut, and begins anew. It is false
// where there was nothing.
func (m *TrafficMeter) Cut(now time.Time) (Traffic, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := Traffic{From: m.from, To: now, Requests: m.counts}
	for i, n := range m.latency {
		if n > 0 {
			t.Latency = append(t.Latency, [2]float64{latencyBound(i), float64(n)})
		}
	}
	m.from, m.counts, m.latency = now, nil, [latencyBounds]int64{}
	slices.SortFunc(t.Requests, RequestCount.Compare)
	return t, len(t.Requests) > 0
}
