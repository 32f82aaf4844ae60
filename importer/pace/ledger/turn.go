package ledger

import (
	"slices"
	"time"
)

const (
	// blocks is into how many leases a quota is divided among several runs, and
	// blocksAlone for one.
	blocks      = 50
	blocksAlone = 20
	// grains is into how many moments a window is divided.
	grains = 2000
	// lateAgain is how much later than it said a run may ask again before the others
	// take what was kept for it.
	lateAgain = 50 * time.Millisecond
)

// wide is how often a block is doubled where an exchange takes so long.
func wide(exchange time.Duration) int {
	switch {
	case exchange < time.Millisecond:
		return 0
	case exchange < 4*time.Millisecond:
		return 1
	}
	return 2
}

// An offer is what an exchange has put on the page: it holds once the exchange has ended
// well.
type offer struct {
	turn  uint64
	done  int           // so many of the done are on the page
	want  int           // tokens that were wanted,
	got   int           // and leased
	next  time.Duration // where that is none: how long to wait
	asked time.Duration
	seen
}

func (l *Ledger) turnLocked(v View) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turn(v)
}

// turn changes the page, which nobody else does meanwhile.
func (l *Ledger) turn(v View) ([]byte, error) {
	p := parsePage(v, l.rate)
	asked := v.Asked.Sub(l.started)
	l.settle(&p)
	mine := p.Terms[l.id]
	delete(p.Leases, l.id) // the others are left
	delete(p.Terms, l.id)
	o := &offer{done: len(l.done), want: l.want, asked: asked}
	o.runs, o.runsAt = l.expire(&p, v, asked)
	for _, d := range l.done {
		// Now was read after asked, so that this is when, or later.
		p.Spent = l.add(p.Spent, v.Now.Add(d.at-asked), d.count)
	}
	p.prune(v.Now, l.rate)
	l.grant(&p, v.Now, mine, o)
	l.turns++
	o.turn = l.turns
	if !l.closed {
		p.Leases[l.id] = l.free + l.out + o.got
		l.sign(&p, v.Now, mine, o)
	}
	b, err := p.encode()
	if err == nil {
		l.offered = o
	}
	return b, err
}

// settle finds out what became of an exchange of which nobody knew whether it ended
// well. What it leased is given back either way.
func (l *Ledger) settle(p *page) {
	if d := l.doubt; d != nil && p.Terms[l.id].Turn == d.turn {
		l.done = l.done[d.done:]
	}
	l.doubt = nil
}

// expire counts as sent what runs held that died, and returns how many live, this one
// included, as of when.
func (l *Ledger) expire(p *page, v View, asked time.Duration) (runs int, at time.Duration) {
	if v.Alive == nil {
		for id, leased := range p.Leases {
			until := v.Now
			if t, ok := p.Terms[id]; ok {
				until = time.UnixMicro(t.Until)
			}
			if !until.After(v.Now) {
				p.Spent = l.add(p.Spent, until, leased)
				delete(p.Leases, id)
				delete(p.Terms, id)
			}
		}
		return 1 + len(p.Leases), asked
	}
	if p.leased() == 0 && l.turns > 0 && asked-l.seen.runsAt < time.Second {
		return l.seen.runs, l.seen.runsAt
	}
	alive := v.Alive()
	for id, leased := range p.Leases {
		if !alive[id] {
			p.Spent = l.add(p.Spent, v.Now, leased)
			delete(p.Leases, id)
		}
	}
	return 1 + len(alive), asked
}

// grant leases a block, where tokens are wanted and to be had.
func (l *Ledger) grant(p *page, now time.Time, mine term, o *offer) {
	o.spent, o.leased, o.now, o.at = p.Spent, p.leased(), now, o.asked
	held := l.free + l.out + o.leased
	o.next = l.rate.Window
	if o.leased > 0 {
		o.next = min(o.next, leasedAgain)
	}
	for _, s := range p.Spent {
		if d := l.leaves(s, now); d > 0 {
			held += s.count
			o.next = min(o.next, d)
		}
	}
	block := l.rate.Quota / blocks
	if len(p.Leases) == 0 {
		block = l.rate.Quota / blocksAlone
	}
	room := l.rate.Quota - held
	if room > 0 {
		kept, until := l.kept(p, now, mine, block, o.runs)
		if room -= kept; kept > 0 {
			o.next = min(o.next, until)
		}
	}
	if o.want > 0 && room >= o.want {
		o.got = min(max(o.want, block<<l.wide), room)
	}
}

// kept is how many tokens are left to runs that have waited for longer than this one,
// which is nearer to the store or asks more often, and how long at most. A run that has had
// its part of the quota lately leaves theirs to those that ask.
func (l *Ledger) kept(p *page, now time.Time, mine term, block, runs int) (n int, until time.Duration) {
	since := now.UnixMicro()
	if mine.waits(now) {
		since = mine.Since
	}
	part := l.rate.Quota / runs
	sated := l.hadLately(now) >= part
	until = l.rate.Window
	for _, t := range p.Terms {
		left := 0
		switch {
		case sated && t.Had < part && t.asks(now):
			left = part - t.Had
		case sated == (t.Had >= part) && t.waits(now) && t.Since < since:
			left = max(1, block)
		}
		if left > 0 {
			n += left
			until = min(until, time.UnixMicro(t.Again).Add(lateAgain).Sub(now))
		}
	}
	return n, until
}

// hadLately is how many tokens this run got within a window, whether it used them or not.
func (l *Ledger) hadLately(now time.Time) (n int) {
	l.had = slices.DeleteFunc(l.had, func(s spent) bool { return l.leaves(s, now) <= 0 })
	for _, s := range l.had {
		n += s.count
	}
	return n
}

// waits tells whether a run has asked for tokens in vain, and not failed to ask again.
func (t term) waits(now time.Time) bool {
	return t.Since > 0 && !now.After(time.UnixMicro(t.Again).Add(lateAgain))
}

// asks tells whether a run wants tokens, whether it got some lately or not.
func (t term) asks(now time.Time) bool {
	return t.Again > 0 && !now.After(time.UnixMicro(t.Again).Add(lateAgain))
}

// sign renews the term of the lease, where there are terms.
func (l *Ledger) sign(p *page, now time.Time, mine term, o *offer) {
	if l.opt.Lease == 0 {
		return
	}
	t := term{Until: now.Add(l.opt.Lease).UnixMicro(), Lasts: l.opt.Lease.Microseconds(), Turn: o.turn, Had: l.hadLately(now) + o.got, Again: mine.Again}
	if mine.waits(now) {
		t.Since = mine.Since
	}
	switch {
	case o.got > 0:
		t.Since, t.Again = 0, now.UnixMicro()
	case o.want > 0:
		if t.Since == 0 {
			t.Since = now.UnixMicro()
		}
		t.Again = now.Add(max(o.next, busyAgain)).UnixMicro()
	}
	if p.Terms == nil {
		p.Terms = map[string]term{}
	}
	p.Terms[l.id] = t
}

// apply takes in an exchange that has ended well.
func (l *Ledger) apply(o *offer) {
	l.done = slices.Delete(l.done, 0, o.done)
	l.free += o.got
	if o.got > 0 {
		l.had = l.add(l.had, o.now, o.got)
	}
	l.seen = o.seen
	l.usable = o.asked + l.opt.Lease*9/10
	switch {
	case o.got > 0:
		l.again, l.vain, l.block = 0, 0, o.got
	case o.want > 0:
		l.again, l.vain = o.asked+o.next, o.want
	case l.vain == 0:
		l.again = 0 // what was put off is done
	}
}

// hold is how long a request counts after its answer.
func (l *Ledger) hold() time.Duration { return l.rate.Window + l.rate.Margin() }

func (l *Ledger) leaves(s spent, now time.Time) time.Duration { return s.at.Sub(now) + l.hold() }

// grain is what the times of the page are rounded up to, so that it stays small.
func (l *Ledger) grain() time.Duration { return max(time.Microsecond, l.rate.Window/grains) }

// add adds n requests that were answered at a time.
func (l *Ledger) add(to []spent, at time.Time, n int) []spent {
	grain := l.grain()
	return join(to, spent{at.Add(grain - 1).Truncate(grain), n})
}
