package journal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/importer"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/sandbox"
	"importer/sink/journal"
)

// An order is what happens to the file of a report and to the API, in one
// sequence.
type order struct {
	mu      sync.Mutex
	writes  int                 // that have ended
	covered int                 // of them, how many an fsync has covered that has ended
	written map[contact.Key]int // which write announced a key first
	creates int
	fsyncs  int
	wrong   []string
}

// A watchedFile tells of each write when it has ended, and of each fsync what it
// covers: what was written before it began.
type watchedFile struct {
	journal.File
	order *order
}

func (f watchedFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.order.mu.Lock()
	defer f.order.mu.Unlock()
	f.order.writes++
	if !bytes.HasSuffix(b, []byte("\n")) {
		f.order.wrong = append(f.order.wrong, fmt.Sprintf("wrote a part of a line: %q", b))
	}
	for text := range bytes.Lines(b) {
		f.order.line(text, err == nil)
	}
	return n, err
}

func (o *order) line(b []byte, written bool) {
	var line struct {
		Kind string
		Keys []string
	}
	if err := json.Unmarshal(b, &line); err != nil {
		o.wrong = append(o.wrong, fmt.Sprintf("wrote %q: %v", b, err))
	}
	if !written || line.Kind != "sending" {
		return
	}
	for _, text := range line.Keys {
		var k contact.Key
		if err := k.UnmarshalText([]byte(text)); err != nil {
			o.wrong = append(o.wrong, err.Error())
		}
		if _, again := o.written[k]; !again {
			o.written[k] = o.writes
		}
	}
}

func (f watchedFile) Sync() error {
	f.order.mu.Lock()
	covers := f.order.writes
	f.order.mu.Unlock()
	err := f.File.Sync()
	f.order.mu.Lock()
	defer f.order.mu.Unlock()
	f.order.fsyncs++
	if err == nil {
		f.order.covered = max(f.order.covered, covers)
	}
	return err
}

// arrived is a create request that has reached the API.
func (o *order) arrived(contactIDs []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.creates++
	switch at, ok := o.written[contact.KeyOf(contactIDs)]; {
	case !ok:
		o.wrong = append(o.wrong, fmt.Sprintf("%v was sent and not announced", contactIDs))
	case at > o.covered:
		o.wrong = append(o.wrong, fmt.Sprintf("%v was sent, and its announcement, write %d, was not on disk: %d were", contactIDs, at, o.covered))
	}
}

// Of every create request, also of one that is sent again, the announcement is
// on disk before the request arrives at the API.
func TestAnnouncementsAreOnDiskBeforeRequestsArrive(t *testing.T) {
	const rows = 2000
	o := &order{written: make(map[contact.Key]int)}
	box, err := sandbox.New(sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Seed: 1, Faults: []sandbox.Fault{
		{Kind: sandbox.FaultDropAfter, Probability: 0.02}, {Kind: sandbox.FaultDropBefore, Probability: 0.02},
		{Kind: sandbox.FaultStatus, Code: 1008, Probability: 0.02},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			var p struct{ ContactIDs []string }
			if err := json.Unmarshal(body, &p); err != nil {
				t.Error(err)
			}
			o.arrived(p.ContactIDs)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		box.ServeHTTP(w, r)
	}))
	defer server.Close()
	client, err := cognigy.New(cognigy.Options{BaseURL: server.URL, APIKey: box.APIKey(), ProjectID: box.ProjectID(), Timeout: 10 * time.Second, MaxConns: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	report, err := journal.Open(journal.Files{}, filepath.Join(t.TempDir(), "contacts.csv.report.ndjson"), journal.Options{Header: journal.Header{
		Run: "01JTEST", Version: "test", Mode: "create", Sources: []string{"contacts.csv"}, BaseURL: server.URL, ProjectID: box.ProjectID(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	report.Wrap(func(f journal.File) journal.File { return watchedFile{File: f, order: o} })
	if err := report.Begin(); err != nil {
		t.Fatal(err)
	}
	rate, err := pace.ParseRate("unlimited")
	if err != nil {
		t.Fatal(err)
	}
	all, err := contact.ParseMaxErrors("100%")
	if err != nil {
		t.Fatal(err)
	}
	input := func(yield func(contact.Row, error) bool) {
		for n := range rows {
			p := contact.Profile{ContactIDs: []string{fmt.Sprintf("c%d@example.com", n)}}
			digest, _ := p.Measure()
			if !yield(contact.Row{Source: "contacts.csv", Line: n + 2, Number: int64(n + 1), Key: contact.KeyOf(p.ContactIDs), Digest: digest, Profile: p}, nil) {
				return
			}
		}
	}
	s, err := importer.Run(t.Context(), input, importer.Options{
		API: client, Journal: report, Rejects: nil, Keys: report.Keys(), Pacer: pace.NewPacer(rate, pace.PacerOptions{}),
		Log: zerolog.Nop(), Progress: &contact.Progress{}, Workers: 16, Retries: 5, Settle: 300 * time.Millisecond,
		GiveUpAfter: time.Minute, MaxErrors: all,
	})
	if err != nil || s.Created != rows {
		t.Errorf("%+v, %v", s, err)
	}
	if err := report.Close(); err != nil {
		t.Error(err)
	}
	for i, w := range o.wrong {
		if i == 10 {
			t.Fatalf("and %d more", len(o.wrong)-i)
		}
		t.Error(w)
	}
	if want := box.Counts().Requests["create"]; o.creates != want || want <= rows {
		t.Errorf("%d create requests were watched, of %d for %d rows", o.creates, want, rows)
	}
	if n := len(o.written); n != rows || o.fsyncs < 4 || o.fsyncs > rows {
		t.Errorf("%d rows announced, %d fsyncs", n, o.fsyncs)
	}
}
