package importer

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/weigh"
	"importer/importer/whose"
)

// Options are what a run needs. Unless said otherwise every field must be set.
type Options struct {
	API     API
	Journal Journal
	Rejects Rejects
	Keys    *contact.Keys // replayed from the report; the run owns it until it returns
	Pacer   *pace.Pacer   // every request buys a token of it
	Log     zerolog.Logger
	// Gate lets each request pass, as the last thing before it is sent; nil: it is open.
	Gate pace.Gate
	// Progress takes the counters of the run while it lasts.
	Progress *contact.Progress

	Workers int // requests in flight at most; at least 1
	Retries int // attempts after the first, for what may be tried again; 0 is none
	// RetryRejected sends rows again that the API refused in an earlier run and
	// that have not changed since.
	RetryRejected bool
	// Settle is how long reads of the API may lag behind its writes.
	Settle time.Duration
	// GiveUpAfter is how long nothing may work before the run stops, refusals
	// because of the quota included.
	GiveUpAfter time.Duration
	// GiveUpAtStart is the same where nothing has worked yet in this run, those
	// refusals apart; 0: GiveUpAfter.
	GiveUpAtStart time.Duration
	// Limit is how many rows that need a request the run takes: it reads no further. 0: all.
	Limit int64
	// MaxErrors stops the run when more rows than that are refused.
	MaxErrors contact.MaxErrors
	// State is what the last sync left: rows are compared with it, and it is told
	// of each outcome. Nil creates, and changes nothing that is there.
	State change.State
	// UpdateOnly creates nobody: who is not there is Absent. With State only, and not
	// with whose.DiscoverNobody.
	UpdateOnly bool
	// Behaviour is what is known of the API; the zero value works either way.
	Behaviour contact.Behaviour
	// RefreshAfter is how long after its last change a profile is touched, so that
	// it does not expire. With State only.
	RefreshAfter time.Duration
	// Mirror says what becomes of contacts that are missing from the source; nil keeps them.
	// With State only.
	Mirror *change.Mirror
	// KeepPrevious puts into the report what updates take away.
	KeepPrevious bool
	// Raws tells the rows of the input apart as they stand in it; nil: settles no row by
	// its correction.
	Raws *contact.RawRows
	// Duplicates says which of several rows with the same contact ids goes in.
	Duplicates contact.Duplicates
	// Discovery is how the run learns who is in the project before it creates
	// anybody, and OnConflict what becomes of a row that is about several profiles.
	Discovery  whose.Discovery
	OnConflict whose.OnConflict
	Listing    Listing // empty; nil where Existing is whose.DiscoverNobody
	// StampField is the profile field that carries the key of the row, as proof in
	// look-ups; empty: none.
	StampField string
}

// Run imports rows until the input ends, ctx is done, or no row can succeed any
// more. It waits for the requests that are in flight before it returns, and for
// its goroutines, but for the one that reads the source when the run is stopped
// while the source blocks: that one ends with the next row, or with the source.
//
// The summary is right in every case; Run, Report, Rejects and Duration are left
// to the caller. Its status is Interrupted when ctx was done, with a nil error,
// and Stopped with every error.
func Run(ctx context.Context, rows contact.Rows, o Options) (contact.Summary, error) {
	e, cancel := newEngine(ctx, o)
	defer cancel(nil)
	e.presence.held.Store(int64(o.Keys.Count(contact.Created))) // until the project is asked
	go e.readRows(rows)
	var senders errgroup.Group
	senders.Go(func() error { e.feed(); return nil })
	for range o.Workers {
		senders.Go(func() error { e.sendRows(); return nil })
	}
	go func() {
		_ = senders.Wait() // senders return no error
		close(e.doubts)
	}()
	go func() {
		e.settleDoubts()
		close(e.results)
	}()
	e.record()
	e.removeMissing()
	return e.finish(ctx)
}

// newEngine makes the engine of one run, which ends when it is cancelled.
func newEngine(ctx context.Context, o Options) (*engine, context.CancelCauseFunc) {
	o.Gate = cmp.Or[pace.Gate](o.Gate, pace.Open{})
	runCtx, sendCtx, cancel, end := pace.Contexts(ctx, o.Gate)
	atHand := 0 // tasks that wait for a worker, for none to wait for the feeder
	if o.Pacer.Unlimited() {
		atHand = o.Workers
	}
	e := &engine{
		Options: o,
		ctx:     runCtx,
		sendCtx: sendCtx,
		cancel:  cancel,
		breaker: pace.NewBreaker(max(10, o.Workers)),
		limit:   pace.NewConcurrency(o.Workers),

		identity:    contact.NewIdentity(o.Keys, o.Duplicates, &o.Progress.Remarks),
		census:      change.Census{Mirror: o.Mirror, State: o.State, Keys: o.Keys},
		corrections: change.Corrections{Raws: o.Raws, Keys: o.Keys, State: o.State, UpdateOnly: o.UpdateOnly},

		reading: weigh.NewGate(), telling: weigh.NewGate(),
		records: make(chan item, 64),
		work:    make(chan *task, atHand),
		doubts:  make(chan *task),
		results: make(chan result, 64),

		inputErr: make(chan error, 1),
		started:  time.Now(),
	}
	e.readCtx, e.readEnough = context.WithCancel(runCtx)
	e.clocks.Gateway = o.API.ClockSkew
	e.health = pace.NewHealth(e.stop, e.logFailure, cmp.Or(o.GiveUpAtStart, o.GiveUpAfter), o.GiveUpAfter)
	e.lastLine.Store(int64(-maxSilence))
	return e, func(cause error) {
		cancel(cause)
		end()
		e.health.Close()
	}
}

// An engine is one run. Its channels and who closes them:
//
//	records  readRows → feed          closed by readRows
//	work     feed → sendRows          closed by feed
//	doubts   feed, sendRows → lane    closed when those have ended
//	results  all → record             closed by the lane, the last to end
type engine struct {
	Options
	ctx     context.Context // done: nothing new is sent
	sendCtx context.Context // done when the gate is closed: until then a request once sent is worth its answer
	cancel  context.CancelCauseFunc
	readCtx context.Context // done: no further row is read
	breaker *pace.Breaker
	limit   *pace.Concurrency // of the requests in flight
	health  *pace.Health

	reading, telling weigh.Gate // of records and of results

	records chan item
	work    chan *task
	doubts  chan *task
	results chan result

	refused atomic.Int64 // rows that this run refused

	inputErr chan error // what ended the input early; sent before records is closed

	presence presence
	spelling contact.Spelling
	clocks   whose.Clocks
	made     whose.Made

	started  time.Time
	lastLine atomic.Int64 // when the report got its last line, in ns since started; or a moment before

	// Owned by feed.
	identity    *contact.Identity
	corrections change.Corrections
	waitLogged  time.Time          // that the run waits, until then
	readEnough  context.CancelFunc // ends readCtx
	needing     int64              // rows that need a request
	limited     bool               // there are rows beyond Limit

	// Owned by record.
	lines      []*contact.Outcome // reused
	unsent     []contact.Key
	intent     contact.Intent // of what is recorded
	census     change.Census
	notRemoved int64         // contacts that a mirror could not remove
	inputEnded error         // what inputFailed found
	undone     change.Undone // of an undo

	// Of an undo.
	force  bool         // undo what was changed since as well
	partly atomic.Int64 // profiles that keep what was added to them
}

// stop ends the run: nothing new is sent. The first cause holds.
func (e *engine) stop(cause error) { e.cancel(cause) }

func (e *engine) stopping() bool { return e.ctx.Err() != nil }

// inputFailed is what ended the input early; nil where it was read to its end, or as far
// as Limit. Everything that was read has gone through by then, so the reader has ended.
func (e *engine) inputFailed() error {
	if e.limited {
		return nil // whatever the reader met behind that
	}
	select {
	case e.inputEnded = <-e.inputErr:
	default:
	}
	return e.inputEnded
}

// finish makes the summary of a run whose goroutines have all ended.
func (e *engine) finish(ctx context.Context) (contact.Summary, error) {
	snapshot := e.Progress.Snapshot()
	s := contact.Summary{
		Status: contact.Complete, Counts: snapshot.Counts,
		Requests: snapshot.Requests, Retries: snapshot.Retries, Throttled: snapshot.Throttled, LookedUp: snapshot.LookedUp, Limited: e.limited,
	}
	e.Progress.Remarks.Summarize(&s)
	err := context.Cause(e.ctx)
	switch {
	case err == nil:
		err = e.inputFailed()
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		s.Status, s.Reason = contact.Interrupted, "interrupted"
		err = nil
	}
	if e := s.Counts.Check(); e != nil {
		err = errors.Join(err, e)
	}
	if err != nil {
		s.Status, s.Reason = contact.Stopped, err.Error()
	}
	return s, err
}
