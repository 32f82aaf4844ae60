package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// What is wrong with a source before its first row is read. Each error of Open
// wraps one of these or an error of the package os, and names the file.
var (
	ErrNoMatch     = errors.New("no file matches")
	ErrIsDirectory = errors.New("is a directory")
	ErrEmpty       = errors.New("the file is empty")
	ErrBadHeader   = errors.New("the header cannot be read")
	ErrNoContactID = errors.New("no column gives a contact id")
)

// sampleBytes is how much of a file Open looks at. The header has to lie in it.
const sampleBytes = 1 << 20

// A file is one source that was found fit to be read.
type file struct {
	Source
	plan    plan
	rejects bool // the last five columns are those of a reject file
	notices []string
	size    int64 // 0 where it is not known

	once   *bufio.Reader // what can be read only once: standard input, a pipe
	used   bool          // once was read
	closer io.Closer     // of once; nil for standard input
}

// expand replaces globs by the files they match. A path that exists is never a
// glob, whatever its name.
func expand(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("no source given: name a file, a glob, or - for standard input")
	}
	var all []string
	for _, path := range paths {
		if path == "-" || !strings.ContainsAny(path, "*?[") {
			all = append(all, path)
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			all = append(all, path)
			continue
		}
		found, err := filepath.Glob(path)
		if err != nil {
			return nil, fmt.Errorf("%s: not a valid glob: %w", path, err)
		}
		found = slices.DeleteFunc(found, func(p string) bool {
			info, err := os.Stat(p)
			return err == nil && info.IsDir()
		})
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: %w", path, ErrNoMatch)
		}
		all = append(all, found...)
	}
	if i := slices.Index(all, "-"); i >= 0 && slices.Contains(all[i+1:], "-") {
		return nil, errors.New("standard input (-) can be read only once")
	}
	return all, nil
}

// openFile looks at the beginning of a file and decides how to read it.
func openFile(path string, o Options) (*file, error) {
	f := &file{Source: Source{Name: path, Format: o.Format, Delimiter: o.Delimiter}}
	head, err := f.peek(o.Stdin)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	if err := f.examine(head, len(head) < sampleBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.close())
	}
	return f, nil
}

// peek returns the first bytes of the file, sampleBytes at most. A regular file
// is closed again, anything else is kept open with nothing consumed.
func (f *file) peek(stdin io.Reader) ([]byte, error) {
	if f.Name == "-" {
		if stdin == nil {
			return nil, errors.New("-: there is no standard input")
		}
		f.once = bufio.NewReaderSize(stdin, sampleBytes)
		return f.peekOnce()
	}
	file, err := os.Open(f.Name)
	if err != nil {
		// An *fs.PathError says "open NAME: reason"; the user knows that we open it.
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return nil, fmt.Errorf("%s: %w", f.Name, pe.Err)
		}
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, file.Close())
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("%s: %w: name a file in it, or a glob such as %s", f.Name, ErrIsDirectory,
			filepath.Join(f.Name, "*.csv")), file.Close())
	case !info.Mode().IsRegular():
		f.once, f.closer = bufio.NewReaderSize(file, sampleBytes), file
		return f.peekOnce()
	}
	f.size = info.Size()
	head := make([]byte, min(info.Size(), sampleBytes))
	n, err := io.ReadFull(file, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], errors.Join(err, file.Close())
}

func (f *file) peekOnce() ([]byte, error) {
	head, err := f.once.Peek(sampleBytes)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return head, nil
}

// examine decides on format and columns from the head of the file; whole tells
// that there is nothing behind it.
func (f *file) examine(head []byte, whole bool) error {
	text := bytes.TrimPrefix(head, []byte(utf8BOM))
	if len(bytes.TrimSpace(text)) == 0 {
		if !whole {
			return errors.New("nothing but white space at its beginning")
		}
		return fmt.Errorf("%w: there is nothing to import", ErrEmpty)
	}
	if f.Format == "" || f.Format == Auto {
		f.Format = guessFormat(f.Name, text)
	}
	if f.Format == NDJSON {
		f.plan = jsonPlan()
		return nil
	}
	if f.Delimiter == 0 {
		f.Delimiter = guessDelimiter(f.Name)
	}
	return f.examineCSV(text, whole)
}

// guessFormat goes by the name, then by the first character.
func guessFormat(name string, text []byte) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv", ".tsv":
		return CSV
	case ".ndjson", ".jsonl", ".json":
		return NDJSON
	}
	if c := bytes.TrimSpace(text)[0]; c == '{' {
		return NDJSON
	}
	return CSV
}

func guessDelimiter(name string) rune {
	if strings.EqualFold(filepath.Ext(name), ".tsv") {
		return '\t'
	}
	return ','
}

// text opens the file for reading from its first byte to its last, as UTF-8
// without a BOM, and counts the bytes that are taken from it.
func (f *file) text(read *atomic.Int64) (io.Reader, func(), error) {
	var r io.Reader
	done := func() {}
	if f.once != nil {
		if f.used {
			return nil, nil, fmt.Errorf("%s: can be read only once", f.Name)
		}
		f.used = true
		r = f.once
	} else {
		file, err := os.Open(f.Name)
		if err != nil {
			return nil, nil, err
		}
		r, done = file, func() { file.Close() } // read only: nothing to lose
	}
	b := bufio.NewReaderSize(&countingReader{r, read}, 64<<10)
	if head, _ := b.Peek(len(utf8BOM)); string(head) == utf8BOM {
		b.Discard(len(utf8BOM)) // cannot fail: it was peeked
	}
	return b, done, nil
}

func (f *file) close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

const utf8BOM = "\ufeff"

type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
