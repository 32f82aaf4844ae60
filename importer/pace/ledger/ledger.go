// Package ledger shares the request quota of an API among the runs on one
// machine.
//
// The API counts requests by IP address, whichever process sends them. The runs
// of one user against the same API therefore keep a ledger in the user's cache
// directory: when requests were answered lately, and how many tokens each live
// run holds on lease. A run takes tokens from the ledger by the block, so that
// most requests cost no file access, and gives back what it does not use.
//
//	importer/quota/<digest of the base URL>/
//	    ledger.json      what was sent, and the leases; replaced as a whole
//	    ledger.lock      held while ledger.json is read and replaced
//	    run-<id>.lock    held by a run for as long as it lives
//
// The kernel drops the lock of a run that dies, however it dies. What such a run
// held on lease counts as sent when that is noticed, because nobody knows; nothing
// else of it remains.
package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"importer/importer/pace"
	"importer/internal/files"
)

const (
	// flushAfter is how long the ledger may lag behind, and how long tokens may lie
	// unused before they are given back.
	flushAfter = 250 * time.Millisecond
	// leasedAgain is when to ask again while other runs hold tokens on lease: they
	// may give some back.
	leasedAgain = 50 * time.Millisecond
	// lockedAgain is when to try again while another run holds the lock, which it
	// mostly does for a tenth of a millisecond; twice that the next time, and so on.
	lockedAgain    = 200 * time.Microsecond
	lockedAgainMax = 50 * time.Millisecond
	// lockPatience is how long to wait for the lock: then somebody sleeps on it.
	lockPatience = 5 * time.Second
	// blocks is into how many leases a quota is divided among several runs, and
	// blocksAlone for one.
	blocks      = 50
	blocksAlone = 20
	// grains is into how many moments a window is divided.
	grains = 2000
)

// A Ledger is one run's access to the shared quota. It implements
// pace.Ledger. Its methods may be called from many goroutines.
type Ledger struct {
	rate  pace.Rate
	dir   string
	id    string
	lock  *flock.Flock // ledger.lock
	alive *flock.Flock // run-<id>.lock

	mu     sync.Mutex
	free   int     // leased and not taken
	out    int     // taken and not done
	done   []spent // since the last exchange with the file
	used   bool    // a token was taken since the last flush
	flush  *time.Timer
	closed bool

	locked   time.Duration // how long the last exchange was put off, because of the lock
	lockedAt time.Time     // when the first one was

	spent  []spent   // as the file had it at the last exchange,
	leased int       // and what the other runs held then
	seenAt time.Time // zero: never
	runs   int       // live runs, this one included,
	runsAt time.Time // as of then
}

var _ pace.Ledger = (*Ledger)(nil)

const cannotShare = "the quota cannot be shared with other runs: %w; rate_shared: false does without"

// Open joins the runs that share the quota of the API at baseURL, in the user's
// cache directory. rate must have a limit. The caller closes the ledger.
func Open(baseURL string, rate pace.Rate) (*Ledger, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf(cannotShare, err)
	}
	return OpenIn(filepath.Join(cache, "importer", "quota"), baseURL, rate)
}

// OpenIn is Open with another directory than the user's cache directory.
func OpenIn(dir, baseURL string, rate pace.Rate) (_ *Ledger, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf(cannotShare, err)
		}
	}()
	digest := sha256.Sum256([]byte(strings.TrimRight(baseURL, "/")))
	dir = filepath.Join(dir, hex.EncodeToString(digest[:8]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &Ledger{rate: rate, dir: dir, id: rand.Text(), runs: 1}
	if l.lock, err = files.NewLock(filepath.Join(dir, "ledger.lock")); err != nil {
		return nil, err
	}
	// Under the ledger's lock, so that nobody takes the new file for that of a dead run.
	if err := l.lockFile(); err != nil {
		return nil, err
	}
	defer l.lock.Unlock()
	if l.alive, err = files.NewLock(l.runFile(l.id)); err != nil {
		return nil, err
	}
	if _, err := l.alive.TryLock(); err != nil { // nobody else knows the id
		return nil, err
	}
	// The others learn how long this run wants to look back.
	_, err = l.update(time.Now(), 0)
	return l, err
}

// Take takes n tokens, or none, and then returns how long to wait before asking again.
// What lies unused meanwhile, because it is not enough, is given back like any other.
func (l *Ledger) Take(n int) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free < n {
		wait, err := l.exchange(time.Now(), n-l.free)
		if err != nil || l.free < n {
			return max(wait, lockedAgain), err
		}
	}
	l.free -= n
	l.out += n
	l.used = true
	l.flushLater()
	return 0, nil
}

// Done ends the use of a token: its request was answered just now, or it was
// never sent.
func (l *Ledger) Done(sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out--
	if sent {
		l.done = l.add(l.done, time.Now(), 1)
	} else {
		l.free++
	}
	l.flushLater()
}

// Available returns how many tokens this run could take from now until within
// has passed, if no other run took any.
func (l *Ledger) Available(within time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.seenAt) >= flushAfter {
		// An error will come again from Take, which reports it.
		_, _ = l.exchange(now, 0)
	}
	held := l.free + l.out + l.leased
	for _, s := range slices.Concat(l.spent, l.done) {
		if l.leaves(s, now) > within {
			held += s.count
		}
	}
	return max(0, l.rate.Quota-held) + l.free
}

// Runs returns how many runs share the quota, this one included.
func (l *Ledger) Runs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.runsAt) >= time.Second {
		if locked, err := l.lock.TryLock(); err == nil && locked {
			l.others(now)
			l.lock.Unlock()
		}
	}
	return l.runs
}

// Close gives back what this run did not use and leaves the others. A request
// that is still under way counts as sent now.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.flush != nil {
		l.flush.Stop()
	}
	if l.out > 0 {
		l.done = l.add(l.done, time.Now(), l.out)
	}
	l.free, l.out = 0, 0
	err := l.lockFile()
	if err == nil {
		_, err = l.update(time.Now(), 0)
		// While nobody else looks: a lock file without a lock is that of a dead run.
		err = errors.Join(err, l.alive.Unlock(), os.Remove(l.runFile(l.id)), l.lock.Unlock())
	}
	if err != nil {
		return fmt.Errorf("shared quota: %w", err)
	}
	return nil
}

// lockFile waits for the lock of the file, but not for a process that sleeps on it.
func (l *Ledger) lockFile() error {
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	_, err := l.lock.TryLockContext(ctx, time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) {
		return l.heldTooLong()
	}
	return err
}

func (l *Ledger) heldTooLong() error {
	return fmt.Errorf("%s has been locked by another process for %v", l.lock.Path(), lockPatience)
}

func (l *Ledger) runFile(id string) string { return filepath.Join(l.dir, "run-"+id+".lock") }

// flushLater sees to it that the file learns of what was done.
func (l *Ledger) flushLater() {
	if l.flush == nil && !l.closed {
		l.flush = time.AfterFunc(cmp.Or(l.locked, flushAfter), l.flushNow)
	}
}

func (l *Ledger) flushNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.flush = nil
	if l.locked == 0 { // else this is the same flush once more
		if !l.used {
			l.free = 0
		}
		l.used = false
	}
	// An error will come again from Take, which reports it.
	_, _ = l.exchange(time.Now(), 0)
	if l.locked > 0 || l.out > 0 || l.free > 0 {
		l.flushLater()
	}
}

// exchange tells the file what was done, and leases a block of tokens, where so many
// are wanted and to be had. Where it gets none, it returns how long to wait before
// asking again.
func (l *Ledger) exchange(now time.Time, lease int) (time.Duration, error) {
	locked, err := l.lock.TryLock()
	if err != nil {
		return 0, fmt.Errorf("shared quota: %w", err)
	}
	if !locked {
		switch {
		case l.locked == 0:
			l.lockedAt = now
		case now.Sub(l.lockedAt) >= lockPatience:
			return 0, fmt.Errorf("shared quota: %w", l.heldTooLong())
		}
		l.locked = min(max(2*l.locked, lockedAgain), lockedAgainMax)
		return l.locked, nil
	}
	l.locked = 0
	wait, err := l.update(now, lease)
	if err = errors.Join(err, l.lock.Unlock()); err != nil {
		return 0, fmt.Errorf("shared quota: %w", err)
	}
	return wait, nil
}

// update is exchange, under the lock of the file.
func (l *Ledger) update(now time.Time, lease int) (time.Duration, error) {
	if l.rate.Quota == 0 {
		return 0, nil // a pace is divided by the number of runs
	}
	p, err := readPage(l.file(), now, l.rate)
	if err != nil {
		return 0, err
	}
	delete(p.Leases, l.id) // the others are left
	l.expire(&p, now)
	p.Spent = append(p.Spent, l.done...)
	p.prune(now, l.rate)

	leased := p.leased()
	held := l.free + l.out + leased
	next := l.rate.Window
	if leased > 0 {
		next = leasedAgain
	}
	for _, s := range p.Spent {
		if d := l.leaves(s, now); d > 0 {
			held += s.count
			next = min(next, d)
		}
	}
	if room := l.rate.Quota - held; lease > 0 && room >= lease {
		block := l.rate.Quota / blocks
		if len(p.Leases) == 0 {
			block = l.rate.Quota / blocksAlone
		}
		l.free += min(max(lease, block), room)
	}
	if !l.closed {
		p.Leases[l.id] = l.free + l.out
	}
	if err := p.write(l.file()); err != nil {
		return 0, err
	}
	l.done = l.done[:0]
	l.spent, l.leased, l.seenAt = p.Spent, leased, now
	return next, nil
}

func (l *Ledger) file() string { return filepath.Join(l.dir, "ledger.json") }

// expire counts what dead runs held on lease as sent now.
func (l *Ledger) expire(p *page, now time.Time) {
	if p.leased() == 0 && now.Sub(l.runsAt) < time.Second {
		return
	}
	alive := l.others(now)
	for id, leased := range p.Leases {
		if !alive[id] {
			p.Spent = l.add(p.Spent, now, leased)
			delete(p.Leases, id)
		}
	}
}

// others returns the other live runs and counts them, and removes the files of the
// dead. The lock of the file must be held.
func (l *Ledger) others(now time.Time) map[string]bool {
	alive := map[string]bool{}
	all, _ := filepath.Glob(l.runFile("*")) // the pattern is well formed
	for _, name := range all {
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "run-"), ".lock")
		if id == l.id {
			continue
		}
		f, err := files.NewLock(name)
		dead := false
		if err == nil {
			dead, err = f.TryLock()
		}
		if err != nil || !dead {
			alive[id] = true // or not to be asked: then it is better to count it in
			continue
		}
		f.Unlock()
		os.Remove(name)
	}
	l.runs, l.runsAt = 1+len(alive), now
	return alive
}

func (l *Ledger) leaves(s spent, now time.Time) time.Duration {
	return s.at.Sub(now) + l.rate.Window + l.rate.Margin()
}

// add adds n requests that were answered at a time. Times are rounded up to a
// small part of the window, so that the ledger stays small.
func (l *Ledger) add(to []spent, at time.Time, n int) []spent {
	grain := max(time.Microsecond, l.rate.Window/grains)
	return join(to, spent{at.Add(grain - 1).Truncate(grain), n})
}
