package cognigy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

var plainHeads = []string{
	"HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n" + `{"_id":"x1"}`,
	"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 18:34:11 GMT\r\nconnection: Keep-Alive\r\nETag: W/\"1\"\r\ncontent-length:0\r\n\r\n",
}

var otherHeads = []string{
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: y\r\n Content-Length: 3\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 7\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nRateLimit: limit=1\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
}

func TestPlainHead(t *testing.T) {
	for _, s := range plainHeads {
		if _, _, ok := parsePlainHead([]byte(s)); !ok {
			t.Errorf("%q is not taken for plain", s)
		}
	}
	for _, s := range otherHeads {
		if _, _, ok := parsePlainHead([]byte(s)); ok {
			t.Errorf("%q is taken for plain", s)
		}
	}
}

// What is taken for plain net/http reads in the same way.
func FuzzPlainHead(f *testing.F) {
	for _, s := range append(otherHeads, plainHeads...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, size, ok := parsePlainHead(b)
		if !ok {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b))
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		rest, _ := io.ReadAll(r)
		if resp.StatusCode != h.status || resp.ContentLength != h.length || resp.Header.Get("Date") != string(h.date) ||
			resp.Close || len(resp.TransferEncoding) > 0 || len(b)-len(rest) != size {
			t.Fatalf("%q: %+v, %d bytes; net/http says %+v", b, h, size, resp)
		}
		for _, name := range []string{"Retry-After", "Location"} {
			if resp.Header.Get(name) != "" {
				t.Fatalf("%q: %s is lost", b, name)
			}
		}
	})
}
