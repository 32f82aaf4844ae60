package live

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/metrics"
	"importer/internal/report"
	"importer/sink/journal"
)

// A Watch sees what a run does, for people: it shows progress, serves the live page
// and the metrics, writes requests to the report now and then, gathers why rows are
// not in, and says how the run ended.
type Watch struct {
	c         config.Config
	userAgent string
	display   *Display
	log       zerolog.Logger
	metrics   *metrics.Metrics
	notify    *url.URL // nil: nobody is notified
	traffic   contact.TrafficMeter

	// LastWorked is that the last run of the report worked, or there was none.
	LastWorked bool

	// Failures are the rows that Failed was told of; of the goroutine that calls it.
	Failures contact.FailureGroups
	logged   int // one by one
}

// NewWatch checks the settings that are for people. Nothing is shown or served yet.
func NewWatch(c config.Config, version string, d *Display, log zerolog.Logger, v View) (*Watch, error) {
	w := &Watch{c: c, userAgent: "importer/" + version, display: d, log: log, metrics: metrics.New(version, v.Progress, v.Pacer), LastWorked: true}
	if c.Notify.URL != "" {
		var err error
		if w.notify, err = notifyURL(string(c.Notify.URL), c.InsecureHTTP); err != nil {
			return nil, err
		}
	}
	if file := c.Metrics.Textfile; file != "" {
		err := w.metrics.Remember(file)
		if err == nil {
			err = w.metrics.WriteTextfile(file)
		}
		if err != nil {
			return nil, config.Errorf("--metrics-textfile (metrics.textfile): %w", err)
		}
	}
	return w, nil
}

// Answered takes note of a request: its operation, the status of its answer, 0 for
// none, and how long it took. It may be called from several goroutines.
func (w *Watch) Answered(operation string, status int, took time.Duration) {
	w.traffic.Observe(operation, status, took)
	if m := w.c.Metrics; m.Listen != "" || m.Textfile != "" {
		w.metrics.Observe(operation, status, took)
	}
}

// Start shows the run that v is of, serves its page, and writes its requests to its
// report, which a keeper has under a name, and its metrics to their file, until stop. All
// of that is written when stop returns, which may be called again. With an error nothing
// was started.
func (w *Watch) Start(v View, to *journal.Journal, k journal.Keeper, name string) (stop func() error, err error) {
	v.before = settledBefore(to.Keys())
	if w.display.kind != "none" || w.c.Metrics.Listen != "" {
		v.total = countRows(v.Input)
	}
	stopServing := func() error { return nil }
	if addr := w.c.Metrics.Listen; addr != "" {
		if stopServing, err = w.serve(addr, v, k, name); err != nil {
			return nil, err
		}
	}
	stopShowing := w.display.Start(v)
	w.traffic.Begin(time.Now())
	// Each second at first, so that a short run has a timeline too, and later at the
	// pace of a scrape.
	began, next := time.Now(), time.Time{}
	stopTraffic := every(time.Second, func() {
		now := time.Now()
		if now.Before(next) {
			return
		}
		w.writeTraffic(to)
		if now.Sub(began) > time.Minute {
			next = now.Add(15 * time.Second)
		}
	})
	stopTextfile := every(15*time.Second, func() {
		// What fails now is tried again; the last attempt is logged.
		_ = w.writeTextfile()
	})
	return sync.OnceValue(func() error {
		stopShowing()
		err := stopServing()
		stopTextfile()
		stopTraffic()
		w.writeTraffic(to)
		return err
	}), nil
}

// Page is the live page of the run that v is of, whose report a keeper has under a name. The
// caller closes it.
func Page(v View, k journal.Keeper, name, token string) *report.Live {
	return report.NewLive(k, name, token, v.now)
}

// serve serves the page and the metrics of the run until stop.
func (w *Watch) serve(addr string, v View, k journal.Keeper, name string) (stop func() error, err error) {
	token := rand.Text()
	page := report.NewLive(k, name, token, v.now)
	stopListening, err := listen(addr, token, page, w.metrics.Handler(), w.log)
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(stopListening(), page.Close()) }, nil
}

func (w *Watch) writeTraffic(to *journal.Journal) {
	if t, any := w.traffic.Cut(time.Now()); any {
		// Where the report is broken, the run hears of it at its next line.
		_ = to.Traffic(t)
	}
}

func (w *Watch) writeTextfile() error {
	if w.c.Metrics.Textfile == "" {
		return nil
	}
	return w.metrics.WriteTextfile(w.c.Metrics.Textfile)
}

// Ended says how the run ended: to Prometheus, and to the URL of --notify. It comes
// last, because the import does not depend on who listens. An interrupted run does
// so too; a second signal exits at once.
func (w *Watch) Ended(ctx context.Context, s contact.Summary, ok bool) {
	w.metrics.End(ok && s.Succeeded())
	if err := w.writeTextfile(); err != nil {
		w.log.Error().Err(err).Msg("the metrics of this run are not where they should be")
	}
	if worked := ok && s.Succeeded(); w.notify != nil && isDue(w.c.Notify.On, worked, w.LastWorked) {
		tell(context.WithoutCancel(ctx), w.notify, w.userAgent, s, w.log)
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

// Failed takes note of a row that is not in.
func (w *Watch) Failed(out *contact.Outcome) {
	group := w.Failures.Add(out)
	if w.logged >= maxLogged || !w.Failures.First(group) {
		return
	}
	w.logged++
	f := out.Failure
	if f == nil {
		f = &contact.Failure{}
	}
	e := w.log.Warn().Str("source", out.Row.Source).Int("line", out.Row.Line).Stringer("status", out.Status)
	if f.Field != "" && !w.c.Report.Redact {
		e = e.Str("field", f.Field)
	}
	if f.HTTP != 0 {
		e = e.Int("http", f.HTTP)
	}
	if f.Code != 0 {
		e = e.Int("code", f.Code)
	}
	if w.log.GetLevel() <= zerolog.DebugLevel && !w.c.Report.Redact {
		// Marked, so that a log pipeline can drop what is about a person.
		e = e.Dict("personal", zerolog.Dict().Strs("contactIds", out.Row.Profile.ContactIDs).Str("detail", f.Detail))
	}
	if w.logged == maxLogged {
		e.Msg("row not in; further ones are counted, and shown in groups at the end")
		return
	}
	e.Msg("row not in; those like it are counted")
}
