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
		b := NewBreaker(3)
		fail := func() {
			p, err := b.Wait(ctx)
			if err != nil {
				t.Fatal(err)
			}
			b.Done(p, false)
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

func TestBreakerWaitIsCancellable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBreaker(1)
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
