package sandbox_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"importer/internal/sandbox"
)

func TestListenSaysWhereAndForWhom(t *testing.T) {
	for addr, loopback := range map[string]bool{"127.0.0.1:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false} {
		s, err := sandbox.Listen(addr, sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Loopback != loopback {
			t.Errorf("%s: Loopback %v", addr, s.Loopback)
		}
		if !strings.HasPrefix(s.URL, "http://") || strings.HasSuffix(s.URL, ":0") {
			t.Errorf("%s: URL %s", addr, s.URL)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestListenFails(t *testing.T) {
	s := start(t, sandbox.Options{})
	if _, err := sandbox.Listen(strings.TrimPrefix(s.URL, "http://"), sandbox.Options{}); err == nil {
		t.Error("the same port twice")
	}
	if _, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{ProjectID: "short"}); err == nil {
		t.Error("wrong options")
	}
}

// Once it is closed nothing is served, and Done says so.
func TestClose(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.create("a")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err, open := <-s.Done(); open || err != nil {
		t.Errorf("Done gives %v, %v", err, open)
	}
	if _, err := s.try("GET", "", ""); err == nil {
		t.Error("answered after Close")
	}
}

// Close lets a request finish that is under way.
func TestCloseAwaitsRequests(t *testing.T) {
	arrived := make(chan bool, 10)
	s := start(t, sandbox.Options{Latency: 200 * time.Millisecond, Clock: func() time.Time {
		arrived <- true
		return time.Now()
	}})
	for len(arrived) > 0 { // New reads the clock as well
		<-arrived
	}
	answered := make(chan error, 1)
	go func() {
		_, err := s.try("POST", "", s.createBody([]string{"a"}, nil))
		answered <- err
	}()
	<-arrived // and is now held for the latency
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestLatency(t *testing.T) {
	s := start(t, sandbox.Options{Latency: 50 * time.Millisecond})
	begin := time.Now()
	s.create("a")
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

// Clients that send half of a request, nonsense or too much, and clients that
// hang up, take nothing from the others.
func TestBrokenClients(t *testing.T) {
	s := start(t, sandbox.Options{})
	addr := strings.TrimPrefix(s.URL, "http://")
	head := "POST /new/v2.0/profiles HTTP/1.1\r\nHost: localhost\r\nX-API-Key: sandbox\r\nContent-Type: application/json\r\n"
	body := s.createBody([]string{"half"}, nil)
	var open []net.Conn
	for _, text := range []string{
		"", "P", "nonsense\r\n\r\n", head, head + "Content-Length: 1000\r\n\r\n" + body, head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		head + "Content-Length: -1\r\n\r\n", head + "Content-Length: 99999999999\r\n\r\n", "GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 100),
	} {
		for range 20 {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, text)
			open = append(open, conn)
		}
	}
	s.create("whole")
	for i, conn := range open {
		if i%2 == 0 {
			conn.Close()
		}
	}
	s.create("another")
	if n := len(s.Profiles()); n != 2 {
		t.Errorf("%d profiles, want those of the whole requests", n)
	}
	for i, conn := range open {
		if i%2 != 0 {
			conn.Close()
		}
	}
}

// An endless body is not read to its end.
func TestEndlessBody(t *testing.T) {
	s := start(t, sandbox.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		io.WriteString(conn, "POST /new/v2.0/profiles HTTP/1.1\r\nHost: localhost\r\nX-API-Key: sandbox\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			if _, err := fmt.Fprintf(conn, "1000\r\n%s\r\n", strings.Repeat("x", 0x1000)); err != nil {
				return // the sandbox hung up
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 413 {
		t.Errorf("%s, want 413", resp.Status)
	}
}
