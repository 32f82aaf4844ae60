package cli

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/metrics"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
)

// An observer sees what a run does, for people: it shows progress, serves the live
// page and the metrics, writes requests to the report now and then, gathers why
// rows are not in, and tells at the end. The import needs none of it.
type observer struct {
	config    config.Config
	userAgent string
	log       zerolog.Logger
	display   *display
	progress  *contact.Progress
	pacer     *pace.Pacer
	metrics   *metrics.Metrics
	notify    *url.URL // nil: nobody is told

	traffic  contact.TrafficMeter
	failures contact.FailureGroups // of the goroutine that calls contact.Run
	told     int                   // failures that were logged one by one

	stopServing func() error
	done        chan struct{} // closed by stop; nil before start and after stop
	stopped     chan struct{} // closed by the goroutine of start
}

// newObserver checks the settings that are for people.
func newObserver(c config.Config, env Env, d *display, p *contact.Progress, pacer *pace.Pacer, log zerolog.Logger) (*observer, error) {
	o := &observer{
		config: c, userAgent: "importer/" + env.Version, log: log, display: d, progress: p, pacer: pacer,
		metrics: metrics.New(env.Version, p, pacer), stopServing: func() error { return nil },
	}
	if c.Notify.URL != "" {
		var err error
		if o.notify, err = notifyURL(string(c.Notify.URL), c.InsecureHTTP); err != nil {
			return nil, usage(err)
		}
	}
	if file := c.Metrics.Textfile; file != "" {
		err := o.metrics.Remember(file)
		if err == nil {
			err = o.metrics.WriteTextfile(file)
		}
		if err != nil {
			return nil, config.Errorf("--metrics-textfile (metrics.textfile): %w", err)
		}
	}
	return o, nil
}

// Requests are written down each second at first, so that a short run has a
// timeline too, and later at the pace of a scrape.
const (
	trafficAtFirst = time.Second
	firstWhile     = time.Minute
	trafficEvery   = 15 * time.Second
	textfileEvery  = 15 * time.Second
)

// answered is told of each request, by the goroutine that sent it.
func (o *observer) answered(a cognigy.Answer) {
	o.traffic.Observe(a.Operation, a.Status, a.Duration)
	if m := o.config.Metrics; m.Listen != "" || m.Textfile != "" {
		o.metrics.Observe(a.Operation, a.Status, a.Duration)
	}
}

// start shows the run, serves its page, and writes traffic to the report and
// metrics to their file, until stop. The goroutines are the observer's. With an
// error nothing was started.
func (o *observer) start(report *journal.Report, reportPath string, input *source.Input, stdin io.Reader) error {
	v := view{progress: o.progress, input: input, pacer: o.pacer, started: time.Now(), before: settledBefore(report.Keys())}
	if o.display.kind != "none" || o.config.Metrics.Listen != "" {
		v.total = countRows(o.config, stdin)
	}
	if addr := o.config.Metrics.Listen; addr != "" {
		var err error
		if o.stopServing, err = serveLive(addr, reportPath, v, o.metrics, o.log); err != nil {
			return err
		}
	}
	o.display.start(v)
	textfile := o.config.Metrics.Textfile
	o.done, o.stopped = make(chan struct{}), make(chan struct{})
	began := time.Now()
	o.traffic.Begin(began)
	write := func() {
		if t, any := o.traffic.Cut(time.Now()); any {
			// Where the report is broken, the run hears of it at its next line.
			_ = report.Traffic(t)
		}
	}
	go func() {
		defer close(o.stopped)
		defer write()
		tick, scrape := time.NewTicker(trafficAtFirst), time.NewTicker(textfileEvery)
		defer tick.Stop()
		defer scrape.Stop()
		for {
			select {
			case <-o.done:
				return
			case <-tick.C:
				if time.Since(began) > firstWhile {
					tick.Reset(trafficEvery)
				}
				write()
			case <-scrape.C:
				if textfile != "" {
					// What fails now is tried again; the last attempt tells.
					_ = o.metrics.WriteTextfile(textfile)
				}
			}
		}
	}()
	return nil
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

// tell says how the run ended: to Prometheus, and to whom is to be notified. It
// comes last: whether anybody listens is no matter of the import. An interrupted
// run tells too; a second signal exits at once.
func (o *observer) tell(ctx context.Context, s contact.Summary, ok bool) {
	o.metrics.End(ok && s.Status == contact.Complete && s.NotIn() == 0)
	if file := o.config.Metrics.Textfile; file != "" {
		if err := o.metrics.WriteTextfile(file); err != nil {
			o.log.Error().Err(err).Msg("the metrics of this run are not where they should be")
		}
	}
	if o.notify == nil {
		return
	}
	if err := notify(context.WithoutCancel(ctx), o.notify, o.userAgent, s); err != nil {
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

// mostTold is how many rows that are not in are logged one by one, one of each
// kind. The others are counted, and shown in groups at the end.
const mostTold = 5

func (o *observer) failed(out *contact.Outcome) {
	group := o.failures.Add(out)
	if o.told >= mostTold || !o.failures.First(group) {
		return
	}
	o.told++
	f := out.Failure
	if f == nil {
		f = &contact.Failure{}
	}
	e := o.log.Warn().Str("source", out.Row.Source).Int("line", out.Row.Line).Stringer("status", out.Status)
	if f.Field != "" && !o.config.Report.Redact {
		e = e.Str("field", f.Field)
	}
	if f.HTTP != 0 {
		e = e.Int("http", f.HTTP)
	}
	if f.Code != 0 {
		e = e.Int("code", f.Code)
	}
	if o.log.GetLevel() <= zerolog.DebugLevel && !o.config.Report.Redact {
		// Marked, so that a log pipeline can drop what is about a person.
		e = e.Dict("personal", zerolog.Dict().Strs("contactIds", out.Row.Profile.ContactIDs).Str("detail", f.Detail))
	}
	if o.told == mostTold {
		e.Msg("row not in; further ones are counted, and shown in groups at the end")
		return
	}
	e.Msg("row not in; those like it are counted")
}

// A watchedReport shows the observer what is appended.
type watchedReport struct {
	*journal.Report
	o *observer
}

// Append implements contact.Report.
func (r watchedReport) Append(outcomes ...*contact.Outcome) error {
	for _, out := range outcomes {
		if !out.Status.In() && !out.Status.Refused() {
			r.o.failed(out)
		}
	}
	return r.Report.Append(outcomes...)
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
