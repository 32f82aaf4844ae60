package store

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// A life is how long a process lives before it is killed: any time between.
type life struct{ least, most time.Duration }

// Processes are killed at random moments. Another goes on with an empty folder, at once or
// when the lease has ended.
func TestKills(t *testing.T) {
	apart(t)
	r := newRig(t, 2*time.Second)
	lives := []life{
		{0, 100 * time.Millisecond}, // starting, claiming, replaying
		{50 * time.Millisecond, 600 * time.Millisecond},
		{300 * time.Millisecond, 2500 * time.Millisecond}, // sending, and first look-ups
		{4500 * time.Millisecond, 9 * time.Second},        // deciding, and sending again
	}
	if !full {
		lives = lives[:3]
	}
	var kills tally
	o := options{seed: seed(t), lag: time.Duration(of(1, 2)) * time.Second, latency: 20 * time.Millisecond, rows: of(150, 400), flags: []string{"--rate", "100/s"}}
	all := r.inWorlds(t, of(3, 12), o, func(w *world) {
		for done := 0; done < of(3, 84); {
			l := lives[w.random.IntN(len(lives))]
			p := w.launch(w.URL())
			switch {
			case !p.endsWithin(between(w.random, l.least, l.most)) && p.kill():
				kills.count(p.phase())
				done++
				if w.random.IntN(4) > 0 {
					time.Sleep(w.lease)
				}
			case p.held():
				w.pause()
			default:
				w.over(p)
			}
		}
		w.finish(nil)
	})
	t.Logf("kills by what was under way: %v; %v", kills.n, all)
}

// phase is what a process was at, as its last request tells.
func (p *process) phase() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.requests) == 0:
		return "start"
	case p.requests[len(p.requests)-1].create:
		return "sending"
	}
	return "looking up"
}

// A pod is killed once at a random moment, and comes up elsewhere; reads lag 5 seconds.
func TestPodWithoutADisk(t *testing.T) {
	apart(t)
	r := newRig(t, time.Duration(of(2, 3))*time.Second)
	o := options{seed: seed(t), lag: 5 * time.Second, latency: 20 * time.Millisecond, rows: of(200, 600), flags: []string{"--rate", "200/s"}}
	all := r.inWorlds(t, of(1, 20), o, func(w *world) {
		p := w.goOn(w.URL(), nil)
		p.endsWithin(between(w.random, 0, time.Duration(o.rows)*5*time.Millisecond))
		if p.kill() {
			p = nil
		}
		w.finish(p)
	})
	t.Log(all)
}

// How a process went on that was stopped.
const (
	byTimer  = "the kernel ended it"
	byItself = "it ended by itself"
	inTime   = "it woke up in time"
)

// Processes are stopped, some with hundreds of requests on their way, and wake up before or
// after another has taken over.
func TestStops(t *testing.T) {
	apart(t)
	r := newRig(t, time.Duration(of(2, 3))*time.Second)
	var stops tally
	o := options{seed: seed(t), lag: time.Second, latency: 5 * time.Millisecond, rows: of(1000, 2500), flags: []string{"--rate", "5000/s", "--workers", "512"}}
	all := r.inWorlds(t, of(1, 5), o, func(w *world) {
		var p *process
		for done := 0; done < of(1, 40); {
			if p == nil {
				p = w.goOn(w.URL(), nil)
			}
			if p.endsWithin(between(w.random, 0, 500*time.Millisecond)) {
				w.over(p, exitStopped) // where it slept nearly as long as its lease
				p = nil
				continue
			}
			inFlight := w.pileUp(p)
			var how string
			p, how = w.stop(p)
			stops.count(how)
			if how != inTime {
				stops.count(fmt.Sprintf("%d or more requests in flight", inFlight/100*100))
				done++
			}
		}
		w.finish(p, exitStopped)
	})
	t.Logf("stops by what came after: %v; %v", stops.n, all)
}

// pileUp has requests of a process take long, until some hundreds are in flight, as far as
// it sends as many, and returns how many there are. One time in four it does not wait for them.
func (w *world) pileUp(p *process) (inFlight int) {
	const slow = 1500 * time.Millisecond
	w.slow.Store(int64(slow))
	enough := 100 + w.random.IntN(of(200, 400))
	if w.random.IntN(4) == 0 {
		enough = 0
	}
	for began := time.Now(); ; {
		p.mu.Lock()
		inFlight = p.inFlight
		p.mu.Unlock()
		if inFlight >= enough || time.Since(began) > slow || p.endsWithin(5*time.Millisecond) {
			return inFlight
		}
	}
}

// stop stops a process, has others try to take over, and wakes it at a random moment. It
// returns the one that has the import then.
func (w *world) stop(p *process) (holder *process, how string) {
	w.Helper()
	signal := func(s syscall.Signal) { _ = p.Process.Signal(s) } // it may have ended
	signal(syscall.SIGSTOP)
	w.slow.Store(0)
	sleep := between(w.random, w.lease*time.Duration(of(11, 6))/10, w.lease*time.Duration(of(20, 25))/10)
	wakes := time.Now().Add(sleep)
	woken := make(chan struct{}) // closed when it is awake
	time.AfterFunc(sleep, func() {
		defer close(woken)
		signal(syscall.SIGCONT)
	})
	other := w.goOn(w.URL(), func() bool { return time.Since(wakes) > w.lease/2 && !p.endsWithin(0) })
	<-woken
	switch {
	case other == nil:
		return p, inTime
	case !p.endsWithin(5 * time.Second):
		w.Errorf("process %d of %s lives on, though another has taken over", p.number, w.source())
		return other, byItself
	case p.killed():
		return other, byTimer
	case p.end() == exitDone:
		return other, inTime
	}
	return other, byItself
}
