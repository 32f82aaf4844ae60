package cognigy

import (
	"bytes"
	"net/http"
	"strconv"
)

// A head is what matters of the head of a plain answer.
type head struct {
	status int
	length int64  // of the body
	date   []byte // points into what was parsed
}

// parsePlainHead reads the head of an answer of the usual kind: a success with a
// Content-Length, after which the connection stays open, and without a header
// that is of interest. Where the head is any other, or in the least unusual, ok is
// false and net/http's parser, which allocates a dozen times as much, has to read
// it. b begins with the answer and may hold more or less than its head; size is
// the head's length, or 0 where b ends before it does.
func parsePlainHead(b []byte) (h head, size int, ok bool) {
	size = bytes.Index(b, []byte("\r\n\r\n")) + len("\r\n\r\n")
	if size < len("\r\n\r\n") {
		return head{}, 0, false
	}
	line, rest, _ := bytes.Cut(b[:size-2], []byte("\r\n"))
	switch {
	case bytes.HasPrefix(line, []byte("HTTP/1.1 201 ")):
		h.status = http.StatusCreated
	case bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")):
		h.status = http.StatusOK
	default:
		return head{}, size, false
	}
	if !isPlain(line) {
		return head{}, size, false
	}
	h.length = -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !isPlainName(line[:colon]) || !isPlain(line) {
			return head{}, size, false
		}
		name, value := line[:colon], bytes.Trim(line[colon+1:], " ")
		switch name[0] | 0x20 {
		case 'c':
			switch {
			case bytes.EqualFold(name, []byte("Content-Length")):
				n, err := strconv.ParseUint(string(value), 10, 31)
				if err != nil || h.length >= 0 || value[0] == '+' {
					return head{}, size, false
				}
				h.length = int64(n)
			case bytes.EqualFold(name, []byte("Connection")) && !bytes.EqualFold(value, []byte("keep-alive")):
				return head{}, size, false
			}
		case 'd':
			if bytes.EqualFold(name, []byte("Date")) {
				if h.date != nil {
					return head{}, size, false
				}
				h.date = value
			}
		case 't', 'u', 'r', 'l':
			// Transfer-Encoding, Trailer, Upgrade; and what may be asked for:
			// Retry-After, Location.
			return head{}, size, false
		}
	}
	return h, size, h.length >= 0
}

// isPlainName tells whether a header's name holds nothing but letters, digits
// and hyphens.
func isPlainName(name []byte) bool {
	for _, c := range name {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// isPlain tells whether a line holds nothing but visible characters of ASCII and
// spaces.
func isPlain(line []byte) bool {
	for _, c := range line {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
