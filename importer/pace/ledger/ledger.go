// Package ledger shares the request quota of an API among runs.
//
// The API counts requests by IP address, whichever process sends them. The runs
// that leave from one address therefore keep a page together: when requests were
// answered lately, and how many tokens each live run holds on lease. A run takes
// tokens by the block, so that most requests cost no exchange of the page, and
// gives back what it does not use.
//
// The page is kept in a Book: a file of one machine, or a row in a store that many
// machines reach. What a run that died held on lease counts as sent, because nobody
// knows; nothing else of it remains.
package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"importer/importer/pace"
)

const (
	// flushAfter is how long the page may lag behind, and how long tokens may lie
	// unused before they are given back.
	flushAfter = 250 * time.Millisecond
	// leasedAgain is when to ask again while other runs hold tokens on lease: they
	// may give some back.
	leasedAgain = 50 * time.Millisecond
	// busyAgain is when to try again while another run has the page, which it mostly
	// does for a tenth of a millisecond; twice that the next time, and so on.
	busyAgain    = 200 * time.Microsecond
	busyAgainMax = 50 * time.Millisecond
	// patience is how long an exchange may take: then somebody sleeps on the page, or
	// nobody answers.
	patience = 5 * time.Second
	// parting is how long Close takes where runs have leases: what cannot be given back
	// counts as sent when the lease has ended.
	parting = time.Second
	// awayAgain is when to try again after an exchange that failed; twice that the next
	// time, and so on.
	awayAgain    = 20 * time.Millisecond
	awayAgainMax = time.Second
	// awayTold is how long exchanges fail before that is told.
	awayTold = time.Second
)

// A Book keeps the page of a pool.
type Book interface {
	// Exchange calls turn, at most once, with the page as it stands, and keeps what turn
	// returns. Nobody else reads or changes the page meanwhile, whatever becomes of this
	// process. After an error the page may hold what turn returned, or what it did
	// before. A *BusyError: somebody else has the page, and turn was not called.
	Exchange(ctx context.Context, turn func(View) ([]byte, error)) error
}

// A BusyError says that somebody else has the page at the moment.
type BusyError struct{ What string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s has been locked by another process for %v", e.What, patience)
}

func isBusy(err error) bool {
	_, busy := errors.AsType[*BusyError](err)
	return busy
}

// A View is what an exchange finds.
type View struct {
	Page    []byte    // nil: there is none yet
	Written time.Time // when it was written, by the clock of the book
	Now     time.Time // that clock, read while nobody else had the page
	// Asked is this machine's clock, with its monotonic reading, at the moment Now was
	// read or before it. The more before, the longer requests count.
	Asked time.Time
	// Alive returns the ids of the other live runs. Nil: the terms of their leases tell.
	Alive func() map[string]bool
}

// Options are how a ledger gets on with a book that other machines share.
type Options struct {
	// Lease is how long a run counts as alive after an exchange; then what it holds
	// counts as sent, and it sends nothing of that any more. 0: the book tells who
	// lives, its exchanges do not wait, and Take returns their errors.
	//
	// With a lease exchanges are made in the background and one that fails is made
	// again, until Close: no token is had meanwhile. It should not be shorter than a
	// request takes from its token to the network.
	Lease time.Duration
	// Away is called when exchanges have failed for a second, with the moment since when
	// and the latest error, and with a zero time when they work again; may be nil. It
	// must not call the ledger.
	Away func(since time.Time, err error)
}

// A Ledger is one run's access to the shared quota. It implements
// pace.Ledger. Its methods may be called from many goroutines.
type Ledger struct {
	rate    pace.Rate
	book    Book
	opt     Options
	leave   func() error // called after the last exchange; may be nil
	id      string
	started time.Time // origin of this machine's times

	mu     sync.Mutex
	free   int        // leased and not taken
	out    int        // taken and not done
	done   []answered // since the last exchange
	used   bool       // a token was taken since the last flush
	flush  *time.Timer
	beat   *time.Timer // with a lease: exchanges also while nothing is held
	closed bool

	running chan struct{}      // closed at the end of the exchange in the background; nil: none
	cut     context.CancelFunc // of that exchange
	began   time.Duration      // of that exchange, or the last one
	lasts   time.Duration      // how long the one before took
	want    int                // tokens that it is to lease
	offered *offer             // what it has put on the page
	doubt   *offer             // of the last exchange, where nobody knows whether the page holds it
	turns   uint64

	delay  time.Duration // how long the last exchange was put off, busy or failed; 0: it was not
	put    time.Duration // when the first one was
	told   bool          // Away knows
	vain   int           // so many tokens were not to be had: 0: any
	again  time.Duration // not before then
	block  int           // tokens of the last lease
	wide   int           // how often a block is doubled, because exchanges take long
	usable time.Duration // with a lease: until when free may be taken

	seen seen    // the page at the last exchange
	had  []spent // what was leased within a window, by the clock of the book
}

var _ pace.Ledger = (*Ledger)(nil)

// Seen is what the last exchange showed.
type seen struct {
	spent  []spent
	leased int       // held by the other runs
	now    time.Time // by the clock of the book
	at     time.Duration
	runs   int           // live runs, this one included,
	runsAt time.Duration // as of then
}

// Answered are requests that were answered at one time of this machine.
type answered struct {
	at    time.Duration
	count int
}

// Pool names the pool of the API at baseURL: its own, or that of an address which
// requests leave from, where name names one.
func Pool(baseURL, name string) string {
	pool := strings.TrimRight(baseURL, "/")
	if name != "" {
		pool += " from " + name
	}
	return pool
}

// Join joins the runs that share a book. rate must have a limit, opt a lease. ctx bounds
// the first exchange, which tells whether the book works. The caller closes the ledger.
func Join(ctx context.Context, book Book, rate pace.Rate, opt Options) (*Ledger, error) {
	l, err := open(ctx, book, nil, rand.Text(), rate, opt)
	if err != nil {
		return nil, fmt.Errorf("the quota cannot be shared with other runs: %w", err)
	}
	return l, nil
}

func open(ctx context.Context, book Book, leave func() error, id string, rate pace.Rate, opt Options) (*Ledger, error) {
	l := &Ledger{rate: rate, book: book, leave: leave, opt: opt, id: id, started: time.Now()}
	l.seen.runs = 1
	// The others learn how long this run wants to look back.
	if err := l.insist(ctx); err != nil {
		return nil, errors.Join(err, l.left())
	}
	if opt.Lease > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.beat = time.AfterFunc(opt.Lease/3, l.beatNow)
	}
	return l, nil
}

// clock is this machine's, however it is set meanwhile.
func (l *Ledger) clock() time.Duration { return time.Since(l.started) }

// Take takes n tokens, or none, and then returns how long to wait before asking again.
// What lies unused meanwhile, because it is not enough, is given back like any other.
func (l *Ledger) Take(n int) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if l.opt.Lease > 0 && now >= l.usable {
		l.free = 0 // counts as sent, or is given back
	}
	if l.free < n {
		wait, err := l.lease(now, n-l.free)
		if err != nil || l.free < n {
			return max(wait, busyAgain), err
		}
	}
	l.free -= n
	l.out += n
	l.used = true
	l.flushLater()
	if l.wide > 0 && l.free < l.block/2 && now >= l.again {
		_ = l.exchange(now, 1) // so that the next block is there when this one is used up
	}
	return 0, nil
}

// lease has an exchange lease so many tokens, unless it is known that there are none.
// Where it got none, or is not over yet, it returns how long to wait.
func (l *Ledger) lease(now time.Duration, n int) (time.Duration, error) {
	if now >= l.again || n < l.vain {
		if err := l.exchange(now, n); err != nil {
			return 0, err
		}
	}
	if l.running != nil {
		l.want = max(l.want, n)
		took := now - l.began
		return min(max(busyAgain, l.lasts-took, took/8), busyAgainMax), nil
	}
	return l.again - now, nil
}

// Done ends the use of a token: its request was answered just now, or it was
// never sent.
func (l *Ledger) Done(sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out--
	if sent {
		l.answer(1)
	} else {
		l.free++
	}
	l.flushLater()
}

// answer notes n requests that were answered now. Times are rounded up to a part of
// what the page is divided into.
func (l *Ledger) answer(n int) {
	part := max(1, l.grain()/4)
	at := (l.clock() + part - 1) / part * part
	if last := len(l.done) - 1; last >= 0 && l.done[last].at == at && (l.offered == nil || last >= l.offered.done) && (l.doubt == nil || last >= l.doubt.done) {
		l.done[last].count += n
		return
	}
	l.done = append(l.done, answered{at, n})
}

// Available returns how many tokens this run could take from now until within
// has passed, if no other run took any.
func (l *Ledger) Available(within time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if now-l.seen.at >= l.stale() {
		// An error will come again from Take, which reports it.
		_ = l.exchange(now, 0)
	}
	held := l.free + l.out + l.seen.leased
	at := l.seen.now.Add(now - l.seen.at)
	for _, s := range l.seen.spent {
		if l.leaves(s, at) > within {
			held += s.count
		}
	}
	for _, d := range l.done {
		if d.at-now+l.hold() > within {
			held += d.count
		}
	}
	return max(0, l.rate.Quota-held) + l.free
}

// stale is how old what was seen of the page may be for who only waits: what leaves the
// window meanwhile is known, and an exchange with a store is a commit there.
func (l *Ledger) stale() time.Duration {
	if l.opt.Lease == 0 {
		return flushAfter
	}
	return min(max(flushAfter, l.rate.Window/300), time.Second)
}

// Runs returns how many runs share the quota, this one included.
func (l *Ledger) Runs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.clock(); now-l.seen.runsAt >= time.Second {
		_ = l.exchange(now, 0) // an error will come again from Take, which reports it
	}
	return l.seen.runs
}

// Close gives back what this run did not use and leaves the others. A request
// that is still under way counts as sent now. It may take some seconds where the page
// cannot be had, with a lease one, and what the run held counts as sent then.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	for _, t := range []*time.Timer{l.flush, l.beat} {
		if t != nil {
			t.Stop()
		}
	}
	if l.out > 0 {
		l.answer(l.out)
	}
	l.free, l.out = 0, 0
	running, cut := l.running, l.cut
	l.mu.Unlock()
	bound := patience
	if l.opt.Lease > 0 {
		bound = parting
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	if running != nil {
		defer context.AfterFunc(ctx, cut)()
		<-running
	}
	if err := errors.Join(l.insist(ctx), l.left()); err != nil {
		return fmt.Errorf("shared quota: %w", err)
	}
	return nil
}

func (l *Ledger) left() error {
	if l.leave == nil {
		return nil
	}
	return l.leave()
}

// insist makes an exchange and waits for it, but not for a process that sleeps on the
// page. No other may run.
func (l *Ledger) insist(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		l.mu.Lock()
		l.want, l.began = 0, l.clock()
		l.mu.Unlock()
		err := l.book.Exchange(ctx, l.turnLocked)
		l.mu.Lock()
		_ = l.end(err) // which says the same
		l.mu.Unlock()
		if !isBusy(err) {
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// exchange tells the others what was done, and leases a block of tokens, where so many
// are wanted and to be had. With a lease that happens in the background.
func (l *Ledger) exchange(now time.Duration, want int) error {
	switch {
	case l.running != nil || l.closed:
		return nil
	case l.opt.Lease == 0:
		l.want, l.began = want, now
		return l.end(l.book.Exchange(context.Background(), l.turn))
	case l.delay > 0 && now < l.again:
		return nil // it has just failed
	}
	ctx, cut := context.WithTimeout(context.Background(), patience)
	l.want, l.began, l.running, l.cut = want, now, make(chan struct{}), cut
	go l.exchangeBehind(ctx, l.running, cut)
	return nil
}

// exchangeBehind is the exchange in the background. Close waits for it.
func (l *Ledger) exchangeBehind(ctx context.Context, done chan struct{}, cut context.CancelFunc) {
	defer close(done)
	defer cut()
	err := l.book.Exchange(ctx, l.turnLocked)
	l.mu.Lock()
	l.running, l.lasts = nil, l.clock()-l.began
	l.wide = wide(l.lasts)
	_ = l.end(err) // Away hears of it
	if err != nil {
		l.flushLater()
	}
	since, tell := l.away(err)
	l.mu.Unlock()
	if tell {
		l.opt.Away(since, err)
	}
}

// end takes in what became of an exchange.
func (l *Ledger) end(err error) error {
	now := l.clock()
	o := l.offered
	l.offered = nil
	if err == nil {
		l.delay, l.doubt = 0, nil
		l.apply(o)
		return nil
	}
	if o != nil {
		l.doubt = o
	}
	if l.delay == 0 {
		l.put = l.began
	}
	if isBusy(err) {
		if now-l.put >= patience {
			return fmt.Errorf("shared quota: %w", err)
		}
		l.delay = min(max(2*l.delay, busyAgain), busyAgainMax)
		l.again, l.vain = now+l.delay, 0
		return nil
	}
	l.delay = min(max(2*l.delay, awayAgain), awayAgainMax)
	l.again, l.vain = now+l.delay, 0
	return fmt.Errorf("shared quota: %w", err)
}

// away says whether an exchange that ended with err is to be told, and since when there
// was none; zero: this one has worked.
func (l *Ledger) away(err error) (since time.Time, tell bool) {
	failed := err != nil && l.clock()-l.put >= awayTold
	if l.opt.Away == nil || failed == l.told || err != nil && !failed {
		return time.Time{}, false
	}
	if l.told = failed; failed {
		since = l.started.Add(l.put)
	}
	return since, true
}

// flushLater sees to it that the others learn of what was done.
func (l *Ledger) flushLater() {
	if l.flush == nil && !l.closed {
		d := flushAfter
		if l.delay > 0 && l.running == nil {
			d = max(busyAgain, l.again-l.clock())
		}
		l.flush = time.AfterFunc(d, l.flushNow)
	}
}

func (l *Ledger) flushNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.flush = nil
	if l.delay == 0 { // else this is the same flush once more
		if !l.used {
			l.free = 0
		}
		l.used = false
	}
	later := l.running != nil // and may have begun before what is to be told
	// An error will come again from Take, which reports it.
	_ = l.exchange(l.clock(), 0)
	if later || l.delay > 0 || l.out > 0 || l.free > 0 {
		l.flushLater()
	}
}

// beatNow keeps the lease of a run that holds nothing, so that it counts as alive.
func (l *Ledger) beatNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if now := l.clock(); now-l.seen.at >= l.opt.Lease/3 {
		_ = l.exchange(now, 0)
	}
	l.beat.Reset(l.opt.Lease / 3)
}
