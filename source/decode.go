package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
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
	begins := func(with string) bool { return bytes.HasPrefix(head, []byte(with)) }
	done = func() {}
	switch {
	case begins("\x1f\x8b"):
		r, err = gzip.NewReader(b)
	case begins("\x28\xb5\x2f\xfd"):
		var z *zstd.Decoder
		// 128 MiB is the largest window of zstd --long.
		z, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err == nil {
			r, done = z, z.Close
		}
	case begins("BZh"):
		r = bzip2.NewReader(b)
	case begins("\xfd7zXZ\x00"):
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

const utf8Name = "utf-8"

// These are the byte orders without a BOM. A BOM goes over them, and is taken away.
var (
	utf16LE = xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM)
	utf16BE = xunicode.UTF16(xunicode.BigEndian, xunicode.UseBOM)
)

// encodings are those that need no decoding, which are nil, and those by names that
// the IANA registry does not have, or where it knows no BOM.
var encodings = map[string]encoding.Encoding{
	"": nil, "auto": nil, utf8Name: nil, "utf8": nil,
	"utf-16": utf16LE, "utf16": utf16LE, "utf-16le": utf16LE, "utf16le": utf16LE, "utf-16be": utf16BE, "utf16be": utf16BE,
	"ansi": charmap.Windows1252, "windows1252": charmap.Windows1252,
	"cp1250": charmap.Windows1250, "cp1251": charmap.Windows1251, "cp1252": charmap.Windows1252, "cp1253": charmap.Windows1253, "cp1254": charmap.Windows1254,
	"latin-1": charmap.ISO8859_1, "latin-9": charmap.ISO8859_15, "latin9": charmap.ISO8859_15,
}

// encodingNamed finds an encoding by a name of the IANA registry, or by what
// people call it. It is nil for UTF-8 and for auto.
func encodingNamed(name string) (encoding.Encoding, error) {
	if e, ok := encodings[strings.ToLower(name)]; ok {
		return e, nil
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
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), looksUTF16(head, 1):
		t.decide("utf-16le", utf16LE)
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}), looksUTF16(head, 0):
		t.decide("utf-16be", utf16BE)
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
	ascii := slices.IndexFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
	if ascii == 0 {
		b, _ = t.src.Peek(window)
		t.decide(guessEncoding(b))
		return t.r.Read(p)
	}
	if ascii > 0 {
		b = b[:ascii]
	}
	return t.src.Discard(copy(p, b))
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

// latin9 matches text where it was written in ISO 8859-15, and decoded as such: it has
// letters and the euro sign in place of eight signs of the other two encodings of
// Western Europe.
var latin9 = regexp.MustCompile(`[0-9] ?€|€ ?[0-9]|(^|[^0-9])[ŠšŽžŒœŸ][A-Za-zÀ-ÿ]`)

// guessEncoding decides from text that holds bytes beyond ASCII. UTF-8 sequences
// hardly ever occur by chance: where there are as many as bytes that are not UTF-8,
// the text is UTF-8 with some invalid rows.
func guessEncoding(b []byte) (string, encoding.Encoding) {
	valid, invalid := 0, 0
	for rest := b; utf8.FullRune(rest); { // the window may cut the last one off
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			invalid++
		case n > 1:
			valid++
		}
		rest = rest[n:]
	}
	if valid >= invalid {
		return utf8Name, nil
	}
	text, err := charmap.ISO8859_15.NewDecoder().Bytes(b)
	// Windows-1252 has characters where ISO 8859-15 has none.
	if err == nil && latin9.Match(text) && !bytes.ContainsRune(text, utf8.RuneError) {
		return "iso-8859-15", charmap.ISO8859_15
	}
	return "windows-1252", charmap.Windows1252
}
