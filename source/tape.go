package source

import (
	"bytes"
	"errors"
	"io"
)

// maxRecord is the longest record in bytes. A quote that is never closed would
// otherwise take the rest of the file into memory.
const maxRecord = 16 << 20

// readAhead is how much the readers of text take at a time, in bytes: little
// enough to stay in the processor's cache on its way through all of them.
const readAhead = 32 << 10

var errTooLong = errors.New("record too long")

// A tape keeps what a parser has read of the current record, so that a record
// that the parser refuses can still be shown, and read again from its second
// line. It holds one record and what was read ahead.
type tape struct {
	src   io.Reader
	err   error // of src, once its last byte is in buf
	buf   []byte
	start int // index in buf of the first byte of the current record
	next  int // index in buf of the byte that is read next
}

// Read reads on. It fails with errTooLong where the current record has more
// than maxRecord bytes.
func (t *tape) Read(p []byte) (int, error) {
	for t.next == len(t.buf) {
		if t.err != nil {
			return 0, t.err
		}
		if len(t.buf)-t.start > maxRecord {
			return 0, errTooLong
		}
		t.fill()
	}
	n := copy(p, t.buf[t.next:])
	t.next += n
	return n, nil
}

func (t *tape) fill() {
	if cap(t.buf)-len(t.buf) < readAhead {
		rest := t.buf[t.start:]
		if cap(t.buf)-len(rest) < readAhead {
			t.buf = make([]byte, 0, 2*cap(t.buf)+readAhead)
		}
		t.buf = append(t.buf[:0], rest...)
		t.next -= t.start
		t.start = 0
	}
	n, err := t.src.Read(t.buf[len(t.buf) : len(t.buf)+readAhead])
	t.buf = t.buf[:len(t.buf)+n]
	t.err = err
}

// record is what is there of the current record and of what was read ahead. It
// is valid until the next read.
func (t *tape) record() []byte { return t.buf[t.start:] }

// drop ends the current record after n bytes.
func (t *tape) drop(n int) { t.start += n }

// rewind goes back to the first byte of the current record.
func (t *tape) rewind() { t.next = t.start }

// skipLine drops everything up to and with the next line feed, and rewinds.
func (t *tape) skipLine() {
	for {
		if i := bytes.IndexByte(t.record(), '\n'); i >= 0 {
			t.start += i + 1
			t.rewind()
			return
		}
		t.buf, t.start, t.next = t.buf[:0], 0, 0
		if t.err != nil {
			return
		}
		t.fill()
	}
}

// newlines turns a carriage return without a line feed behind it into a line
// feed, byte for byte, so that positions stay as they are. CRLF is left to the
// parsers.
type newlines struct {
	src io.Reader
	buf []byte
	out []byte // of buf: what can be handed out
	cr  bool   // the last byte that was read is a carriage return, held back
	err error
}

func (n *newlines) Read(p []byte) (int, error) {
	for len(n.out) == 0 {
		if n.err != nil {
			return 0, n.err
		}
		n.fill()
	}
	k := copy(p, n.out)
	n.out = n.out[k:]
	return k, nil
}

func (n *newlines) fill() {
	if n.buf == nil {
		n.buf = make([]byte, readAhead)
	}
	held := 0
	if n.cr {
		n.buf[0], held, n.cr = '\r', 1, false
	}
	got, err := n.src.Read(n.buf[held:])
	b := n.buf[:held+got]
	if err == nil && len(b) > 0 && b[len(b)-1] == '\r' {
		b, n.cr = b[:len(b)-1], true
	}
	for i := 0; ; i++ {
		k := bytes.IndexByte(b[i:], '\r')
		if k < 0 {
			break
		}
		if i += k; i+1 == len(b) || b[i+1] != '\n' {
			b[i] = '\n'
		}
	}
	n.out, n.err = b, err
}
