package sandbox

import (
	"bytes"
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"importer/internal/plain"
)

const openAPIPath = "/openapi/openapi-viewer.json"

//go:embed openapi.json
var openAPI []byte

// serveOpenAPI serves the OpenAPI document to those who have the key.
func (s *Sandbox) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, path: r.URL.Path, at: s.options.Clock()}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		s.write(w, c, failure(&problem{code: codeMethod, detail: "method not allowed: use GET", allow: "GET"}))
	case !s.hasKey(r):
		s.write(w, c, failure(wrongKey()))
	default:
		w.Header().Set("Content-Type", "application/json")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openAPI))
	}
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// shownProfiles and shownFaults are how many of the last ones the page shows.
const (
	shownProfiles = 20
	shownFaults   = 20
)

// pageData is what the page shows. The key is not part of it.
type pageData struct {
	Host                      string // as the browser asked for it
	ProjectID, Storage, Quota string
	Requests, Throttled       int
	Profiles                  int
	Operations                []pageCount
	Faults                    []pageFault
	Switches                  []pageSwitch
	Injections                []Injection
	MayRead                   bool // the contacts
	Last                      []pageProfile
	Now                       string
}

type pageCount struct {
	Name  string
	Count int
}

type pageFault struct{ Fault, Injected string }

type pageSwitch struct{ Name, Value string }

type pageProfile struct {
	ID, ContactIDs, Created string
	Active                  bool
}

// servePage serves the page for people. The contacts are shown to this machine,
// and to others with the key only. A request for a name is of this machine only where
// the name is localhost.
func (s *Sandbox) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, s.pageData(r.Host, s.hasKey(r) || isLocal(r))); err != nil {
		s.options.Log.Error().Err(err).Msg("the page cannot be made")
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	_, _ = plain.NewWriter(w).Write(b.Bytes()) // the browser may be gone
}

func isLocal(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	_, err = netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

func (s *Sandbox) pageData(host string, mayRead bool) pageData {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Clock()
	profiles := s.store.All(now)
	o := s.options
	d := pageData{Host: host, ProjectID: o.ProjectID, Storage: "in memory", Quota: "off", Profiles: len(profiles), Throttled: s.record.throttled,
		MayRead: mayRead, Now: now.UTC().Format(time.RFC3339)}
	if o.DataFile != "" {
		d.Storage = "in a SQLite file"
	}
	if o.Rate != (Rate{}) {
		d.Quota = o.Rate.String()
	}
	for _, name := range append(Operations(), "") {
		n := s.record.operations[name]
		d.Requests += n
		if n > 0 {
			if name == "" {
				name = "no operation"
			}
			d.Operations = append(d.Operations, pageCount{name, n})
		}
	}
	for _, f := range o.Faults {
		injected := "into every write"
		if f.Lag == 0 {
			injected = strconv.Itoa(s.record.faults[f.name()])
		}
		d.Faults = append(d.Faults, pageFault{f.String(), injected})
	}
	for _, w := range o.Switches() {
		d.Switches = append(d.Switches, pageSwitch{w.Name, *w.Value})
	}
	ttl := "off"
	if o.TTL > 0 {
		ttl = o.TTL.String()
	}
	d.Switches = append(d.Switches, pageSwitch{"create-status", strconv.Itoa(o.CreateStatus)}, pageSwitch{"update-status", strconv.Itoa(o.UpdateStatus)}, pageSwitch{"ttl", ttl},
		pageSwitch{"max-body", strconv.Itoa(o.MaxBody)}, pageSwitch{"latency", o.Latency.String()}, pageSwitch{"seed", strconv.FormatUint(o.Seed, 10)})
	injections := s.record.injections.all()
	d.Injections = injections[max(0, len(injections)-shownFaults):]
	slices.Reverse(d.Injections)
	if mayRead {
		for _, p := range slices.Backward(profiles[max(0, len(profiles)-shownProfiles):]) {
			d.Last = append(d.Last, pageProfile{p.ID, plain.Line(strings.Join(p.ContactIDs, ", ")), time.Unix(p.CreatedAt, 0).UTC().Format(time.RFC3339), p.Active})
		}
	}
	return d
}
