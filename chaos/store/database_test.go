package store

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"importer/internal/pgtest"
)

// PostgreSQL stops as in a crash, again and again, and is away for a moment or for longer than
// a lease. Who outlives that goes on by itself; who does not ends with 1.
func TestDatabaseCrashes(t *testing.T) {
	apart(t)
	r := newRig(t, time.Duration(of(2, 3))*time.Second)
	o := options{seed: seed(t), lag: time.Second, latency: 20 * time.Millisecond, rows: of(150, 400), flags: []string{"--rate", "100/s"}}
	var there sync.RWMutex // held by who needs the database
	crashes := of(2, 100)
	over := make(chan struct{}) // closed by the following goroutine
	var crasher sync.WaitGroup
	crasher.Go(func() {
		defer close(over)
		random := rand.New(rand.NewPCG(o.seed, 1))
		for n := range crashes {
			time.Sleep(between(random, 800*time.Millisecond, 3*time.Second))
			there.Lock()
			r.Stop(true)
			if n%2 == 0 {
				time.Sleep(between(random, 0, time.Second))
			} else {
				time.Sleep(between(random, time.Second, r.lease*3/2))
			}
			r.Start()
			there.Unlock()
		}
	})
	all := r.inWorlds(t, of(2, 6), o, func(w *world) {
		for {
			select {
			case <-over:
				w.finish(nil, exitStopped, exitKilled)
				return
			default:
			}
			p := w.launch(w.URL())
			if p.end() == exitDone || !p.held() {
				there.RLock()
				w.over(p, exitStopped, exitKilled)
				there.RUnlock()
			}
			w.pause()
		}
	})
	crasher.Wait()
	all.endByThemselves(t)
	t.Logf("%d immediate stops: %v", crashes, all)
}

// The network between a process and PostgreSQL loses everything, in one direction or both, for
// two leases, or has it arrive only then. Meanwhile another takes over by another way.
func TestPartitions(t *testing.T) {
	apart(t)
	r := newRig(t, 2*time.Second)
	var slowest slowest
	o := options{seed: seed(t), lag: time.Second, latency: 100 * time.Millisecond, rows: of(300, 1000), flags: []string{"--rate", "100/s"}}
	all := r.inWorlds(t, of(1, 4), o, func(w *world) {
		ways := []*pgtest.Proxy{pgtest.NewProxy(t, r.Addr()), pgtest.NewProxy(t, r.Addr())}
		urls := []string{w.URLAt(ways[0].Addr(), "importer", "importer"), w.URLAt(ways[1].Addr(), "importer", "importer")}
		var p *process
		for done := 0; done < of(1, 5); {
			if p == nil {
				p = w.goOn(urls[0], nil)
			}
			if p.endsWithin(between(w.random, 0, 1500*time.Millisecond)) {
				w.over(p)
				p = nil
				continue
			}
			direction := []pgtest.Direction{pgtest.ToServer, pgtest.ToClient, pgtest.Both}[w.random.IntN(3)]
			if w.random.IntN(2) == 0 {
				ways[0].Swallow(direction)
			} else {
				ways[0].Hold(direction)
			}
			began := time.Now()
			time.AfterFunc(2*w.lease, ways[0].Heal)
			other := w.goOn(urls[1], nil)
			if !p.endsWithin(time.Until(began.Add(w.lease + lingering))) {
				w.Errorf("process %d of %s lives on long after its lease; stderr: %s", p.number, w.source(), p.stderr.String())
				p.kill()
			}
			slowest.took(p.at.Sub(began) - w.lease)
			time.Sleep(time.Until(began.Add(2*w.lease + 50*time.Millisecond))) // what was held arrives
			p, done = other, done+1
			ways[0], ways[1], urls[0], urls[1] = ways[1], ways[0], urls[1], urls[0]
		}
		w.finish(p)
	})
	all.endByThemselves(t)
	t.Logf("%d partitions, the last process ended %s after its lease; %v", of(1, 20), slowest.d.Round(time.Millisecond), all)
}
