package cli

import (
	"time"

	"github.com/rs/zerolog"

	"importer/cognigy"
	"importer/importer"
	"importer/sink"
)

// An observer sees what a run does, for people: it counts requests and writes
// them to the report now and then, and gathers why rows are not in.
type observer struct {
	log    zerolog.Logger
	redact bool

	traffic  importer.TrafficMeter
	failures importer.FailureGroups // of the goroutine that calls importer.Run
	told     int                    // failures that were logged one by one

	done    chan struct{} // closed by stop
	stopped chan struct{} // closed by the goroutine of start
}

// Requests are written down each second at first, so that a short run has a
// timeline too, and later at the pace of a scrape.
const (
	trafficAtFirst = time.Second
	firstWhile     = time.Minute
	trafficEvery   = 15 * time.Second
)

// answered is told of each request, by the goroutine that sent it.
func (o *observer) answered(a cognigy.Answer) { o.traffic.Observe(a.Operation, a.Status, a.Duration) }

// start writes traffic to the report until stop. The goroutine is the observer's.
func (o *observer) start(report *sink.Report) {
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
		tick := time.NewTicker(trafficAtFirst)
		defer tick.Stop()
		for {
			select {
			case <-o.done:
				return
			case <-tick.C:
				if time.Since(began) > firstWhile {
					tick.Reset(trafficEvery)
				}
				write()
			}
		}
	}()
}

// stop ends what start began, and waits for it. The rest of the traffic is
// written by then.
func (o *observer) stop() {
	close(o.done)
	<-o.stopped
}

// mostTold is how many rows that are not in are logged one by one, one of each
// kind. The others are counted, and shown in groups at the end.
const mostTold = 5

func (o *observer) failed(out *importer.Outcome) {
	group := o.failures.Add(out)
	if o.told >= mostTold || !o.failures.First(group) {
		return
	}
	o.told++
	f := out.Failure
	if f == nil {
		f = &importer.Failure{}
	}
	e := o.log.Warn().Str("source", out.Row.Source).Int("line", out.Row.Line).Stringer("status", out.Status)
	if f.Field != "" && !o.redact {
		e = e.Str("field", f.Field)
	}
	if f.HTTP != 0 {
		e = e.Int("http", f.HTTP)
	}
	if f.Code != 0 {
		e = e.Int("code", f.Code)
	}
	if o.log.GetLevel() <= zerolog.DebugLevel && !o.redact {
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
	*sink.Report
	o *observer
}

// Append implements importer.Report.
func (r watchedReport) Append(outcomes ...*importer.Outcome) error {
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
	*sink.Rejects
	o *observer
}

// Reject implements importer.Rejects.
func (r watchedRejects) Reject(out *importer.Outcome) error {
	r.o.failed(out)
	return r.Rejects.Reject(out)
}
