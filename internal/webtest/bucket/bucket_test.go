// Package bucket reads sources from a server that speaks S3.
package bucket

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"importer/importer/contact"
	"importer/internal/cli"
	"importer/internal/sandbox"
	"importer/source"
	"importer/source/remote"
)

// A server holds buckets in memory, and cuts the answers that bring objects.
type server struct {
	*httptest.Server
	backend gofakes3.Backend

	mu       sync.Mutex
	cut      int // bytes after which an object is cut; 0: none is
	gets     []*http.Request
	before   func(n int) // of each request for an object
	statuses []int       // answered in place of the first ones
}

func start(t *testing.T) *server {
	t.Helper()
	s := &server{backend: s3mem.New()}
	if err := s.backend.CreateBucket("crm"); err != nil {
		t.Fatal(err)
	}
	api := gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || strings.Count(strings.Trim(r.URL.Path, "/"), "/") == 0 {
			api.ServeHTTP(w, r)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gets = append(s.gets, r)
		if s.before != nil {
			s.before(len(s.gets))
		}
		if len(s.statuses) > 0 {
			w.WriteHeader(s.statuses[0])
			s.statuses = s.statuses[1:]
			return
		}
		whole := httptest.NewRecorder()
		api.ServeHTTP(whole, r)
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		body := whole.Body.Bytes()
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(whole.Code)
		if s.cut > 0 && s.cut < len(body) {
			w.Write(body[:s.cut])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) put(t *testing.T, key, text string) {
	t.Helper()
	if _, err := s.backend.PutObject("crm", key, map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}, strings.NewReader(text), int64(len(text)), nil); err != nil {
		t.Fatal(err)
	}
}

func (s *server) getenv(name string) string {
	return map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_ENDPOINT_URL_S3": s.URL, "AWS_REGION": "eu-central-1"}[name]
}

// options read sources of the server, and wait for nothing.
func (s *server) options(paths ...string) source.Options {
	return source.Options{Paths: paths, Remote: remote.Options{Getenv: s.getenv, Pause: func(context.Context, time.Duration) error { return nil }}}
}

// read reads all rows, and returns the contact ids of each.
func read(in *source.Input) (ids []string, err error) {
	for row, err := range in.Rows() {
		if err != nil {
			return ids, err
		}
		ids = append(ids, row.Profile.ContactIDs...)
	}
	return ids, nil
}

func table(from, to int) string {
	var b strings.Builder
	b.WriteString("email,first name\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "c%d@example.com,Name %d\n", i, i)
	}
	return b.String()
}

// All objects that a glob matches are read, in the order of their keys and however often
// their connections break.
func TestObjects(t *testing.T) {
	s := start(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, table(2000, 3000))
	z.Close()
	s.put(t, "exports/2026 #1?.csv", table(0, 1000))
	s.put(t, "exports/b.csv", table(1000, 2000))
	s.put(t, "exports/c.csv.gz", packed.String())
	s.put(t, "exports/b.csv.rejects.csv", "left by importer\n")
	s.put(t, "exports/deeper/d.csv", table(3000, 3500))
	s.put(t, "exports/empty/", "")
	s.put(t, "other.csv", "email\n")
	s.cut = 5000
	for _, c := range []struct {
		glob string
		want int
	}{{"s3://crm/exports/*.csv*", 3000}, {"s3://crm/exports/2026 #1?.csv", 1000}, {"s3://crm/*/b.csv", 1000}, {"s3://crm/exports/[bc].csv", 1000}, {"s3://crm/*/*/d.csv", 500}} {
		in, err := source.Open(s.options(c.glob))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			ids, err := read(in)
			if err != nil || len(ids) != c.want {
				t.Errorf("%s: %d rows, %v", c.glob, len(ids), err)
			}
		}
		if strings.HasSuffix(c.glob, "csv*") && (len(in.Notices()) != 1 || !strings.Contains(in.Notices()[0].String(), "importer wrote it")) {
			t.Errorf("%v", in.Notices())
		}
		if in.Size() == 0 {
			t.Error("the size is not known")
		}
		if err := errors.Join(in.Changed(), in.Close()); err != nil {
			t.Error(err)
		}
	}
	if auth := s.gets[0].Header.Get("Authorization"); !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(auth, "/eu-central-1/s3/") {
		t.Errorf("signed by %s", auth)
	}
}

// What changes underneath is an error, as is what is not there, what may not be read, and
// what never comes whole.
func TestObjectsThatCannotBeRead(t *testing.T) {
	s := start(t)
	s.put(t, "a.csv", table(0, 1000))
	for _, c := range []struct{ path, says string }{
		{"s3://crm/none.csv", "NoSuchKey"}, {"s3://none/a.csv", "NoSuchBucket"}, {"s3://crm/none/*.csv", "no key matches"}, {"s3://none/*.csv", "NoSuchBucket"},
		{"s3://x/a.csv", "cannot be used"},
	} {
		if _, err := source.Open(s.options(c.path)); err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), c.path) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
	for _, c := range []struct {
		name, says string
		prepare    func()
	}{
		{"changed at the second reading", "changed", func() {
			s.before = func(n int) {
				if n == 3 {
					s.put(t, "a.csv", table(0, 900))
				}
			}
		}},
		{"changed after a break", "changed", func() {
			s.cut = 10_000
			s.before = func(n int) {
				if n == 8 {
					s.put(t, "a.csv", strings.Replace(table(0, 1000), "Name 900", "Name XXX", 1))
				}
			}
		}},
		{"always cut", "broke 3 times", func() {
			s.before = func(n int) {
				if s.cut = 0; n > 1 {
					s.cut = 20_000
					if n > 2 {
						s.statuses = []int{503}
					}
				}
			}
		}},
		{"denied later", "AWS_ACCESS_KEY_ID", func() {
			s.before = func(n int) {
				if n > 1 {
					s.statuses = []int{403}
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.put(t, "a.csv", table(0, 1000))
			s.gets, s.cut, s.before, s.statuses = nil, 0, nil, nil
			c.prepare()
			in, err := source.Open(s.options("s3://crm/a.csv"))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			for range 2 {
				if _, err = read(in); err != nil {
					break
				}
			}
			if _, row := errors.AsType[*contact.RowError](err); err == nil || row || !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
}

// An import as a person types it: in once, nothing left to do, and no key anywhere.
func TestImport(t *testing.T) {
	s := start(t)
	s.put(t, "exports/contacts.csv", table(0, 300))
	s.cut = 3000
	api, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	t.Chdir(t.TempDir())
	for _, want := range []string{"created             300", "done before         300"} {
		var out bytes.Buffer
		err := cli.Execute(t.Context(), []string{"--source", "s3://crm/exports/contacts.csv", "--base-url", api.URL, "--project-id", api.ProjectID(), "--rate", "unlimited"},
			cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Version: "test", Getenv: func(name string) string {
				if name == "COGNIGY_API_KEY" {
					return api.APIKey()
				}
				return s.getenv(name)
			}})
		if err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "s3cret") {
			t.Errorf("%v\n%s", err, out.String())
		}
	}
	if text, err := os.ReadFile("contacts.csv.report.ndjson"); err != nil || bytes.Contains(text, []byte("s3cret")) || !bytes.Contains(text, []byte("s3://crm/exports/contacts.csv")) {
		t.Error(err)
	}
}
