package work

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// secretNames are how the names of files end that hold keys and settings.
var secretNames = []string{".key", ".pem", ".p12", ".pfx", ".jks", ".kdbx", ".env", ".yaml", ".yml", ".toml", ".ini", ".conf", ".cnf"}

// isSecret tells whether a file looks like one that holds a key, a password or settings: by
// its name, or because its beginning is that of a key, or because it is a single word, as
// the file of an API key is. What cannot be read is told of by who opens it.
func isSecret(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	if strings.HasPrefix(name, ".") || slices.Contains(secretNames, filepath.Ext(name)) {
		return true
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // read only: nothing to lose
	head, err := io.ReadAll(io.LimitReader(f, maxHead))
	if err != nil {
		return false
	}
	text := inUTF8(head)
	return bytes.Contains(text, []byte("PRIVATE KEY-----")) || info.Size() < maxHead && isWord(text)
}

// maxHead is how much of a file is looked at, in bytes. An API key is shorter.
const maxHead = 16 << 10

// isWord tells whether a text is one line without a blank in it, such as a key, or NAME=key.
// A file of contacts has more than one line.
func isWord(text []byte) bool {
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' || r == 0 })
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.TrimFunc(line, unicode.IsSpace) == "" })
	return len(lines) == 1 && !strings.ContainsAny(strings.TrimSpace(lines[0]), " \t,;|{}")
}

// inUTF8 is a text without a byte order mark, and with one byte for each character of ASCII.
func inUTF8(text []byte) []byte {
	if len(text) >= 2 && (text[0] == 0xff && text[1] == 0xfe || text[0] == 0xfe && text[1] == 0xff) {
		low := 0
		if text[0] == 0xfe {
			low = 1
		}
		var wide []uint16
		for i := 2; i+1 < len(text); i += 2 {
			wide = append(wide, uint16(text[i+low])|uint16(text[i+1-low])<<8)
		}
		return []byte(string(utf16.Decode(wide)))
	}
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
}
