package cli

import (
	"context"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/metrics"
	"importer/sink/journal"
	"importer/sink/rejects"
)

// An observer sees what a run does, for people: it shows progress, serves the live
// page and the metrics, writes requests to the report now and then, gathers why
// rows are not in, and says how the run ended. The import needs none of it.
type observer struct {
	*session
	metrics *metrics.Metrics
	notify  *url.URL // nil: nobody is notified

	traffic  contact.TrafficMeter
	failures contact.FailureGroups // of the goroutine that calls contact.Run
	logged   int                   // failures that were logged one by one

	stopServing func() error
	done        chan struct{} // closed by stop; nil before start and after stop
	stopped     chan struct{} // closed by the goroutine of start
}

// openWatch checks the settings that are for people, and watches the requests.
func (s *session) openWatch() error {
	o := &observer{session: s, metrics: metrics.New(s.env.Version, &s.progress, s.pacer), stopServing: func() error { return nil }}
	if s.c.Notify.URL != "" {
		var err error
		if o.notify, err = notifyURL(string(s.c.Notify.URL), s.c.InsecureHTTP); err != nil {
			return usage(err)
		}
	}
	if file := s.c.Metrics.Textfile; file != "" {
		err := o.metrics.Remember(file)
		if err == nil {
			err = o.metrics.WriteTextfile(file)
		}
		if err != nil {
			return config.Errorf("--metrics-textfile (metrics.textfile): %w", err)
		}
	}
	s.watch = o
	return nil
}

// Requests are written down each second at first, so that a short run has a
// timeline too, and later at the pace of a scrape.
const (
	trafficAtFirst = time.Second
	firstWhile     = time.Minute
	trafficEvery   = 15 * time.Second
	textfileEvery  = 15 * time.Second
)

// answered takes note of each request, in the goroutine that sent it.
func (o *observer) answered(a cognigy.Answer) {
	o.traffic.Observe(a.Operation, a.Status, a.Duration)
	if m := o.c.Metrics; m.Listen != "" || m.Textfile != "" {
		o.metrics.Observe(a.Operation, a.Status, a.Duration)
	}
}

// start shows the run, serves its page, and writes traffic to the report and
// metrics to their file, until stop, which close calls as well. The goroutines are
// the observer's. With an error nothing was started.
func (o *observer) start() error {
	v := o.view()
	v.before = settledBefore(o.report.Keys())
	if o.display.kind != "none" || o.c.Metrics.Listen != "" {
		v.total = countRows(o.c, o.env.Stdin)
	}
	if addr := o.c.Metrics.Listen; addr != "" {
		var err error
		if o.stopServing, err = serveLive(addr, o.path, v, o.metrics, o.log); err != nil {
			return err
		}
	}
	o.display.start(v)
	o.traffic.Begin(time.Now())
	o.done, o.stopped = make(chan struct{}), make(chan struct{})
	go o.writeNowAndThen(o.done)
	o.onClose(o.stop)
	return nil
}

// writeNowAndThen writes traffic and metrics until done is closed, and the rest of
// the traffic then.
func (o *observer) writeNowAndThen(done <-chan struct{}) {
	defer close(o.stopped)
	began := time.Now()
	defer o.writeTraffic()
	tick, scrape := time.NewTicker(trafficAtFirst), time.NewTicker(textfileEvery)
	defer tick.Stop()
	defer scrape.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if time.Since(began) > firstWhile {
				tick.Reset(trafficEvery)
			}
			o.writeTraffic()
		case <-scrape.C:
			if file := o.c.Metrics.Textfile; file != "" {
				// What fails now is tried again; the last attempt is logged.
				_ = o.metrics.WriteTextfile(file)
			}
		}
	}
}

func (o *observer) writeTraffic() {
	if t, any := o.traffic.Cut(time.Now()); any {
		// Where the report is broken, the run hears of it at its next line.
		_ = o.report.Traffic(t)
	}
}

// stop ends what start began, and waits for it. The rest of the traffic is
// written by then. It may be called again.
func (o *observer) stop() error {
	if o.done == nil {
		return nil
	}
	o.display.stop()
	err := o.stopServing()
	close(o.done)
	<-o.stopped
	o.done = nil
	return err
}

// notifyAll says how the run ended: to Prometheus, and to the URL of --notify. It
// comes last, because the import does not depend on who listens. An interrupted run
// does so too; a second signal exits at once.
func (o *observer) notifyAll(ctx context.Context, s contact.Summary, ok bool) {
	o.metrics.End(ok && s.Status == contact.Complete && s.NotIn() == 0)
	if file := o.c.Metrics.Textfile; file != "" {
		if err := o.metrics.WriteTextfile(file); err != nil {
			o.log.Error().Err(err).Msg("the metrics of this run are not where they should be")
		}
	}
	if o.notify == nil {
		return
	}
	if err := notify(context.WithoutCancel(ctx), o.notify, "importer/"+o.env.Version, s); err != nil {
		o.log.Error().Err(err).Msg("nobody was told how the run ended")
	}
}

// settledBefore counts the contacts that need no request any more.
func settledBefore(keys *contact.Keys) int64 {
	n := keys.Len()
	for _, s := range []contact.Status{contact.InDoubt, contact.Failed, contact.Unknown, contact.Rejected} {
		n -= keys.Count(s)
	}
	return int64(n)
}

// maxLogged is how many rows that are not in are logged one by one, one of each
// kind. The others are counted, and shown in groups at the end.
const maxLogged = 5

func (o *observer) failed(out *contact.Outcome) {
	group := o.failures.Add(out)
	if o.logged >= maxLogged || !o.failures.First(group) {
		return
	}
	o.logged++
	f := out.Failure
	if f == nil {
		f = &contact.Failure{}
	}
	e := o.log.Warn().Str("source", out.Row.Source).Int("line", out.Row.Line).Stringer("status", out.Status)
	if f.Field != "" && !o.c.Report.Redact {
		e = e.Str("field", f.Field)
	}
	if f.HTTP != 0 {
		e = e.Int("http", f.HTTP)
	}
	if f.Code != 0 {
		e = e.Int("code", f.Code)
	}
	if o.log.GetLevel() <= zerolog.DebugLevel && !o.c.Report.Redact {
		// Marked, so that a log pipeline can drop what is about a person.
		e = e.Dict("personal", zerolog.Dict().Strs("contactIds", out.Row.Profile.ContactIDs).Str("detail", f.Detail))
	}
	if o.logged == maxLogged {
		e.Msg("row not in; further ones are counted, and shown in groups at the end")
		return
	}
	e.Msg("row not in; those like it are counted")
}

// A watchedReport shows the observer what is appended.
type watchedReport struct {
	*journal.Journal
	o *observer
}

// Append implements importer.Journal.
func (r watchedReport) Append(outcomes ...*contact.Outcome) error {
	for _, out := range outcomes {
		if !out.Status.In() && !out.Status.Refused() {
			r.o.failed(out)
		}
	}
	return r.Journal.Append(outcomes...)
}

// watchedRejects shows the observer what is refused, also what an earlier run had
// refused and nobody changed.
type watchedRejects struct {
	*rejects.Rejects
	o *observer
}

// Reject implements contact.Rejects.
func (r watchedRejects) Reject(out *contact.Outcome) error {
	r.o.failed(out)
	return r.Rejects.Reject(out)
}
