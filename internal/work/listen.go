package work

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"importer/importer/pace/ledger"
	"importer/internal/jobs"
	"importer/internal/live"
	"importer/internal/plain"
	"importer/internal/report"
	"importer/internal/session"
	"importer/internal/words"
)

// Bounds of what is shown, and of how old it may be.
const (
	maxShown = 1000
	maxAge   = 2 * time.Second
	askBound = 5 * time.Second
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("jobs").Parse(pageText))

// A board shows how the jobs of a store stand, and the runs that last in this process. Its
// methods may be called from several goroutines.
type board struct {
	jobs  *jobs.Jobs
	token string // shows the pages of runs as a whole
	alive context.Context

	mu    sync.Mutex
	ready time.Time // when a sweep last succeeded
	runs  map[string]*report.Live
	pools map[string]string // which quota a run here uses

	looking sync.Mutex // held over a question to the store
	seen    []jobs.Job
	at      time.Time
}

func newBoard(j *jobs.Jobs, alive context.Context) *board {
	return &board{jobs: j, token: rand.Text(), alive: alive, runs: map[string]*report.Live{}, pools: map[string]string{}}
}

// swept hears that the store was reached.
func (b *board) swept() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = time.Now()
}

// show shows the page of a run that has begun here, until it is hidden.
func (b *board) show(name string, s *session.Session) (hide func()) {
	page := live.Page(s.View(), s.Reports, s.Path, b.token)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs[name], b.pools[name] = page, ledger.Pool(s.Config.API.BaseURL, s.Config.RatePool)
	return func() {
		b.mu.Lock()
		delete(b.runs, name)
		delete(b.pools, name)
		b.mu.Unlock()
		_ = page.Close() // of what was read
	}
}

// handler serves the pages, the metrics, and whether this worker is well.
func (b *board) handler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.list)
	mux.HandleFunc("GET /run/{name}", b.run)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, b.alive.Err() == nil, "the lease has ended")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		at := b.ready
		b.mu.Unlock()
		say(w, time.Since(at) < 10*sweepEvery && b.alive.Err() == nil, "the store was not reached lately")
	})
	return mux
}

// say answers ok, or why not with 503.
func say(w http.ResponseWriter, ok bool, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, why)
		return
	}
	fmt.Fprintln(w, "ok")
}

// look is how the jobs stand, or stood a moment ago.
func (b *board) look(ctx context.Context) ([]jobs.Job, error) {
	b.looking.Lock()
	defer b.looking.Unlock()
	if time.Since(b.at) < maxAge {
		return b.seen, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askBound)
	defer cancel()
	all, err := b.jobs.List(ctx, "")
	if err == nil {
		b.seen, b.at = all, time.Now()
	}
	return all, err
}

// run serves the page of a run that lasts here.
func (b *board) run(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	page := b.runs[r.PathValue("name")]
	b.mu.Unlock()
	if page == nil {
		http.Error(w, "no run of that name lasts in this process", http.StatusNotFound)
		return
	}
	page.ServeHTTP(w, r)
}

// A line is one job of the page.
type line struct {
	Name, Status, Class, Success, Next, On, Rows, NotIn string
	Page                                                string // of its run; empty: it does not last here
}

// A quota is one of the page.
type quota struct{ Name, At, Users string }

// list serves the page of all jobs. Nothing of a contact is on it.
func (b *board) list(w http.ResponseWriter, r *http.Request) {
	all, err := b.look(r.Context())
	var pools []jobs.Pool
	if err == nil {
		pools, err = b.jobs.Pools(r.Context())
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	if err != nil {
		http.Error(w, "the store cannot be read; the log says why", http.StatusServiceUnavailable)
		return
	}
	data := struct {
		Store, At string
		Jobs      []line
		More      int
		Pools     []quota
	}{Store: b.jobs.Store.Name(), At: stamp(time.Now())}
	if len(all) > maxShown {
		data.More, all = len(all), all[:maxShown]
	}
	token := r.URL.Query().Get("token")
	for _, j := range all {
		data.Jobs = append(data.Jobs, b.line(j, token))
	}
	for _, p := range pools {
		data.Pools = append(data.Pools, quota{plain.Line(p.Name), stamp(p.At), b.users(p.Name)})
	}
	var text bytes.Buffer
	if err := page.Execute(&text, data); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text.Bytes()) // whoever is gone reads nothing
}

// users are the runs of this process that use a quota.
func (b *board) users(pool string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for name, of := range b.pools {
		if of == pool {
			all = append(all, name)
		}
	}
	return strings.Join(sorted(all), ", ")
}

func (b *board) line(j jobs.Job, token string) line {
	l := line{Name: plain.Line(j.Name), Success: stamp(j.LastSuccess), Next: stamp(j.Next), On: plain.Line(j.RunningOn)}
	switch {
	case j.Paused:
		l.Next = "paused"
	case j.Asked:
		l.Next = "now"
	case j.Lasts && j.RunningOn == "":
		l.Next = "waits for a worker"
	}
	switch {
	case j.LastStatus == "":
		l.Status = "no run has ended"
	case j.LastExit == 0:
		l.Status, l.Class = "works", "good"
	default:
		l.Status, l.Class = fmt.Sprintf("fails: %s (%d)", plain.Line(j.LastStatus), j.LastExit), "bad"
	}
	var s struct{ Read, Invalid, Rejected, Failed, Unknown int64 }
	if json.Unmarshal(j.LastSummary, &s) == nil {
		l.Rows, l.NotIn = words.Comma(s.Read), words.Comma(s.Invalid+s.Rejected+s.Failed+s.Unknown)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs[j.Name] != nil {
		l.Page = "/run/" + url.PathEscape(j.Name)
		if token != "" {
			l.Page += "?" + url.Values{"token": {token}}.Encode()
		}
	}
	return l
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// serve serves the board at an address until stop.
func (w *worker) serve(addr string) (stop func() error, err error) {
	at, stop, err := live.Listen(addr, w.board.handler(w.board.metrics(w.Env.Version)), w.Log)
	if err == nil {
		w.Log.Info().Str("url", "http://"+at+"/?token="+w.board.token).Msg("page of the jobs, without the token the runs' counts alone; /metrics, /healthz, /readyz")
	}
	return stop, err
}
