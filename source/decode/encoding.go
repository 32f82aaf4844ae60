package decode

import (
	"bytes"
	"encoding/base64"
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
	"cp1255": charmap.Windows1255, "cp1256": charmap.Windows1256, "cp874": charmap.Windows874,
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
	{"cp850", charmap.CodePage850}, {"cp437", charmap.CodePage437}, {"macintosh", charmap.Macintosh}, {"cp1250", charmap.Windows1250}, {"cp852", charmap.CodePage852},
	{"iso-8859-2", charmap.ISO8859_2}, {"iso-8859-15", charmap.ISO8859_15}, {"cp1254", charmap.Windows1254},
	{"cp1251", charmap.Windows1251}, {"koi8-r", charmap.KOI8R}, {"cp866", charmap.CodePage866}, {"iso-8859-5", charmap.ISO8859_5},
	{"cp1255", charmap.Windows1255}, {"cp1256", charmap.Windows1256}, {"cp874", charmap.Windows874}, {"cp1253", charmap.Windows1253}, {"shift_jis", japanese.ShiftJIS}, {"gbk", simplifiedchinese.GBK}, {"big5", traditionalchinese.Big5},
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
	doubtful, odd, judged := doubts(words, g.name == "iso-8859-15")
	switch {
	case unassigned >= 0:
		with := slices.IndexFunc(words, func(word []byte) bool { return slices.ContainsFunc(word, isUnassigned) })
		why := fmt.Sprintf("windows-1252 has no byte 0x%02X", b[unassigned])
		return guess{unfit: notWestern(append([][]byte{words[with]}, doubtful...), why, redact)}
	case len(doubtful)*2 > judged, odd > 0 && odd*2 >= judged:
		return guess{unfit: notWestern(doubtful, "read as "+g.name+" its words make no sense", redact)}
	}
	at := slices.IndexFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
	words = append(slices.DeleteFunc(words, isSigned), b[at:at+1]) // where there is a sign and no word
	words = append(doubtful, words...)
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
	notBehind = "\x82\x84\x88\x89\x8b\xa1\xa3\xa5\xa7\xbf"                                 // never behind a letter
	notBefore = "\xa3\xa5\xaf"                                                             // never before two letters
	notWithin = "\x83\x86\x87\x93\x94\x95\x98\x9b\xa2\xa4\xac\xb1\xb3\xb6\xb9"             // never between two letters
	notLatin1 = "\xa6\xa8\xb8\xbc\xbd\xbe"                                                 // the same, but letters in ISO 8859-15
	capitals  = "\x8a\x8c\x8e\x9f"                                                         // never behind a letter and before a small one
)

// highWords are the words of a text that hold bytes beyond ASCII, other than signs where
// signs stand.
func highWords(b []byte) [][]byte {
	words := bytes.FieldsFunc(b, func(r rune) bool { return r < utf8.RuneSelf && !isASCIILetter(byte(r)) })
	return slices.DeleteFunc(words, func(word []byte) bool {
		return isSigned(word) && !signWithin.Match(word) && oddAt(word, false) < 0
	})
}

// signWithin matches ASCII letters around what is beyond ASCII.
var signWithin = regexp.MustCompile(`[A-Za-z][^A-Za-z]+[A-Za-z]`)

// isSigned tells whether a word has nothing beyond ASCII but signs.
func isSigned(word []byte) bool {
	return !slices.ContainsFunc(word, func(c byte) bool { return c >= utf8.RuneSelf && strings.IndexByte(signs, c) < 0 })
}

// doubts are those of the words that nobody in Western Europe writes, how many of them for
// sure, and of how many words it can be told.
func doubts(words [][]byte, isLatin9 bool) (doubtful [][]byte, odd, judged int) {
	for _, word := range words {
		switch {
		case oddAt(word, isLatin9) >= 0:
			odd++
			doubtful = append(doubtful, word)
		case isCrowded(word):
			doubtful = append(doubtful, word)
		case !isSigned(word) && !slices.ContainsFunc(word, func(c byte) bool { return c >= 0xc0 || strings.IndexByte(capitals, c) >= 0 }):
			continue
		}
		judged++
	}
	return doubtful, odd, judged
}

// isCrowded goes by how many letters beyond ASCII follow each other: other scripts have
// hardly any others.
func isCrowded(word []byte) bool {
	high, run, longest := 0, 0, 0
	for _, c := range word {
		if c < utf8.RuneSelf {
			run = 0
			continue
		}
		high++
		run++
		longest = max(longest, run)
	}
	return !isSigned(word) && (longest >= 3 || high >= 2 && high*2 > len(word))
}

// oddAt is where a byte stands in a word that nobody in Western Europe writes there, or -1.
func oddAt(word []byte, isLatin9 bool) int {
	for i, c := range word {
		if c < utf8.RuneSelf {
			continue
		}
		is := func(set string) bool { return strings.IndexByte(set, c) >= 0 }
		left, right := lettersBefore(word[max(0, i-maxWord):i]), lettersBehind(word[i+1:min(len(word), i+1+maxWord)])
		behind, before := len(left) > 0, len(right) > 0
		small := before && isSmall(right[0]) && right[0] < utf8.RuneSelf || behind && isSmall(left[len(left)-1]) && left[len(left)-1] < utf8.RuneSelf
		switch {
		case behind && (is(notBehind) || before && is(notWithin) || before && !isLatin9 && is(notLatin1) || small && is(capitals)),
			len(right) > 1 && is(notBefore) && !isLatin9,
			isOddLetter(c, left, right), before && behind && isOddSign(c, left, right):
			return i
		}
	}
	return -1
}

// isOddSign judges a sign between letters: in other encodings it is a letter.
func isOddSign(c byte, left, right []byte) bool {
	if !isSmall(right[0]) {
		return false
	}
	switch c {
	case 0x92: // í on a Mac, else an apostrophe
		return len(left) > 2 && !elided.Match(left) && !contracted.Match(right)
	case 0x96, 0x97: // ñ and ó on a Mac, else dashes
		return len(left) > 1 && len(right) < 3
	case 0xa0: // á in DOS, else a space
		consonant := func(letters []byte) bool {
			return len(letters) == 1 && letters[0] < utf8.RuneSelf && !isVowel(letters[0])
		}
		return consonant(left) || consonant(right)
	}
	return false
}

var (
	elided     = regexp.MustCompile(`(?i)(?:ll|nt|qu|rd|un|gl)$`)
	contracted = regexp.MustCompile(`^(?:s|t|d|m|re|ve|ll|n)$`)
)

// isOddLetter judges letters, and signs like them, by their neighbours: those of other
// encodings in the same place have others.
func isOddLetter(c byte, left, right []byte) bool {
	var prev, next byte
	if len(left) > 0 {
		prev = left[len(left)-1]
	}
	if len(right) > 0 {
		next = right[0]
	}
	switch c {
	case 0xb5: // Á of cp850; else mu in units
		return len(right) > 2 && string(right) != "mol"
	case 0xb3, 0xb9: // ł and ą of cp1250; else small digits, as in km³
		return next == 0 && len(left) > 2
	case 0x8c: // Ś of cp1250; else of French
		return prev == 0 && strings.IndexByte("wlcrpmkz", next) >= 0 && next != 0
	case 0x9c: // ś of cp1250, ú on a Mac
		return isVowel(prev)
	case 0xe1: // ß of DOS
		return (prev == 'a' || prev == 'o') && (next == 'e' || len(left) > 2) || bytes.HasSuffix(left, []byte("ei"))
	case 0xf1: // ń of cp1250
		return next == 0 && len(left) > 1 || isASCIILetter(next) && isSmall(next) && !isVowel(next) && next != 'c'
	case 0xfd: // ı of cp1254, as in Yıldız
		return bytes.IndexByte(right, c) >= 0
	case 0xfe: // ş of cp1254; else it begins a word of Icelandic
		return next == 0 && len(left) > 1 || isVowel(prev) && isVowel(next)
	}
	// A capital behind a small letter is another letter in DOS.
	return c >= 0xc0 && c < 0xdf && c != 0xd7 && isSmall(prev) && (next == 0 || isSmall(next))
}

// lettersBefore are the letters that a text ends with.
func lettersBefore(b []byte) []byte {
	i := len(b)
	for i > 0 && isLetter(b[i-1]) {
		i--
	}
	return b[i:]
}

// lettersBehind are the letters that a text begins with.
func lettersBehind(b []byte) []byte {
	i := 0
	for i < len(b) && isLetter(b[i]) {
		i++
	}
	return b[:i]
}

func isSmall(c byte) bool { return 'a' <= c && c <= 'z' || c >= 0xdf }

func isVowel(c byte) bool { return c != 0 && strings.IndexByte("aeiouyAEIOUY", c) >= 0 }

// escapes begin another set of characters in text of seven bits, as in ISO-2022-JP.
var escapes = regexp.MustCompile(`^\x1b(?:\$[@A-B]|\$\([A-D]|\$\)[A-G]|\([BIJ])`)

// utf7 matches a field in which UTF-7 may have written a letter. Addresses have + as well.
var utf7 = regexp.MustCompile(`(?m)(?:^|[,;\t|" ])([^@,;\t|" \r\n]*\+(A[A-Za-z0-9+/]{2,40})-[^@,;\t|" \r\n]*)(?:$|[,;\t|" \r])`)

// utf7Word is a word of a text that was written in UTF-7; empty where there is none.
func utf7Word(text []byte) string {
	if !bytes.Contains(text, []byte("+A")) {
		return ""
	}
	for _, m := range utf7.FindAllSubmatch(text, 100) {
		b := make([]byte, base64.RawStdEncoding.DecodedLen(len(m[2])))
		n, err := base64.RawStdEncoding.Strict().Decode(b, m[2])
		letters := err == nil && n%2 == 0
		for i := 0; letters && i < n; i += 2 {
			r := rune(b[i])<<8 | rune(b[i+1])
			letters = r >= 0xc0 && r < 0x250 && r != 0xd7 && r != 0xf7
		}
		if letters {
			return string(m[1])
		}
	}
	return ""
}

func isLetter(c byte) bool { return isASCIILetter(c) || c >= 0xc0 }

// notWestern names the encodings in which the first word in doubt is one, and shows it.
func notWestern(doubtful [][]byte, why string, redact bool) error {
	var in []string
	for _, word := range doubtful[:min(len(doubtful), 20)] {
		word = word[:min(len(word), maxWord)]
		for _, c := range candidates {
			text, err := c.encoding.NewDecoder().Bytes(word)
			if err != nil || string(text) == asWestern(word) || !isWord(string(text), slices.ContainsFunc(word, isASCIILetter)) {
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

func asWestern(word []byte) string {
	text, _ := charmap.Windows1252.NewDecoder().Bytes(word) // each byte becomes a character
	return string(text)
}

// isWord tells whether a text is made of letters of one script, without a capital behind
// a small one. Latin ones have ASCII among them.
func isWord(s string, ascii bool) bool {
	latin, other := 0, 0
	var before rune
	for _, r := range s {
		halfKana := r >= 0xff61 && r <= 0xff9f
		switch {
		case r == utf8.RuneError, r == 'ª', r == 'º', halfKana, !unicode.IsLetter(r) && !unicode.IsMark(r), unicode.IsLower(before) && unicode.IsUpper(r):
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
