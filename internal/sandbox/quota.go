package sandbox

import (
	"math"
	"net/http"
	"sort"
	"strconv"
	"time"
)

// quotas hold, for each client address, the times of the requests that the last
// window let through. The Sandbox's mutex guards them.
type quotas struct {
	rate    Rate
	clients map[string]*ring
	swept   time.Time
}

// A ring is the last n times, the oldest at next.
type ring struct {
	times []int64 // Unix nanoseconds
	next  int
	last  int64
}

func newQuotas(rate Rate) *quotas { return &quotas{rate: rate, clients: make(map[string]*ring)} }

// take uses up one request of a client's quota. Where there is none left, it
// returns how long it is until there is; such a request costs nothing.
func (q *quotas) take(client string, now time.Time) (wait time.Duration, ok bool) {
	if q.rate.Requests == 0 {
		return 0, true
	}
	if now.Sub(q.swept) >= q.rate.Window {
		q.sweep(now)
	}
	c := q.clients[client]
	if c == nil {
		c = &ring{}
		q.clients[client] = c
	}
	if len(c.times) < q.rate.Requests {
		c.times = append(c.times, now.UnixNano())
		c.last = now.UnixNano()
		return 0, true
	}
	oldest := time.Unix(0, c.times[c.next])
	if wait := oldest.Add(q.rate.Window).Sub(now); wait > 0 {
		return wait, false
	}
	c.times[c.next], c.last = now.UnixNano(), now.UnixNano()
	c.next = (c.next + 1) % len(c.times)
	return 0, true
}

// sweep forgets the clients that were not here for a window.
func (q *quotas) sweep(now time.Time) {
	q.swept = now
	for name, c := range q.clients {
		if now.Sub(time.Unix(0, c.last)) >= q.rate.Window {
			delete(q.clients, name)
		}
	}
}

// left is how many requests of a client's quota are left, and how long it is until the
// oldest of those that were let through no longer counts.
func (q *quotas) left(client string, now time.Time) (n int, reset time.Duration) {
	c := q.clients[client]
	if c == nil {
		return q.rate.Requests, 0
	}
	nth := func(i int) time.Time { return time.Unix(0, c.times[(c.next+i)%len(c.times)]).Add(q.rate.Window) }
	past := sort.Search(len(c.times), func(i int) bool { return nth(i).After(now) })
	if past < len(c.times) {
		reset = nth(past).Sub(now)
	}
	return q.rate.Requests - len(c.times) + past, reset
}

// rateHeaders tells a client of its quota, where the sandbox is to do that.
func (s *Sandbox) rateHeaders(header http.Header, c *call) {
	prefix := map[string]string{HeadersRateLimit: "RateLimit-", HeadersXRateLimit: "X-RateLimit-"}[s.options.RateHeaders]
	if prefix == "" {
		return
	}
	s.mu.Lock()
	left, reset := s.quotas.left(clientAddress(c.r), c.at)
	s.mu.Unlock()
	header.Set(prefix+"Limit", strconv.Itoa(s.options.Rate.Requests))
	header.Set(prefix+"Remaining", strconv.Itoa(left))
	header.Set(prefix+"Reset", strconv.FormatInt(int64(math.Ceil(reset.Seconds())), 10))
}
