// Package decode makes text of the bytes of a file: it unpacks what is compressed, and
// turns every encoding into UTF-8. It guesses no encoding against the evidence, and puts
// nothing in the place of what it cannot read.
//
//	bytes ──► Decompress ──► NewReader ──► UTF-8
package decode

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"importer/internal/words"
)

// Decompress unpacks what is compressed, going by its first bytes and not by
// its name. The caller calls done when it has read enough.
//
// All four formats are read to their checksums. What they cannot show is a file that
// was cut between two members, frames or streams of a concatenation, and a change in a
// zstd frame or an xz stream that was written without a checksum.
func Decompress(b *bufio.Reader) (r io.Reader, done func(), err error) {
	head, _ := b.Peek(6) // an error comes again with the first read
	begins := func(with string) bool { return bytes.HasPrefix(head, []byte(with)) }
	done = func() {}
	switch {
	case begins("\x1f\x8b"):
		r, err = gzip.NewReader(b)
	case begins("\x28\xb5\x2f\xfd"):
		var z *zstd.Decoder
		z, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			r, done = z, z.Close
		}
	case begins("BZh"):
		r = bzip2.NewReader(b)
	case begins("\xfd7zXZ\x00"):
		r, err = xz.NewReader(b, maxWindow)
	default:
		return b, done, nil
	}
	if err != nil {
		return nil, done, cannotUnpack("cannot be read", err)
	}
	return unpacked{r}, done, nil
}

// maxWindow is how much of a text may be held to unpack what follows, in bytes: that of
// zstd --long, and twice that of xz -9.
const maxWindow = 128 << 20

// IsPacked tells whether a file begins as one that is compressed, or a zip archive.
func IsPacked(head []byte) bool {
	return slices.ContainsFunc([]string{"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zXZ\x00", "PK\x03\x04"},
		func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) })
}

// unpacked says of the errors of a decompressor where they come from. A file
// that was cut off is never taken for one that ends.
type unpacked struct{ r io.Reader }

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		err = cannotUnpack("is damaged or cut off", err)
	}
	return n, err
}

func cannotUnpack(why string, err error) error {
	if errors.Is(err, xz.ErrMemlimit) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return fmt.Errorf("the compressed file takes more than %d MiB of memory to unpack: compress it with a smaller window, such as that of xz -9 or zstd --long", maxWindow>>20)
	}
	return fmt.Errorf("the compressed file %s: %w", why, err)
}

// A Reader turns a file into UTF-8 without a BOM.
//
// Without a name for the encoding it goes by the BOM, then by the pattern of NUL
// bytes that UTF-16 has. Else it lets ASCII through and decides at the first
// other byte, from what stands there: that may be far into the file.
type Reader struct {
	src     *bufio.Reader
	r       io.Reader // once it is decided
	redact  bool      // errors hold no words of the text
	before  []byte    // the ASCII letters right before what was read so far
	decided func(encoding, word string)
}

// window is how much of the file the encoding is decided from.
const window = 256 << 10

// NewReader reads src in the encoding of that name. It calls decided when the
// encoding is known, with the first word that depends on it where it was guessed.
func NewReader(src io.Reader, name string, redact bool, decided func(encoding, word string)) (*Reader, error) {
	t := &Reader{src: bufio.NewReaderSize(src, window), redact: redact, decided: decided}
	e, err := encodingNamed(name)
	if err != nil {
		return nil, err
	}
	head, _ := t.src.Peek(4 << 10) // an error comes again with the first read
	begins := func(with string) bool { return bytes.HasPrefix(head, []byte(with)) }
	switch {
	case begins("\xff\xfe\x00\x00"), begins("\x00\x00\xfe\xff"):
		return nil, fmt.Errorf("%w: it is UTF-32; save it as UTF-8", ErrEncoding)
	case e != nil && begins(BOM):
		return nil, fmt.Errorf("%w: it begins with the mark of UTF-8, and --encoding says %s", ErrEncoding, name)
	case e != nil:
		t.decide(strings.ToLower(name), e, nil)
	case begins(BOM):
		t.src.Discard(len(BOM)) // cannot fail: it was peeked
		t.decide(UTF8, nil, nil)
	case !isAuto(name):
		t.decide(UTF8, nil, nil)
	case begins("\xff\xfe"), looksUTF16(head, 1):
		t.decide("utf-16le", utf16LE, nil)
	case begins("\xfe\xff"), looksUTF16(head, 0):
		t.decide("utf-16be", utf16BE, nil)
	default:
		return t, t.notSevenBits()
	}
	return t, nil
}

// notSevenBits refuses UTF-7, which is written in ASCII.
func (t *Reader) notSevenBits() error {
	head, _ := t.src.Peek(window)
	word := utf7Word(head)
	switch {
	case word == "":
		return nil
	case t.redact:
		return fmt.Errorf("%w: it is written in UTF-7; save it as UTF-8", ErrEncoding)
	}
	return fmt.Errorf("%w: it is written in UTF-7, as %s shows; save it as UTF-8, or say --encoding utf-8 if it is none", ErrEncoding, words.Show(word))
}

func isAuto(encoding string) bool { return encoding == "" || strings.EqualFold(encoding, "auto") }

// decide reads on in an encoding; nil is UTF-8. Where what follows does not fit it,
// the input ends with the error unfit; nil refuses only the row.
func (t *Reader) decide(name string, e encoding.Encoding, unfit error) {
	t.r = t.src
	if e != nil {
		t.r = transform.NewReader(t.src, strict{e.NewDecoder(), unfit})
	}
	if unfit == nil {
		t.decided(name, "")
	}
}

func (t *Reader) Read(p []byte) (int, error) {
	if t.r != nil {
		return t.r.Read(p)
	}
	if _, err := t.src.Peek(1); err != nil {
		return 0, err
	}
	b, _ := t.src.Peek(min(t.src.Buffered(), len(p))) // what is buffered can be peeked
	ascii := slices.IndexFunc(b, func(c byte) bool { return c >= utf8.RuneSelf || c == 0x1b })
	if ascii == 0 && b[0] == 0x1b {
		if b, _ = t.src.Peek(4); escapes.Match(b) {
			return 0, fmt.Errorf("%w: it has the escapes of ISO-2022; say --encoding iso-2022-jp, or another encoding of seven bits, or save it as UTF-8", ErrEncoding)
		}
		p[0], _ = t.src.ReadByte() // cannot fail: it was peeked
		return 1, nil
	}
	if ascii == 0 {
		if err := t.guess(); err != nil {
			return 0, err
		}
		return t.r.Read(p)
	}
	if ascii > 0 {
		b = b[:ascii]
	}
	t.before = append(t.before[:0], b[max(lastLetters(b), len(b)-maxWord):]...)
	return t.src.Discard(copy(p, b))
}

// Peek returns the next n bytes without reading them, as they stand in the file; fewer
// where it ends before. It may be called before the first read.
func (t *Reader) Peek(n int) []byte {
	head, _ := t.src.Peek(n) // an error comes again with the first read
	return head
}

// maxWord is how much of a word is shown, in bytes.
const maxWord = 40

// lastLetters is where the ASCII letters begin that a text ends with.
func lastLetters(b []byte) int {
	return 1 + bytes.LastIndexFunc(b, func(r rune) bool { return !isASCIILetter(byte(r)) })
}

// guess decides at a byte beyond ASCII.
func (t *Reader) guess() error {
	b, _ := t.src.Peek(window)
	g := guessEncoding(append(t.before, b...), t.redact)
	if g.encoding == nil {
		if g.unfit == nil {
			t.decide(UTF8, nil, nil)
		}
		return g.unfit
	}
	t.decide(g.name, g.encoding, fmt.Errorf("%w: it was read as %s up to here, and what follows is none; say --encoding", ErrEncoding, g.name))
	t.decided(g.name, g.word)
	return nil
}

// strict is a decoder that puts nothing in the place of what it cannot read. The input
// ends with the error unfit, or without one with bytes that are not UTF-8, which
// refuse their row. A character that the text ends within ends it as an error.
type strict struct {
	*encoding.Decoder
	unfit error
}

// ErrHalf says that a text ends in the middle of a character.
var ErrHalf = errors.New("the file ends in the middle of a character: it is cut off, or it has another encoding")

func (s strict) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = s.Decoder.Transform(dst, src, false)
	for at := 0; ; {
		i := bytes.Index(dst[at:nDst], []byte(string(utf8.RuneError)))
		if i < 0 {
			break
		}
		at += i
		if s.unfit != nil {
			return at, nSrc, s.unfit
		}
		at += copy(dst[at:], "\xff\xff\xff")
	}
	if atEOF && err == transform.ErrShortSrc {
		err = ErrHalf
	}
	return nDst, nSrc, err
}

// looksUTF16 tells whether every other byte from the given one on is NUL, and the bytes
// between hardly ever are. Of Latin letters that are most; of other scripts the digits,
// the delimiters, the addresses and the ends of lines.
func looksUTF16(head []byte, from int) bool {
	nul, lines := [2]int{}, 0
	for i, c := range head {
		if c == 0 {
			nul[i%2]++
		} else if c == '\n' && i%2 != from && i+2*from-1 < len(head) && i > 0 && head[i+2*from-1] == 0 {
			lines++
		}
	}
	pairs := len(head) / 2
	return nul[from]*2 > pairs && nul[1-from]*20 < pairs || lines > 0 && nul[from]*10 > pairs && nul[1-from]*20 < nul[from]
}
