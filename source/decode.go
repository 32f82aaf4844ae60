package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	xunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decompress unpacks what is compressed, going by its first bytes and not by
// its name. The caller calls done when it has read enough.
func decompress(b *bufio.Reader) (r io.Reader, done func(), err error) {
	head, _ := b.Peek(6) // an error comes again with the first read
	done = func() {}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var z *zstd.Decoder
		// 128 MiB is the largest window of zstd --long.
		z, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err == nil {
			r, done = z, z.Close
		}
	case bytes.HasPrefix(head, []byte("BZh")):
		r = bzip2.NewReader(b)
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		r, err = xz.NewReader(b)
	default:
		return b, done, nil
	}
	if err != nil {
		return nil, done, fmt.Errorf("the compressed file cannot be read: %w", err)
	}
	return unpacked{r}, done, nil
}

// unpacked says of the errors of a decompressor where they come from. A file
// that was cut off is never taken for one that ends.
type unpacked struct{ r io.Reader }

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("the compressed file is damaged or cut off: %w", err)
	}
	return n, err
}

// utf8Name is the name of the encoding that needs no decoding.
const utf8Name = "utf-8"

// encodingNamed finds an encoding by a name of the IANA registry, or by what
// people call it. It is nil for UTF-8 and for auto.
func encodingNamed(name string) (encoding.Encoding, error) {
	switch n := strings.ToLower(name); n {
	case "", "auto", utf8Name, "utf8":
		return nil, nil
	case "utf-16", "utf16":
		return xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM), nil
	case "utf-16le", "utf16le":
		return xunicode.UTF16(xunicode.LittleEndian, xunicode.IgnoreBOM), nil
	case "utf-16be", "utf16be":
		return xunicode.UTF16(xunicode.BigEndian, xunicode.IgnoreBOM), nil
	case "cp1252", "ansi", "windows1252":
		return charmap.Windows1252, nil
	case "cp1250", "cp1251", "cp1253", "cp1254":
		name = "windows-" + n[len("cp"):]
	case "latin-1":
		return charmap.ISO8859_1, nil
	case "latin-9", "latin9":
		return charmap.ISO8859_15, nil
	}
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		return nil, fmt.Errorf("unknown encoding %q: use auto, utf-8, utf-16, windows-1252, iso-8859-1, iso-8859-15 or another name of the IANA registry", name)
	}
	return e, nil
}

// A textReader turns a file into UTF-8 without a BOM.
//
// Without a name for the encoding it goes by the BOM, then by the pattern of NUL
// bytes that UTF-16 has. Else it lets ASCII through and decides at the first
// other byte, from what stands there: that may be far into the file.
type textReader struct {
	src     *bufio.Reader
	r       io.Reader    // once it is decided
	decided func(string) // is told the encoding
}

// window is how much of the file the encoding is decided from.
const window = 256 << 10

func newTextReader(src io.Reader, name string, decided func(string)) (*textReader, error) {
	t := &textReader{src: bufio.NewReaderSize(src, window), decided: decided}
	e, err := encodingNamed(name)
	if err != nil {
		return nil, err
	}
	head, _ := t.src.Peek(4 << 10) // an error comes again with the first read
	switch {
	case e != nil:
		t.decide(strings.ToLower(name), e)
	case bytes.HasPrefix(head, []byte(utf8BOM)):
		t.src.Discard(len(utf8BOM)) // cannot fail: it was peeked
		t.decide(utf8Name, nil)
	case !isAuto(name):
		t.decide(utf8Name, nil)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		t.src.Discard(2)
		t.decide("utf-16le", xunicode.UTF16(xunicode.LittleEndian, xunicode.IgnoreBOM))
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		t.src.Discard(2)
		t.decide("utf-16be", xunicode.UTF16(xunicode.BigEndian, xunicode.IgnoreBOM))
	case looksUTF16(head, 1):
		t.decide("utf-16le", xunicode.UTF16(xunicode.LittleEndian, xunicode.IgnoreBOM))
	case looksUTF16(head, 0):
		t.decide("utf-16be", xunicode.UTF16(xunicode.BigEndian, xunicode.IgnoreBOM))
	}
	return t, nil
}

func isAuto(encoding string) bool { return encoding == "" || strings.EqualFold(encoding, "auto") }

// decide reads on in an encoding; nil is UTF-8.
func (t *textReader) decide(name string, e encoding.Encoding) {
	t.r = t.src
	if e != nil {
		t.r = transform.NewReader(t.src, e.NewDecoder())
	}
	t.decided(name)
}

func (t *textReader) Read(p []byte) (int, error) {
	if t.r != nil {
		return t.r.Read(p)
	}
	if _, err := t.src.Peek(1); err != nil {
		return 0, err
	}
	b, _ := t.src.Peek(min(t.src.Buffered(), len(p))) // what is buffered can be peeked
	ascii := asciiPrefix(b)
	if ascii == 0 && len(b) > 0 {
		b, _ = t.src.Peek(window)
		t.decide(guessEncoding(b))
		return t.r.Read(p)
	}
	copy(p, b[:ascii])
	return t.src.Discard(ascii)
}

// asciiPrefix is how many bytes at the beginning of b are ASCII.
func asciiPrefix(b []byte) int {
	n := 0
	for len(b)-n >= 8 && binary.LittleEndian.Uint64(b[n:])&0x8080808080808080 == 0 {
		n += 8
	}
	for n < len(b) && b[n] < utf8.RuneSelf {
		n++
	}
	return n
}

// looksUTF16 tells whether every other byte from the given one on is mostly NUL
// and the bytes between are not: Latin letters, digits and delimiters in UTF-16.
func looksUTF16(head []byte, from int) bool {
	nul := [2]int{}
	for i, c := range head {
		if c == 0 {
			nul[i%2]++
		}
	}
	pairs := len(head) / 2
	return pairs > 0 && nul[from]*2 > pairs && nul[1-from]*20 < pairs
}

// guessEncoding decides from text that holds bytes beyond ASCII. UTF-8 sequences
// hardly ever occur by chance: where there are as many as bytes that are not UTF-8,
// the text is UTF-8 with some invalid rows.
func guessEncoding(b []byte) (string, encoding.Encoding) {
	valid, invalid := 0, 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		if !utf8.FullRune(b[i:]) {
			break // cut off by the window
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			invalid++
		} else {
			valid++
		}
		i += n
	}
	if invalid == 0 || valid >= invalid {
		return utf8Name, nil
	}
	// Windows-1252 has characters where ISO 8859 has control codes. Where the text
	// has none of them, it may be ISO 8859-15: letters and the euro sign in place of
	// eight signs. All other bytes are the same in the three.
	votes := 0
	for i, c := range b {
		var before, after byte
		if i > 0 {
			before = b[i-1]
		}
		if i+1 < len(b) {
			after = b[i+1]
		}
		switch {
		case c >= 0x80 && c < 0xa0:
			return "windows-1252", charmap.Windows1252
		case c == 0xa4 && (isDigit(before) || isDigit(after) || before == ' ' && isDigit(at(b, i-2)) || after == ' ' && isDigit(at(b, i+2))):
			votes++ // € beside an amount, not ¤
		case bytes.IndexByte([]byte{0xa6, 0xa8, 0xb4, 0xb8, 0xbc, 0xbd, 0xbe}, c) >= 0 && isLetter(after) && (isLetter(before) || !isDigit(before)):
			votes++ // Š, š, Ž, ž, Œ, œ, Ÿ in a word, not a sign
		}
	}
	if votes > 0 {
		return "iso-8859-15", charmap.ISO8859_15
	}
	return "windows-1252", charmap.Windows1252
}

func at(b []byte, i int) byte {
	if i < 0 || i >= len(b) {
		return 0
	}
	return b[i]
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c < utf8.RuneSelf && unicode.IsLetter(rune(c)) || c >= 0xc0 }
