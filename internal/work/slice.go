package work

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"importer/importer/contact"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/jobs"
	"importer/internal/plain"
	"importer/internal/session"
)

// A runner is what River calls with a run: it carries out a slice.
type runner struct {
	river.WorkerDefaults[jobs.Args]
	w *worker
}

// Work implements river.Worker. It fails only by snoozing: how a run ends stands in the job.
func (r *runner) Work(ctx context.Context, job *river.Job[jobs.Args]) error {
	w := r.w
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	default: // River counts each queue by itself
		return river.JobSnooze(fetchEvery)
	}
	if w.ctx.Err() != nil {
		return river.JobSnooze(0)
	}
	again, err := w.slice(job.Args)
	if err != nil {
		w.Log.Error().Err(err).Str("job", plain.Line(job.Args.Name)).Msg("the run is tried again")
		return river.JobSnooze(cmp.Or(again, heldSnooze))
	}
	if again >= 0 {
		return river.JobSnooze(again)
	}
	return nil
}

// ended is what slice returns of a run of which nothing is left to do.
const ended time.Duration = -1

// slice carries out a slice of a run. It returns when the next is to follow, or ended. An
// error is of the store.
func (w *worker) slice(a jobs.Args) (again time.Duration, err error) {
	settings, ok, err := w.Jobs.Begin(w.ctx, a)
	if err != nil || !ok {
		return ended, err
	}
	result, over := w.carryOut(a, settings)
	switch {
	case over != nil && context.Cause(w.ctx) != nil: // by a signal, or because the lease ended
		return 0, nil
	case over != nil:
		return *over, nil
	}
	if err := w.Jobs.End(context.WithoutCancel(w.ctx), a, result); err != nil {
		return 0, err
	}
	w.mu.Lock()
	w.ended = append(w.ended, Ended{a.Name, result.Exit, result.Reason})
	w.mu.Unlock()
	return ended, nil
}

// carryOut does a slice. It returns how the run ended, or when the next slice is to follow.
func (w *worker) carryOut(a jobs.Args, settings string) (r jobs.Result, over *time.Duration) {
	log := w.Log.With().Str("job", plain.Line(a.Name)).Logger()
	s, printed, err := w.open(a.Name, settings, log)
	if err != nil {
		log.Error().Err(err).Msg("the job cannot be carried out here")
		return jobs.Result{Exit: exitUsage, Status: string(contact.Stopped), Reason: plain.Message(err)}, nil
	}
	ctx, cancel := context.WithCancelCause(w.ctx)
	s.Env.Context = ctx
	begun := make(chan struct{}) // closed by the import
	cut := make(chan struct{})   // closed when nothing cuts it any more
	go func() {
		defer close(cut)
		w.cut(ctx, cancel, a, s, begun)
	}()
	r.BaseURL, r.ProjectID = s.BaseURL, s.Config.API.ProjectID
	hide := func() {}
	exit, err := w.Import(ctx, s, func() {
		close(begun)
		hide = w.board.show(a.Name, s)
	})
	hide()
	stopped := ctx.Err() != nil
	cancel(nil)
	<-cut
	switch {
	case err != nil && stopped && exit != exitNotAllIn:
		log.Debug().Msg("the slice is over")
		return r, new(time.Duration)
	case exit == exitLocked:
		log.Info().AnErr("held", err).Msg("the run waits")
		wait := heldSnooze
		return r, &wait
	}
	r.Exit = exit
	var summary struct {
		Status, Reason string
	}
	if text := bytes.TrimSpace(printed.Bytes()); json.Unmarshal(text, &summary) == nil {
		r.Summary, r.Status, r.Reason = text, summary.Status, summary.Reason
	}
	if err != nil && exit != exitNotAllIn {
		r.Status, r.Reason = string(contact.Stopped), plain.Message(err)
	}
	level := zerolog.InfoLevel
	if exit != 0 {
		level = zerolog.ErrorLevel
	}
	log.WithLevel(level).Int("exit", exit).Str("status", r.Status).Str("reason", r.Reason).Msg("the run has ended")
	return r, nil
}

// The exit codes that a worker goes by.
const (
	exitUsage    = 2
	exitNotAllIn = 3
	exitLocked   = 4
)

// open makes a session of the settings of a job. Nothing of them is used that the worker
// does not allow.
func (w *worker) open(name, settings string, log zerolog.Logger) (*session.Session, *bytes.Buffer, error) {
	c, err := config.OfJob("the job "+plain.Line(name), []byte(settings))
	if err != nil {
		return nil, nil, err
	}
	if c.Job.Name != name {
		return nil, nil, config.Errorf("the settings of the job %s are of another, %s: submit it again", plain.Line(name), plain.Line(c.Job.Name))
	}
	if err := w.Allow.Check(c); err != nil {
		return nil, nil, err
	}
	c.Store, c.Lease = w.Config.Store, w.Config.Lease
	c.Log, c.Progress, c.JSON = w.Config.Log, "none", true
	c.Report.Path = name
	if !c.StateNamed {
		c.Sync.State, c.StateNamed = name+".state.db", true // of its own: what a mirror does not find in its source it removes
	}
	if err := c.API.ReadKey(w.Env.Getenv); err != nil {
		return nil, nil, err
	}
	env := w.Env
	env.Store = w.Jobs.Store
	printed := new(bytes.Buffer)
	env.Stdin, env.Stdout, env.Printed = new(bytes.Buffer), printed, new(bool)
	env.Getenv = func(name string) string {
		if name == "GOMEMLIMIT" { // the worker bounds what all of them take
			return cmp.Or(w.Env.Getenv(name), "set")
		}
		return w.Env.Getenv(name)
	}
	s, err := session.New(c, env)
	if err != nil {
		return nil, nil, err
	}
	s.Log = log
	s.Line = commandline.Line{Program: env.Program, Mode: c.Mode, Flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	return s, printed, nil
}

// A cutter decides when a slice is over.
type cutter struct {
	opened time.Time // when the slice began
	rows   time.Time // when its rows began; zero: not yet
	first  time.Time // when the first of them had an outcome; zero: not yet
	short  time.Duration
	long   time.Duration
}

// over tells whether a slice ends at a time: at its end, and early while others wait. It lasts
// at least as long as it took to come to its first outcome, so that half of the time is of
// use; where the quota let nothing through, others may have more luck.
func (c *cutter) over(now time.Time, waiting, sent bool) bool {
	switch {
	case c.rows.IsZero():
		return false
	case now.Sub(c.rows) >= max(c.long, c.rows.Sub(c.opened)):
		return true
	case !waiting:
		return false
	case c.first.IsZero():
		return !sent && now.Sub(c.rows) >= max(c.short, c.rows.Sub(c.opened))
	}
	return now.Sub(c.first) >= max(c.short, c.first.Sub(c.opened))
}

// cut ends a slice when it is over, and at once where the job was paused or removed. It
// returns when ctx is done.
func (w *worker) cut(ctx context.Context, cancel context.CancelCauseFunc, a jobs.Args, s *session.Session, begun <-chan struct{}) {
	c := cutter{opened: time.Now(), short: shortSlice, long: longSlice}
	if window := s.Rules.Rate.Window; window > 0 {
		c.long = min(window, c.long)
	}
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-begun:
			c.rows, begun = time.Now(), nil
			continue
		case <-every.C:
		}
		before := waiting
		var wanted bool
		var err error
		if wanted, waiting, err = w.Jobs.Wanted(ctx, a, w.served()); err != nil {
			s.Log.Debug().Err(err).Msg("it is not known whether others wait")
			continue
		}
		snap := s.Progress.Snapshot()
		if c.first.IsZero() && settled(snap) > 0 {
			c.first = time.Now()
		}
		if c.short = shortSlice; snap.InDoubt > 0 { // looked up when reads have caught up, and not before
			c.short += s.Config.InDoubt.Settle
		}
		if !wanted || c.over(time.Now(), waiting && before, snap.Requests > 0) {
			cancel(ErrHandedBack)
			return
		}
	}
}

// settled counts the rows that took a request and have an outcome.
func settled(s contact.Snapshot) int64 {
	return s.Created + s.Updated + s.Unchanged + s.Existing + s.Absent + s.Deactivated + s.Deleted + s.Rejected + s.Failed + s.Unknown
}
