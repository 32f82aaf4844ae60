package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// apart has a test run beside the others in the short form. In full, one follows the other.
func apart(t *testing.T) {
	if !full {
		t.Parallel()
	}
}

// inWorlds plays in so many worlds at once, and adds up what they count.
func (r *rig) inWorlds(t *testing.T, worlds int, o options, play func(w *world)) (all figures) {
	t.Helper()
	var mu sync.Mutex
	t.Run("world", func(t *testing.T) {
		for n := range worlds {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, r, o, strings.ToLower(strings.NewReplacer("/", "-", "Test", "").Replace(t.Name())))
				play(w)
				mu.Lock()
				defer mu.Unlock()
				all.add(w.whole)
			})
		}
	})
	return all
}

// A tally counts, from many goroutines.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[what]++
}

// A slowest is the longest of some times, from many goroutines.
type slowest struct {
	mu sync.Mutex
	d  time.Duration
}

func (s *slowest) took(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d = max(s.d, d)
}

// pause is how long it takes until the next process tries.
func (w *world) pause() { time.Sleep(between(w.random, 50*time.Millisecond, w.lease/4)) }

// goOn starts processes one after the other until one has the import, which the last may
// still have for as long as its lease. It returns the one that has it, or that ended with
// another exit code than that somebody else has it; nil where it is to give up before.
func (w *world) goOn(store string, giveUp func() bool) *process {
	w.Helper()
	for began := time.Now(); time.Since(began) < within; w.pause() {
		p := w.launch(store)
		for n := 1; !p.endsWithin(20 * time.Millisecond); n++ {
			if p.sent() > 0 || n%20 == 0 && w.has(p) { // before it sends, only the database can tell
				return p
			}
		}
		if !p.held() {
			return p
		}
		if giveUp != nil && giveUp() {
			return nil
		}
	}
	w.Fatalf("%s is held for %s, and its lease is %s", w.source(), within, w.lease)
	return nil
}

// over looks at a process that has ended by itself: the import is complete, and the next one
// begins, or it ended with another exit code, which it may.
func (w *world) over(p *process, others ...int) {
	w.Helper()
	switch code := p.end(); {
	case code == exitDone:
		w.check()
		w.next()
	case !slices.Contains(others, code):
		w.Fatalf("process %d of %s: %v: %s%s", p.number, w.source(), p.ProcessState, p.stdout.String(), p.stderr.String())
	}
}

// finish lets the import that is under way run to its end; p has it, or nobody where it is nil.
func (w *world) finish(p *process, others ...int) {
	w.Helper()
	for n := w.number; n == w.number; p = nil {
		if p == nil {
			p = w.goOn(w.URL(), nil)
		}
		w.over(p, others...)
	}
}
