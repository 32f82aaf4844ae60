package pace

import "time"

// RateInfo is what a server said of its quota in the headers RateLimit-* or
// X-RateLimit-* of an answer. No header of the kind is documented for the API;
// they are used where they are present.
type RateInfo struct {
	Remaining int           // requests left in the server's window, after the one that was answered
	Reset     time.Duration // until the server's window begins anew
}

// Observe tells what a server said of its quota. To be called when the headers
// of an answer have arrived, before Done of that request, and only where both
// Remaining and Reset were said. The use that others make of the quota is seen
// in it before the server refuses anything.
func (p *Pacer) Observe(info RateInfo) {
	if info.Reset <= 0 || info.Remaining < 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	info.Reset = min(info.Reset, p.throttle.maxRetryAfter)
	p.hint.observe(now, info, p.inFlight-1)
	if p.blind {
		p.wake()
	}
}

// A hint is what is left of the server's window, as it said itself. It is
// guarded by the mutex of the pacer.
type hint struct {
	resets    time.Time // when the window begins anew; the hint holds until then
	remaining int       // least that was said of this window
	uncounted int       // requests that this may not contain yet
}

// sameReset is by how much two answers may differ about the end of one window:
// they say it in whole seconds.
const sameReset = 1500 * time.Millisecond

// observe takes what an answer said while so many other requests were in flight.
func (h *hint) observe(now time.Time, info RateInfo, others int) {
	resets := now.Add(info.Reset)
	switch {
	case !now.Before(h.resets), resets.Sub(h.resets) > sameReset, info.Remaining < h.remaining:
		*h = hint{resets: resets, remaining: info.Remaining, uncounted: max(0, others)}
	case h.uncounted > 0: // answered out of order: an earlier one, which is counted in remaining
		h.uncounted--
	}
}

// request notes that a request is sent.
func (h *hint) request() { h.uncounted++ }

// until returns how long the next request waits. Where requests in flight may
// make up for what seems to be used, that is unknown: their answers tell.
func (h *hint) until(now time.Time, inFlight int) time.Duration {
	switch {
	case !now.Before(h.resets) || h.remaining > h.uncounted:
		return 0
	case h.remaining > 0 && inFlight > 0:
		return unknown
	}
	return h.resets.Sub(now)
}

// left returns how many requests may be sent before end.
func (h *hint) left(now, end time.Time) int {
	if !end.Before(h.resets) || !now.Before(h.resets) {
		return plenty
	}
	return h.remaining - h.uncounted
}
