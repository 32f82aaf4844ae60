package decode

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	xunicode "golang.org/x/text/encoding/unicode"

	"importer/internal/words"
)

// ErrEncoding says that the encoding of a text cannot be told, or is not what was said.
var ErrEncoding = errors.New("the encoding is not clear")

// UTF8 is the name of the encoding that everything is turned into, and BOM the mark that
// a text may begin with.
const (
	UTF8 = "utf-8"
	BOM  = "\ufeff"
)

// These are the byte orders without a BOM. A BOM goes over them, and is taken away.
var (
	utf16LE = xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM)
	utf16BE = xunicode.UTF16(xunicode.BigEndian, xunicode.UseBOM)
)

// encodings are those that need no decoding, which are nil, and those by names that
// the IANA registry does not have, or where it knows no BOM.
var encodings = map[string]encoding.Encoding{
	"": nil, "auto": nil, UTF8: nil, "utf8": nil,
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

// candidates are encodings that are not guessed, but named where a text is neither
// UTF-8 nor Western European.
var candidates = []struct {
	name     string
	encoding encoding.Encoding
}{
	{"cp850", charmap.CodePage850}, {"cp437", charmap.CodePage437}, {"macintosh", charmap.Macintosh}, {"cp1250", charmap.Windows1250},
	{"iso-8859-2", charmap.ISO8859_2}, {"iso-8859-15", charmap.ISO8859_15}, {"cp1251", charmap.Windows1251}, {"koi8-r", charmap.KOI8R},
	{"cp1253", charmap.Windows1253}, {"shift_jis", japanese.ShiftJIS}, {"gbk", simplifiedchinese.GBK}, {"big5", traditionalchinese.Big5},
	{"euc-jp", japanese.EUCJP}, {"euc-kr", korean.EUCKR},
}

// latin9 matches text where it was written in ISO 8859-15, and decoded as such: it has
// letters and the euro sign in place of eight signs of the other two encodings of
// Western Europe.
var latin9 = regexp.MustCompile(`[0-9] ?€|€ ?[0-9]|(^|[^0-9])[šžœ][A-Za-zÀ-ÿ]|(^|[^0-9\pL])[ŠŽŒŸ][A-Za-zÀ-ÿ]`)

// A guess is what a text looks like. Without an encoding it is UTF-8, or nothing that
// can be told, and then unfit says so.
type guess struct {
	name     string
	encoding encoding.Encoding
	word     string // the first that depends on the encoding, as it is read
	unfit    error
}

// guessEncoding decides from text that holds bytes beyond ASCII. UTF-8 sequences
// hardly ever occur by chance: where there are as many as bytes that are not UTF-8,
// the text is UTF-8 with some invalid rows.
func guessEncoding(b []byte, redact bool) guess {
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
		return guess{}
	}
	if n := bytes.Count(b, []byte{0}); n*50 > len(b) {
		return guess{unfit: fmt.Errorf("%w: it holds NUL bytes, as UTF-16 does; say --encoding utf-16le or utf-16be", ErrEncoding)}
	}
	g := guess{name: "windows-1252", encoding: charmap.Windows1252}
	unassigned := slices.IndexFunc(b, isUnassigned)
	text, _ := charmap.ISO8859_15.NewDecoder().Bytes(b) // each byte has a character in it
	// Windows-1252 has characters where ISO 8859-15 has none.
	if latin9.Match(text) && !bytes.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || r >= 0x80 && r < 0xa0 }) {
		g = guess{name: "iso-8859-15", encoding: charmap.ISO8859_15}
	}
	words := highWords(b)
	doubtful, judged := doubts(words, g.name == "iso-8859-15")
	switch {
	case unassigned >= 0:
		with := slices.IndexFunc(words, func(word []byte) bool { return slices.ContainsFunc(word, isUnassigned) })
		why := fmt.Sprintf("windows-1252 has no byte 0x%02X", b[unassigned])
		return guess{unfit: notWestern(append([][]byte{words[with]}, doubtful...), why, redact)}
	case len(doubtful)*2 > judged:
		return guess{unfit: notWestern(doubtful, "read as "+g.name+" most of its words make no sense", redact)}
	}
	at := slices.IndexFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
	words = append(words, b[at:at+1]) // where there is a sign and no word
	word, _ := g.encoding.NewDecoder().Bytes(words[0][:min(len(words[0]), maxWord)])
	g.word = string(word) // a byte that the encoding does not have was told above
	return g
}

// isUnassigned tells whether windows-1252 has no character for a byte.
func isUnassigned(c byte) bool { return strings.IndexByte("\x81\x8d\x8f\x90\x9d", c) >= 0 }

func isASCIILetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// Bytes of windows-1252 by where they stand in text of Western Europe.
const (
	signs     = "\x80\x85\x91\x92\x93\x94\x96\x97\x99\xa0\xa7\xa9\xab\xae\xb0\xb4\xb7\xbb" // anywhere; they are no part of a word
	notBehind = "\x82\x84\x88\x89\x8b\x93\xa1\xa3\xa5\xbf"                                 // never behind a letter
	notWithin = "\x86\x87\x94\x95\x98\x9b\xa2\xa4\xb1\xb3\xb6\xb9"                         // never between two letters
	notLatin1 = "\xa6\xa8\xb4\xb8\xbc\xbd\xbe"                                             // the same, but letters in ISO 8859-15
	capitals  = "\x8a\x8c\x8e\x9f"                                                         // never behind a letter and before a small one
)

// highWords are the words of a text that hold bytes beyond ASCII, other than signs.
func highWords(b []byte) [][]byte {
	words := bytes.FieldsFunc(b, func(r rune) bool { return r < utf8.RuneSelf && !isASCIILetter(byte(r)) })
	return slices.DeleteFunc(words, func(word []byte) bool {
		return !slices.ContainsFunc(word, func(c byte) bool { return c >= utf8.RuneSelf && strings.IndexByte(signs, c) < 0 })
	})
}

// doubts are those of the words that nobody in Western Europe writes, and of how many
// words it can be told.
func doubts(words [][]byte, isLatin9 bool) (doubtful [][]byte, judged int) {
	for _, word := range words {
		if isDoubtful(word, isLatin9) {
			doubtful = append(doubtful, word)
			judged++
		} else if slices.ContainsFunc(word, func(c byte) bool { return c >= 0xc0 || strings.IndexByte(capitals, c) >= 0 }) {
			judged++
		}
	}
	return doubtful, judged
}

// isDoubtful goes by the signs within a word, and by how many letters beyond ASCII
// follow each other: other scripts have hardly any others.
func isDoubtful(word []byte, isLatin9 bool) bool {
	high, run, longest := 0, 0, 0
	for i, c := range word {
		if c < utf8.RuneSelf {
			run = 0
			continue
		}
		high++
		run++
		longest = max(longest, run)
		is := func(set string) bool { return strings.IndexByte(set, c) >= 0 }
		behind := i > 0 && isLetter(word[i-1])
		before := i+1 < len(word) && isLetter(word[i+1])
		small := before && word[i+1] >= 'a' || behind && 'a' <= word[i-1] && word[i-1] <= 'z'
		if behind && (is(notBehind) || before && is(notWithin) || before && !isLatin9 && is(notLatin1) || small && is(capitals)) {
			return true
		}
	}
	return longest >= 3 || high >= 2 && high*2 > len(word)
}

func isLetter(c byte) bool { return isASCIILetter(c) || c >= 0xc0 }

// notWestern names the encodings in which the first word in doubt is one, and shows it.
func notWestern(doubtful [][]byte, why string, redact bool) error {
	var in []string
	for _, word := range doubtful[:min(len(doubtful), 20)] {
		word = word[:min(len(word), maxWord)]
		for _, c := range candidates {
			text, err := c.encoding.NewDecoder().Bytes(word)
			if err != nil || !isWord(string(text), slices.ContainsFunc(word, isASCIILetter)) {
				continue
			}
			if redact {
				in = append(in, c.name)
			} else {
				in = append(in, fmt.Sprintf("%s (%s)", c.name, words.Show(string(text))))
			}
		}
		if len(in) > 0 {
			break
		}
	}
	if len(in) == 0 {
		return fmt.Errorf("%w: it is not UTF-8, and %s; say --encoding, such as cp850 or cp437 (DOS), macintosh, cp1250, shift_jis or utf-16le", ErrEncoding, why)
	}
	return fmt.Errorf("%w: it is not UTF-8, and %s; say which it is with --encoding: a word of it would be in %s", ErrEncoding, why, strings.Join(in, ", "))
}

// isWord tells whether a text is made of letters of one script, without a capital behind
// a small one. Latin ones have ASCII among them.
func isWord(s string, ascii bool) bool {
	latin, other := 0, 0
	var before rune
	for _, r := range s {
		halfKana := r >= 0xff61 && r <= 0xff9f
		switch {
		case r == utf8.RuneError, halfKana, !unicode.IsLetter(r) && !unicode.IsMark(r), unicode.IsLower(before) && unicode.IsUpper(r):
			return false
		case unicode.Is(unicode.Latin, r):
			latin++
		default:
			other++
		}
		before = r
	}
	return other == 0 && ascii || latin == 0
}
