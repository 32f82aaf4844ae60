package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// text is what the servers of these tests hold: each line tells its own place.
var text = func() string {
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "%06d,row %d\n", i, i)
	}
	return b.String()
}()

// A holder serves a text as badly as it is told to.
type holder struct {
	mu       sync.Mutex
	text     string
	tag      string // ETag; empty: none
	modified string
	noRanges bool
	chunked  bool
	cut      func(request int) int // bytes after which the connection is cut; negative: it is not
	change   func(h *holder, request int)
	requests []*http.Request
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r)
	n := len(h.requests)
	if h.change != nil {
		h.change(h, n)
	}
	body, status := h.text, http.StatusOK
	if h.tag != "" {
		w.Header().Set("ETag", h.tag)
	}
	if h.modified != "" {
		w.Header().Set("Last-Modified", h.modified)
	}
	var from int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && !h.noRanges {
		if condition := r.Header.Get("If-Range"); condition == h.tag || condition == h.modified {
			status = http.StatusPartialContent
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
			body = body[from:]
		}
	}
	if !h.chunked {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	cut := -1
	if h.cut != nil {
		cut = h.cut(n)
	}
	if cut >= 0 && cut < len(body) {
		io.WriteString(w, body[:cut])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	io.WriteString(w, body)
}

// find finds the object of a server, through a client that does not wait.
func find(t *testing.T, url string, o Options) *Object {
	t.Helper()
	if o.Pause == nil {
		o.Pause = func(context.Context, time.Duration) error { return nil }
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	objects, err := c.Find(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { objects[0].Close() })
	return objects[0]
}

// readAll is a whole reading of an object.
func readAll(o *Object) (string, error) {
	r, err := o.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(iotest.DataErrReader(r))
	return string(b), err
}

func everyTime(n int) func(int) int { return func(int) int { return n } }

// However often the connection breaks, all of the bytes come, each once and in their order.
func TestBreaksAreResumed(t *testing.T) {
	for name, h := range map[string]*holder{
		"a strong ETag":       {tag: `"v1"`},
		"a weak ETag":         {tag: `W/"v1"`, modified: "Thu, 26 Nov 2015 10:00:00 GMT"},
		"Last-Modified":       {modified: "Thu, 26 Nov 2015 10:00:00 GMT"},
		"a time of now":       {modified: time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)},
		"no version":          {},
		"no version, chunked": {chunked: true},
		"no ranges":           {tag: `"v1"`, noRanges: true},
		"ETag, chunked":       {tag: `"v1"`, chunked: true},
	} {
		t.Run(name, func(t *testing.T) {
			h.text = text
			// A server that cannot begin in the middle sends more each time.
			h.cut = func(n int) int { return 20_000 * n }
			if h.tag == `"v1"` && !h.noRanges {
				h.cut = everyTime(7_001)
			}
			server := httptest.NewServer(h)
			defer server.Close()
			o := find(t, server.URL+"/a.csv", Options{})
			for range 2 {
				got, err := readAll(o)
				if err != nil || got != text {
					t.Fatalf("%d bytes of %d, %v", len(got), len(text), err)
				}
			}
			if len(h.requests) < 4 {
				t.Errorf("%d requests", len(h.requests))
			}
			if want := int64(len(text)); !h.chunked && o.Size() != want {
				t.Errorf("the size is %d, want %d", o.Size(), want)
			}
			if err := o.Same(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What changes underneath is an error, whatever the server says of it, and so is what ends
// early: never fewer bytes.
func TestChangesAndLiesAreErrors(t *testing.T) {
	other := strings.Replace(text, "row 7", "ROW 7", 1)
	after := func(n int, change func(*holder)) func(*holder, int) {
		return func(h *holder, request int) {
			if request == n {
				change(h)
			}
		}
	}
	const half = 30_000
	for _, c := range []struct {
		name     string
		h        *holder
		readings int // the last fails
		want     error
		says     string
	}{
		{"another ETag after a break", &holder{tag: `"v1"`, cut: everyTime(half), change: after(2, func(h *holder) { h.tag = `"v2"` })}, 1, ErrChanged, "ETag"},
		{"another length after a break", &holder{cut: everyTime(half), change: after(2, func(h *holder) { h.text += "more\n" })}, 1, ErrChanged, "bytes"},
		{"other bytes after a break, the same ETag", &holder{tag: `"v1"`, noRanges: true, cut: everyTime(half), change: after(2, func(h *holder) { h.text = other })}, 1, ErrChanged, "others"},
		{"other bytes after a break, no version", &holder{chunked: true, cut: everyTime(half), change: after(2, func(h *holder) { h.text = other })}, 1, ErrChanged, "others"},
		{"shorter after a break, no version", &holder{chunked: true, cut: everyTime(half), change: after(2, func(h *holder) { h.text = h.text[:100]; h.cut = nil })}, 1, ErrChanged, "shorter"},
		{"another ETag at the second reading", &holder{tag: `"v1"`, change: after(2, func(h *holder) { h.tag = `"v2"` })}, 2, ErrChanged, "ETag"},
		{"no ETag at the second reading", &holder{tag: `"v1"`, change: after(2, func(h *holder) { h.tag = "" })}, 2, ErrChanged, "ETag"},
		{"another time at the second reading", &holder{modified: "Thu, 26 Nov 2015 10:00:00 GMT", change: after(2, func(h *holder) { h.modified = "Thu, 26 Nov 2015 10:00:01 GMT" })}, 2, ErrChanged, "written to"},
		{"other bytes at the second reading, the same ETag", &holder{tag: `"v1"`, change: after(2, func(h *holder) { h.text = other })}, 2, ErrChanged, "others"},
		{"longer at the second reading, no version", &holder{chunked: true, change: after(2, func(h *holder) { h.text += "more\n" })}, 2, ErrChanged, "longer"},
		{"shorter at the second reading, no version", &holder{chunked: true, change: after(2, func(h *holder) { h.text = h.text[:half] })}, 2, ErrChanged, "has 30,000"},
		{"a cut at the same place", &holder{tag: `"v1"`, noRanges: true, cut: everyTime(half)}, 1, ErrAway, "broke 3 times after 30,000 bytes"},
		{"a cut at the same place, chunked", &holder{chunked: true, cut: everyTime(half)}, 1, ErrAway, "broke 3 times after 30,000 bytes"},
		{"nothing at all", &holder{tag: `"v1"`, cut: everyTime(0)}, 1, ErrAway, "at its beginning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.h.text = text
			server := httptest.NewServer(c.h)
			defer server.Close()
			o := find(t, server.URL+"/a.csv", Options{})
			for n := range c.readings {
				got, err := readAll(o)
				switch last := n == c.readings-1; {
				case !last && (err != nil || got != text):
					t.Fatalf("reading %d: %d bytes, %v", n+1, len(got), err)
				case last && (!errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says)):
					t.Errorf("reading %d: %d bytes, %v; want %q", n+1, len(got), err, c.says)
				}
			}
		})
	}
}

// raw answers each request with bytes as they are, and closes the connection.
func raw(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			c.Read(buf)
			io.WriteString(c, answers[min(n, len(answers)-1)])
			c.Close()
		}
	}()
	return "http://" + l.Addr().String() + "/a.csv"
}

// Answers that no honest server gives.
func TestOddAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name    string
		answers []string
		want    error
		says    string
	}{
		{"a length that is too long", []string{ok + "Content-Length: 100\r\n\r\nemail\n"}, ErrAway, "broke 3 times after 6 bytes"},
		{"a length that is too short", []string{ok + "Content-Length: 6\r\n\r\nemail\na@example.com\n"}, ErrAway, "more than the 6 bytes"},
		{"a length that is too short by far", []string{ok + "Content-Length: 50000\r\n\r\n" + strings.Repeat("email\n", 20_000)}, ErrAway, "more than the 50,000 bytes"},
		{"a part from elsewhere", []string{ok + "ETag: \"a\"\r\nContent-Length: 100\r\n\r\nemail\n", "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 0-99/100\r\nContent-Length: 100\r\n\r\n"}, ErrAway, "another part"},
		{"a part of another whole", []string{ok + "ETag: \"a\"\r\nContent-Length: 100\r\n\r\nemail\n", "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 6-49/50\r\nContent-Length: 44\r\n\r\n"}, ErrChanged, "100 bytes and has 50"},
		{"half of the rest", []string{ok + "ETag: \"a\"\r\nContent-Length: 100\r\n\r\nemail\n", "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 6-49/100\r\nContent-Length: 44\r\n\r\n"}, ErrAway, "another part"},
		{"a part that nobody asked for", []string{"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 50-99/100\r\nContent-Length: 50\r\n\r\n"}, ErrAway, "another part"},
		{"no rest any more", []string{ok + "ETag: \"a\"\r\nContent-Length: 100\r\n\r\nemail\n", "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"}, ErrChanged, "416"},
		{"a login page in its place", []string{ok + "Content-Length: 100\r\n\r\nemail\n", ok + "Content-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>sign in</html>"}, ErrChanged, "sign in"},
		{"not there", []string{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}, ErrNotThere, "404"},
		{"a sign-in", []string{"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"}, ErrNotThere, "source.headers"},
		{"always unwell", []string{"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"}, ErrAway, "503"},
		{"no content", []string{"HTTP/1.1 204 No Content\r\n\r\n"}, ErrAway, "204"},
		{"a coding that nobody asked for", []string{ok + "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"}, ErrAway, "(br)"},
		{"a head without end", []string{ok + "X: " + strings.Repeat("x", maxHead) + "\r\n\r\n"}, ErrAway, "head"},
		{"a redirect to nowhere", []string{"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"}, ErrAway, "not followed"},
		{"a redirect to a file", []string{"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"}, ErrAway, "not followed"},
		{"a circle", []string{"HTTP/1.1 302 Found\r\nLocation: /a.csv?s3cret\r\nContent-Length: 0\r\n\r\n"}, ErrAway, "6th in a row"},
		{"no HTTP at all", []string{"220 ftp\r\n"}, ErrAway, "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readAll(find(t, raw(t, c.answers...), Options{}))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q, %v; want %q", got, err, c.says)
			}
		})
	}
}

// Where a server says neither how long an object is nor where it ends, that is told.
func TestDoubt(t *testing.T) {
	o := find(t, raw(t, "HTTP/1.0 200 OK\r\n\r\nemail\na@example.com\n"), Options{})
	got, err := readAll(o)
	if err != nil || got != "email\na@example.com\n" || !strings.Contains(o.Doubt(), "cannot be told from the end") {
		t.Errorf("%q, %v, %s", got, err, o.Doubt())
	}
}

// A connection that is silent is given up, and the rest is asked for. What the server asks
// to wait is waited, and no longer than a minute.
func TestSilence(t *testing.T) {
	var n atomic.Int32
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		switch n.Add(1) {
		case 1:
			w.Header().Set("Content-Length", "12")
			io.WriteString(w, "email\n")
			w.(http.Flusher).Flush()
			<-stop
		case 2:
			<-stop // not even a head
		case 3:
			w.Header().Set("Retry-After", "7200")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.Header().Set("Content-Range", "bytes 6-11/12")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, "a@b.c\n")
		}
	}))
	defer server.Close()
	defer close(stop)
	var waits []time.Duration
	o := find(t, server.URL, Options{Timeout: 100 * time.Millisecond, Pause: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}})
	r, err := o.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 6)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "email\n" {
		t.Fatalf("%q, %v", got, err)
	}
	_, err = r.Read(got)
	if !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "after 6 bytes") || len(waits) != 2 {
		t.Errorf("%v, %v", err, waits)
	}
	n.Store(2)
	if all, err := readAll(find(t, server.URL, Options{Timeout: 100 * time.Millisecond, Pause: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}})); !errors.Is(err, ErrAway) || waits[2] != time.Minute {
		t.Errorf("%q, %v, %v", all, err, waits)
	}
}

// Who cancels waits for nobody.
func TestCancel(t *testing.T) {
	stop, cause := make(chan struct{}), errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel(cause)
		<-stop
	}))
	defer server.Close()
	defer close(stop)
	if _, err := readAll(find(t, server.URL, Options{Context: ctx})); !errors.Is(err, cause) {
		t.Error(err)
	}
}

// Credentials go to the host that they are for, and nowhere else.
func TestRedirects(t *testing.T) {
	secret := map[string]string{"Authorization": "Bearer $TOKEN", "X-Key": "${KEY}"}
	getenv := func(name string) string { return map[string]string{"TOKEN": "s3cret", "KEY": "k3y"}[name] }
	var seen []string
	note := func(r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("X-Key"))
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		io.WriteString(w, "email\n")
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		switch r.URL.Path {
		case "/own":
			http.Redirect(w, r, "/moved?signature=s1gned", http.StatusFound)
		case "/moved":
			io.WriteString(w, "email\n")
		default:
			http.Redirect(w, r, other.URL+"/far?signature=s1gned", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	for _, c := range []struct{ path, want string }{
		{"/own", "/own Bearer s3cret k3y|/moved Bearer s3cret k3y"},
		{"/away", "/away Bearer s3cret k3y|/far  "},
	} {
		seen = nil
		o := find(t, server.URL+c.path, Options{Header: secret, Getenv: getenv})
		if _, err := readAll(o); err != nil || strings.Join(seen, "|") != c.want {
			t.Errorf("%s: %q, %v", c.path, seen, err)
		}
		if strings.Contains(o.Via()+o.Name, "s1gned") || o.Via() == "" {
			t.Errorf("%s, by %q", o.Name, o.Via())
		}
	}
	seen = nil
	if _, err := readAll(find(t, strings.Replace(server.URL, "//", "//u:p%20w@", 1)+"/away", Options{})); err != nil || strings.Join(seen, "|") != "/away Basic dTpwIHc= |/far  " {
		t.Errorf("%q, %v", seen, err)
	}
}

// No redirect leads out of TLS, nor from elsewhere to this machine.
func TestMayFollow(t *testing.T) {
	insecure := httptest.NewServer(http.NotFoundHandler())
	defer insecure.Close()
	server := httptest.NewUnstartedServer(http.RedirectHandler(insecure.URL, http.StatusFound))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, err := readAll(find(t, server.URL, Options{Roots: roots})); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "from https:// to http://") {
		t.Error(err)
	}
	if _, err := readAll(find(t, server.URL, Options{})); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "api.ca_file") {
		t.Error(err)
	}
	for _, c := range []struct {
		from, to string
		hops     int
		follows  bool
	}{
		{"https://example.com/a", "https://localhost/b", 0, false},
		{"https://example.com/a", "https://127.0.0.1/b", 0, false},
		{"https://example.com/a", "https://other.example.com/b", 4, true},
		{"https://example.com/a", "https://other.example.com/b", 5, false},
		{"https://example.com/a", "http://example.com/a", 0, false},
		{"https://localhost/a", "https://127.0.0.1/b", 0, true},
		{"https://example.com/a", "ftp://example.com/a", 0, false},
		{"https://example.com/a", "https:///a", 0, false},
	} {
		from, err1 := url.Parse(c.from)
		to, err2 := url.Parse(c.to)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if err := mayFollow(from, to, c.hops); (err == nil) != c.follows {
			t.Errorf("from %s to %s after %d: %v", c.from, c.to, c.hops, err)
		}
	}
}

// An address that cannot be used is refused before anything is asked, and none of it shown.
func TestAddresses(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for source, says := range map[string]string{
		"http://example.com/a.csv?s3cret":     "--insecure-http",
		"https://u:s3cret/x@host/a":           "no address",
		"https://":                            "no address",
		"https://host/a?…":                    "left out",
		"https://…@host/a":                    "left out",
		"s3://key:s3cret@bucket/a.csv":        "AWS_ACCESS_KEY_ID",
		"s3://bucket":                         "names no object",
		"s3://bucket/folder/":                 "s3://bucket/folder/*.csv",
		"s3:///a.csv":                         "names no bucket",
		"https://u:s3cret@host:port/a?s3cret": "no address",
	} {
		if _, err := c.Find(source); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", source, err, says)
		}
	}
	for _, header := range []map[string]string{{"Authorization": "Bearer $NONE"}, {"Authorization": "$TWO"}} {
		_, err := New(Options{Header: header, Getenv: func(name string) string { return map[string]string{"TWO": "a\nb"}[name] }})
		if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "Authorization") {
			t.Error(err)
		}
	}
	if c, err = New(Options{Header: map[string]string{"X": "$A"}, Getenv: func(string) string { return "a" }}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Find("https://a.example.com/x"); err != nil {
		t.Error(err)
	}
	if _, err := c.Find("https://b.example.com/x"); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "two hosts") {
		t.Error(err)
	}
}

// What is spooled is the object, and nobody else finds it.
func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	h := &holder{text: text, tag: `"a"`, cut: everyTime(10_000)}
	server := httptest.NewServer(h)
	defer server.Close()
	o := find(t, server.URL, Options{})
	for range 2 {
		f, n, err := o.Spool()
		if err != nil || n != int64(len(text)) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		got := make([]byte, n)
		if _, err := f.ReadAt(got, 0); err != nil || string(got) != text {
			t.Error(err)
		}
	}
	if n := len(h.requests); n != len(text)/10_000+1 {
		t.Errorf("%d requests", n)
	}
}
