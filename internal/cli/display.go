package cli

import (
	"fmt"
	"importer/internal/config"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A display shows how a run stands, on standard error: a bar on a terminal, a
// line now and then elsewhere. What is written to it, such as the log, comes out
// above the bar. Write may be called from several goroutines.
type display struct {
	kind    string // bar, plain, none
	w       io.Writer
	colored bool

	mu  sync.Mutex
	bar *mpb.Progress // while the bar is shown

	done    chan struct{} // closed by stop
	stopped chan struct{} // closed by the goroutine that shows
}

const (
	barEvery   = 200 * time.Millisecond
	plainEvery = 10 * time.Second
)

func newDisplay(w io.Writer, c config.Config, terminal, colored bool) *display {
	kind := c.Progress
	switch {
	case kind == "auto" && c.Quiet:
		kind = "none"
	case kind == "auto" && terminal:
		kind = "bar"
	case kind == "auto":
		kind = "plain"
	}
	return &display{kind: kind, w: w, colored: colored, done: make(chan struct{}), stopped: make(chan struct{})}
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

// start shows the run until stop. The goroutine is the display's.
func (d *display) start(v view) {
	if d.kind == "bar" {
		go d.showBar(v)
		return
	}
	d.startLines(v.line)
}

// startLines shows a line now and then until stop, also where there could be a bar.
func (d *display) startLines(line func() string) {
	if d.kind == "none" {
		close(d.stopped)
		return
	}
	go d.showLines(line)
}

// stop ends what start began, and waits for it. The bar is taken away: the
// summary tells the rest.
func (d *display) stop() {
	close(d.done)
	<-d.stopped
}

func (d *display) showLines(line func() string) {
	defer close(d.stopped)
	tick := time.NewTicker(plainEvery)
	defer tick.Stop()
	for {
		select {
		case <-d.done:
			return
		case <-tick.C:
			fmt.Fprintln(d, "importer:", line())
		}
	}
}

// barSteps is how finely the bar moves.
const barSteps = 10_000

// showBar shows three lines: the bar, the outcomes, the pace. They are cut to the
// width that the terminal has at the moment.
func (d *display) showBar(v view) {
	defer close(d.stopped)
	out := cupwriter.New(fromLeft{d.w}, false)
	if f, ok := d.w.(*os.File); ok {
		out.SetTermFd(int(f.Fd()))
	}
	p := mpb.New(mpb.WithConsoleWriter(out), mpb.WithAutoRefresh())
	outcomes := func() []part { return v.outcomes() }
	pace := func() []part {
		parts := append(v.waits(), v.speed()...)
		if quota := v.quota(); quota != "" {
			parts = append(parts, part{quota, noColor})
		}
		return parts
	}
	share := decor.Any(func(decor.Statistics) string {
		if share := v.share(); share > 0 {
			return fmt.Sprintf("%5.1f%% ", 100*share)
		}
		return " "
	})
	bar := p.AddBar(barSteps,
		mpb.BarRemoveOnComplete(),
		mpb.BarWidth(60),
		mpb.BarBtmExtender(d.lineOf(outcomes), d.lineOf(pace)),
		mpb.PrependDecorators(share),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + v.done() })),
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
			// Never full: a full bar is one that has ended.
			bar.SetCurrent(min(barSteps-1, int64(v.share()*barSteps)))
		}
	}
	bar.Abort(true)
	p.Wait()
	d.mu.Lock()
	d.bar = nil
	d.mu.Unlock()
}

// fromLeft writes from the left edge of the terminal: the ^C that a terminal shows
// for a key moves the cursor, and the bar would be drawn beside itself.
type fromLeft struct{ io.Writer }

func (w fromLeft) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(append([]byte{'\r'}, b...))
	return max(0, n-1), err
}

// lineOf is a line below the bar.
func (d *display) lineOf(parts func() []part) mpb.BarFiller {
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		_, err := io.WriteString(w, d.fit(parts(), s.AvailableWidth)+"\n")
		return err
	})
}

// A color is one of the terminal's own, which people have chosen to be readable.
type color string

const (
	noColor color = ""
	green   color = "32"
	red     color = "31"
	yellow  color = "33"
)

// fit puts as many of the parts into one line as there is room for.
func (d *display) fit(parts []part, width int) string {
	var b strings.Builder
	b.WriteByte(' ')
	room := width - 2
	for i, p := range parts {
		need := utf8.RuneCountInString(p.text)
		if i > 0 {
			need += 3
		}
		if need > room {
			break
		}
		room -= need
		if i > 0 {
			b.WriteString(" · ")
		}
		if d.colored && p.color != noColor {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[0m", p.color, p.text)
			continue
		}
		b.WriteString(p.text)
	}
	return b.String()
}
