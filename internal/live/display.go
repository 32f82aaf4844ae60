// Package live is how a run shows itself while it lasts, and says how it ended: a bar
// or plain lines with the log above them, the live page, metrics, the timeline in the
// report, and the message to whoever is notified. The run needs none of it.
package live

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"importer/internal/plain"
)

// A Display shows how a run stands, on standard error: a bar on a terminal, a
// line now and then elsewhere. What is written to it, such as the log, comes out
// above the bar. Write may be called from several goroutines.
type Display struct {
	kind     string // bar, plain, none
	w        io.Writer
	escaped  *plain.Writer // what is written to the display goes through it
	terminal bool          // that a cursor can be moved on
	colored  bool          // people see colours and want them

	mu  sync.Mutex
	bar *mpb.Progress // while the bar is shown
}

// NewDisplay returns a display that shows on w what kind says: bar, plain, none, or
// auto. It shows nothing before it is started.
func NewDisplay(w io.Writer, kind string, getenv func(string) string) *Display {
	w = plain.Behind(w) // whom the bar writes to as well
	f, ok := w.(*os.File)
	d := &Display{kind: kind, w: w, terminal: ok && term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb"}
	d.escaped = plain.NewWriter(above{d})
	d.colored = d.terminal && getenv("NO_COLOR") == ""
	switch {
	case kind == "auto" && d.terminal:
		d.kind = "bar"
	case kind == "auto":
		d.kind = "plain"
	}
	return d
}

// Write implements io.Writer: above the bar where there is one. What a terminal would
// obey is escaped.
func (d *Display) Write(b []byte) (int, error) { return d.escaped.Write(b) }

// above writes to a display as it is: colours pass.
type above struct{ *Display }

func (d above) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil {
		return d.bar.Write(b)
	}
	return d.w.Write(b)
}

// Start shows the run until the function that it returns is called, once. The bar
// is taken away then: the summary tells the rest.
func (d *Display) Start(v View) (stop func()) {
	if d.kind == "bar" {
		return d.startBar(v)
	}
	return d.StartLines(v.line)
}

// StartLines is as Start, with a line now and then also where there could be a bar.
func (d *Display) StartLines(line func() string) (stop func()) {
	if d.kind == "none" {
		return func() {}
	}
	return every(10*time.Second, func() { fmt.Fprintln(d, "importer:", line()) })
}

// every calls f in a goroutine of its own, until the function that it returns is
// called, which waits for it.
func every(interval time.Duration, f func()) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				f()
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

const barSteps = 10_000 // how finely the bar moves

// startBar shows three lines: the bar, the outcomes, the pace. They are cut to the
// width that the terminal has at the moment.
func (d *Display) startBar(v View) (stop func()) {
	out := cupwriter.New(fromLeft{d.w}, false)
	if f, ok := d.w.(*os.File); ok {
		out.SetTermFd(int(f.Fd()))
	}
	p := mpb.New(mpb.WithConsoleWriter(out), mpb.WithAutoRefresh())
	share := func(decor.Statistics) string {
		if share := v.share(); share > 0 {
			return fmt.Sprintf("%5.1f%% ", 100*share)
		}
		return " "
	}
	bar := p.AddBar(barSteps,
		mpb.BarRemoveOnComplete(),
		mpb.BarWidth(60),
		mpb.BarBtmExtender(d.lineOf(v.outcomes), d.lineOf(v.pace)),
		mpb.PrependDecorators(decor.Any(share)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + v.done() })),
	)
	d.setBar(p)
	stopMoving := every(200*time.Millisecond, func() {
		// Never full: a full bar is one that has ended.
		bar.SetCurrent(min(barSteps-1, int64(v.share()*barSteps)))
	})
	return func() {
		stopMoving()
		bar.Abort(true)
		p.Wait()
		d.setBar(nil)
	}
}

func (d *Display) setBar(p *mpb.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bar = p
}

// fromLeft writes from the left edge of the terminal: the ^C that a terminal shows
// for a key moves the cursor, and the bar would be drawn beside itself.
type fromLeft struct{ io.Writer }

func (w fromLeft) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(append([]byte{'\r'}, b...))
	return max(0, n-1), err
}

func (d *Display) lineOf(parts func() []part) mpb.BarFiller {
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		_, err := io.WriteString(w, d.fit(parts(), s.AvailableWidth)+"\n")
		return err
	})
}

// fit puts as many of the parts into one line as there is room for.
func (d *Display) fit(parts []part, width int) string {
	line, separator := " ", ""
	room := width - 2
	for _, p := range parts {
		room -= utf8.RuneCountInString(separator + p.text)
		if room < 0 && len(parts) > 1 {
			break
		}
		text := plain.Line(p.text)
		if keep := utf8.RuneCountInString(text) + room - 1; room < 0 && keep > 0 {
			text = string([]rune(text)[:keep]) + "…"
		}
		if d.colored && p.color != "" {
			text = fmt.Sprintf("\x1b[%sm%s\x1b[0m", p.color, text)
		}
		line += separator + text
		separator = " · "
	}
	return line
}
