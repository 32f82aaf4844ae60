package contact

import (
	"cmp"
	"maps"
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
	counts  []RequestCount    // few: one for each operation and status
	latency map[float64]int64 // by latencyBound
}

// Latencies are counted between bounds that grow by a twelfth of a power of two,
// so that a percentile is exact to 6 %.
const (
	boundsPerDouble = 12
	minLatency      = 0.1 // ms
)

// latencyBound is the lowest bound that is not below a latency, in milliseconds.
func latencyBound(took time.Duration) float64 {
	times := took.Seconds() * 1000 / minLatency
	bound := math.Ceil(boundsPerDouble * math.Log2(max(1, times)))
	return math.Round(1000*minLatency*math.Exp2(bound/boundsPerDouble)) / 1000
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
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latency == nil {
		m.latency = make(map[float64]int64)
	}
	m.latency[latencyBound(took)]++
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
	for _, bound := range slices.Sorted(maps.Keys(m.latency)) {
		t.Latency = append(t.Latency, [2]float64{bound, float64(m.latency[bound])})
	}
	m.from, m.counts, m.latency = now, nil, nil
	slices.SortFunc(t.Requests, RequestCount.Compare)
	return t, len(t.Requests) > 0
}
