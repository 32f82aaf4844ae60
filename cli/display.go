package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"importer/config"
	"importer/importer"
	"importer/source"
)

// A display shows how a run stands, on standard error: a bar on a terminal, a
// line now and then elsewhere. What is written to it, such as the log, comes out
// above the bar. Write may be called from several goroutines.
type display struct {
	kind string // bar, plain, none
	w    io.Writer

	mu  sync.Mutex
	bar *mpb.Progress // while the bar is shown

	done    chan struct{} // closed by stop
	stopped chan struct{} // closed by the goroutine that shows
}

const (
	barEvery   = 200 * time.Millisecond
	plainEvery = 10 * time.Second
)

func newDisplay(w io.Writer, c config.Config, terminal bool) *display {
	kind := c.Progress
	switch {
	case kind == "auto" && c.Quiet:
		kind = "none"
	case kind == "auto" && terminal:
		kind = "bar"
	case kind == "auto":
		kind = "plain"
	}
	return &display{kind: kind, w: w, done: make(chan struct{}), stopped: make(chan struct{})}
}

// Write writes above the bar where there is one.
func (d *display) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil {
		return d.bar.Write(b)
	}
	return d.w.Write(b)
}

// A view is what the display polls.
type view struct {
	progress *importer.Progress
	input    *source.Input
	pacer    *importer.Pacer
	started  time.Time
}

// start shows the run until stop. The goroutine is the display's.
func (d *display) start(p *importer.Progress, input *source.Input, pacer *importer.Pacer) {
	v := view{progress: p, input: input, pacer: pacer, started: time.Now()}
	switch d.kind {
	case "bar":
		go d.showBar(v)
	case "plain":
		go d.showLines(v)
	default:
		close(d.stopped)
	}
}

// stop ends what start began, and waits for it. The bar is taken away: the
// summary tells the rest.
func (d *display) stop() {
	close(d.done)
	<-d.stopped
}

func (d *display) showLines(v view) {
	defer close(d.stopped)
	tick := time.NewTicker(plainEvery)
	defer tick.Stop()
	for {
		select {
		case <-d.done:
			return
		case <-tick.C:
			fmt.Fprintln(d, "importer:", v.line())
		}
	}
}

func (d *display) showBar(v view) {
	defer close(d.stopped)
	p := mpb.New(mpb.WithOutput(d.w), mpb.WithAutoRefresh())
	bar := p.AddBar(v.input.Size(),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return v.counts() + " " })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + v.pace() })),
	)
	d.mu.Lock()
	d.bar = p
	d.mu.Unlock()

	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-d.done:
			running = false
		case <-tick.C:
			bar.SetCurrent(int64(v.share() * float64(v.input.Size())))
		}
	}
	bar.Abort(true)
	p.Wait()
	d.mu.Lock()
	d.bar = nil
	d.mu.Unlock()
}

// share is how much of the input is settled, 0 to 1; 0 where its size is not
// known. Rows are read ahead, so the bytes that were read say a little too much.
func (v view) share() float64 {
	s := v.progress.Snapshot()
	if v.input.Size() == 0 || s.Read == 0 {
		return 0
	}
	return float64(v.input.BytesRead()) / float64(v.input.Size()) * float64(s.Settled()) / float64(s.Read)
}

// counts are the outcomes so far, such as "1,200 rows: 1,190 created, 10 invalid".
func (v view) counts() string {
	s := v.progress.Snapshot()
	var parts []string
	for _, c := range []struct {
		n    int64
		name string
	}{
		{s.Created, "created"}, {s.Updated, "updated"}, {s.Unchanged, "unchanged"}, {s.Existing, "existing"},
		{s.Deactivated, "deactivated"}, {s.Deleted, "deleted"}, {s.DoneBefore, "done before"}, {s.Duplicate, "duplicate"},
		{s.Invalid, "invalid"}, {s.Rejected, "rejected"}, {s.Failed, "failed"}, {s.Unknown, "unknown"}, {s.InDoubt, "in doubt"},
	} {
		if c.n > 0 {
			parts = append(parts, humanize.Comma(c.n)+" "+c.name)
		}
	}
	text := humanize.Comma(s.Settled()) + " rows"
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// pace is how fast the run is, how long it will take, and what it waits for.
func (v view) pace() string {
	s := v.progress.Snapshot()
	took := time.Since(v.started)
	var parts []string
	if took >= time.Second {
		parts = append(parts, fmt.Sprintf("%.1f rows/s", float64(s.Settled())/took.Seconds()))
	}
	if share := v.share(); share > 0.001 && share < 1 && took > 2*time.Second {
		parts = append(parts, "about "+(time.Duration(float64(took)*(1-share)/share)).Round(time.Second).String()+" left")
	}
	state := v.pacer.State()
	if wait := time.Until(state.Until); state.Throttled {
		parts = append(parts, fmt.Sprintf("the API asked to wait, for %s more", max(0, wait).Round(time.Second)))
	} else if wait > time.Second && state.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("waiting for the quota, for %s more", wait.Round(time.Second)))
	}
	return strings.Join(parts, ", ")
}

func (v view) line() string {
	text := v.counts()
	if share := v.share(); share > 0 {
		text += fmt.Sprintf("; %.1f%% of the input", 100*share)
	}
	if pace := v.pace(); pace != "" {
		text += "; " + pace
	}
	return text
}
