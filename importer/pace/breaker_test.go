package pace

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		b := NewBreaker(3, time.Hour)
		fail := func() {
			p, err := b.Wait(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if down := b.Done(p, false); down != 0 {
				t.Fatalf("gives up after %s", down)
			}
		}
		fail()
		fail()
		if b.IsOpen() {
			t.Fatal("open after two failures of three")
		}
		fail()
		if !b.IsOpen() {
			t.Fatal("closed after three failures")
		}

		// Ten requests wait; one at a time is let through as a probe.
		passes := make(chan Pass)
		for range 10 {
			go func() {
				p, err := b.Wait(ctx)
				if err == nil {
					passes <- p
				}
			}()
		}
		probe := <-passes
		if !probe.probe {
			t.Fatal("a request passed the open breaker and is no probe")
		}
		synctest.Wait()
		time.Sleep(time.Hour / 2)
		select {
		case <-passes:
			t.Fatal("a second request passed while the probe was on its way")
		default:
		}
		b.Done(probe, false)
		probe = <-passes
		b.Unused(probe)
		probe = <-passes // an unused pass lets the next one probe
		b.Done(probe, true)
		if b.IsOpen() {
			t.Fatal("open after a definite answer")
		}
		for range 7 {
			<-passes
		}
	})
}

func TestBreakerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const giveUp = 10 * time.Minute
		b := NewBreaker(2, giveUp)
		start := time.Now()
		for {
			p, err := b.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if down := b.Done(p, false); down > 0 {
				if took := time.Since(start); took < giveUp || took > giveUp+2*maxProbeDelay {
					t.Errorf("gave up after %s, want %s and at most the distance of two probes more", took, giveUp)
				}
				return
			}
		}
	})
}

// Two requests that failed far apart are no proof that nothing works: a slow pace
// sends few.
func TestBreakerGivesUpAfterThreeFailuresAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBreaker(10, 10*time.Minute)
		for n := 1; n <= 3; n++ {
			p, err := b.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if down := b.Done(p, false); (down > 0) != (n == 3) {
				t.Errorf("failure %d: down for %s", n, down)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestBreakerWaitIsCancellable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBreaker(1, time.Hour)
		p, _ := b.Wait(t.Context())
		b.Done(p, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond/10)
		defer cancel()
		b.probeAt = time.Now().Add(time.Minute)
		start := time.Now()
		if _, err := b.Wait(ctx); err == nil {
			t.Fatal("passed an open breaker")
		}
		if time.Since(start) > time.Second {
			t.Errorf("took %s to notice the end of the context", time.Since(start))
		}
	})
}
