package importer

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/store/lease"
)

// leaseOf is a lease by the clock of a bubble, with a claim where it is wanted.
func leaseOf(t *testing.T, length time.Duration, claims bool) (*lease.Lease, *lease.Claim) {
	t.Helper()
	began := time.Now()
	l, err := lease.New(lease.Options{Length: length, Clock: func() time.Duration { return time.Since(began) }})
	if err != nil || !claims {
		return l, nil
	}
	c, err := l.Claim(l.Now())
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// From nine tenths of the lease on nothing is sent until it is renewed; then the run goes
// on by itself. A create that waited at the gate is announced anew where the journal was
// silent meanwhile.
func TestTheGateIsShutForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, length, shut, renewed = 2000, 100 * time.Second, 90 * time.Second, 93 * time.Second
		r, began := newRig(), time.Now()
		r.api.latency = time.Second
		l, c := leaseOf(t, length, true)
		r.o.Gate = l
		r.api.hangs = func(context.Context, string) error { // when it arrived, a second ago
			r.report.mu.Lock()
			defer r.report.mu.Unlock()
			if silent := time.Since(r.report.lastLine) - time.Second; silent > maxSilence {
				t.Errorf("a create left when the journal had been silent for %s", silent)
			}
			return nil
		}
		go func() {
			time.Sleep(renewed)
			c.Renewed(l.Now())
		}()
		r.mustComplete(t, testRows(n))
		r.once(t, n)
		before, after := 0, 0
		for _, at := range r.api.requests {
			switch since := at.Sub(began); {
			case since < shut:
				before++
			case since >= renewed:
				after++
			default:
				t.Errorf("a request %s after the lease began", since)
			}
		}
		if before < 1000 || after < 100 {
			t.Errorf("%d requests before and %d after the gate was shut", before, after)
		}
	})
}

// A lease that ends stops the run with the reason. What is in flight is awaited until the
// gate is closed for good, and cut then; the next run has all in, once.
func TestTheLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, hanging = 300, "c7@example.com"
		r, began := newRig(), time.Now()
		l, _ := leaseOf(t, 10*time.Second, true)
		r.api.latency = 600 * time.Millisecond
		r.o.Gate = l
		var cutAt time.Duration
		r.api.hangs = func(ctx context.Context, id string) error {
			if id != hanging || cutAt > 0 {
				return nil
			}
			<-ctx.Done()
			cutAt = time.Since(began)
			return &contact.APIError{Class: contact.Ambiguous, Failure: contact.Failure{Detail: "the request was cancelled"}, Err: ctx.Err()}
		}
		s, err := r.run(t.Context(), t, testRows(n))
		if !errors.Is(err, lease.ErrEnded) || s.Status != contact.Stopped || s.Reason != lease.ErrEnded.Error() {
			t.Fatalf("run ended %s (%s): %v", s.Status, s.Reason, err)
		}
		if s.Failed+s.Rejected > 0 || s.Pending == 0 || s.Created < 100 {
			t.Errorf("the summary says %+v", s.Counts)
		}
		if cutAt != 9500*time.Millisecond {
			t.Errorf("what was in flight was cut after %s", cutAt)
		}
		for _, at := range r.api.requests {
			if since := at.Sub(began); since >= 9*time.Second {
				t.Errorf("a request %s after the lease began", since)
			}
		}
		r.o.Gate = nil
		r.mustComplete(t, testRows(n))
		r.once(t, n)
	})
}

// An interrupted run does not wait at the gate.
func TestInterruptedAtTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		l, _ := leaseOf(t, 100*time.Second, true)
		r.o.Gate = l
		time.Sleep(91 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s, err := r.run(ctx, t, testRows(3))
		if err != nil || s.Status != contact.Interrupted || len(r.api.requests) > 0 {
			t.Errorf("run ended %s with %d requests: %v", s.Status, len(r.api.requests), err)
		}
	})
}

// Whatever sends requests asks the gate first.
func TestNothingPassesAClosedGate(t *testing.T) {
	rate := must(pace.ParseRate("unlimited"))
	options := func(r *rig, t *testing.T) Options {
		o := r.o
		o.API, o.Journal, o.Keys, o.Progress, o.Log = r.api, r.report, contact.NewKeys(), &contact.Progress{}, zerolog.Nop()
		o.Pacer = pace.NewPacer(rate, pace.PacerOptions{})
		o.Gate, _ = leaseOf(t, time.Minute, false)
		return o
	}
	reads := func(read func(*Reader)) func(*rig, *testing.T) error {
		return func(r *rig, t *testing.T) error {
			reader, end := NewReader(t.Context(), options(r, t))
			defer end()
			read(reader)
			return reader.Ended()
		}
	}
	for name, sends := range map[string]func(*rig, *testing.T) error{
		"a run": func(r *rig, t *testing.T) error {
			r.o.Gate, _ = leaseOf(t, time.Minute, false)
			_, err := r.run(t.Context(), t, testRows(3))
			return err
		},
		"an undo": func(r *rig, t *testing.T) error {
			row := change.WrittenRow{Key: contact.KeyOf([]string{"c1@example.com"}), ID: "000000000000000000000001", Status: contact.Created, Created: true, At: time.Now()}
			var parts iter.Seq2[[]change.WrittenRow, error] = func(yield func([]change.WrittenRow, error) bool) { yield([]change.WrittenRow{row}, nil) }
			_, err := UndoRows(t.Context(), parts, options(r, t), false)
			return err
		},
		"a list":    reads(func(r *Reader) { _, _ = r.List(contact.ListQuery{}) }),
		"a look-up": reads(func(r *Reader) { _, _ = r.Find("c1@example.com") }),
		"a read":    reads(func(r *Reader) { _, _, _ = r.Get("000000000000000000000001", nil) }),
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			if err := sends(r, t); !errors.Is(err, lease.ErrNoClaim) || len(r.api.requests) > 0 {
				t.Errorf("%s ended after %d requests: %v", name, len(r.api.requests), err)
			}
		})
	}
}
