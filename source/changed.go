package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"importer/internal/words"
)

// ErrChanged says that a file is not what it was when it was opened: what was read of it
// may be half of an old one and half of a new one, or less than there is by now.
var ErrChanged = errors.New("the file changed")

const writeElsewhere = "; have it written under another name and renamed when it is complete, then run the same command again"

// changed compares an open file with what the input found when it was opened. It is nil
// where they are the same, and of what is no ordinary file, or one that does not know
// its size, as in /proc.
func (f *file) changed(now *os.File) error {
	if f.info == nil || now == nil {
		return nil
	}
	info, err := now.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return f.isOther(info)
}

// isOther is the error of a file that is not what it was.
func (f *file) isOther(info fs.FileInfo) error {
	switch was := f.info.Size(); {
	case !os.SameFile(f.info, info):
		return fmt.Errorf("%s: %w: another file has its name since it was opened; run the same command again", f.Name, ErrChanged)
	case info.Size() < was:
		return fmt.Errorf("%s: %w: it was cut from %s to %s bytes since it was opened%s", f.Name, ErrChanged, words.Comma(was), words.Comma(info.Size()), writeElsewhere)
	case info.Size() > was:
		return fmt.Errorf("%s: %w: it grew from %s to %s bytes since it was opened, because something still writes it%s", f.Name, ErrChanged, words.Comma(was), words.Comma(info.Size()), writeElsewhere)
	case !info.ModTime().Equal(f.info.ModTime()):
		return fmt.Errorf("%s: %w: it was written to since it was opened%s", f.Name, ErrChanged, writeElsewhere)
	}
	return nil
}

// Changed is ErrChanged where a file was written to since it was opened, also behind what
// was read of it. It is nil of one whose name is another file's by now, or nobody's: all
// of the one that was there was read.
func (in *Input) Changed() error {
	for _, f := range in.files {
		if f.far.Object != nil {
			if err := f.far.Same(); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		if f.info == nil || f.once != nil {
			continue
		}
		if info, err := os.Stat(f.Name); err == nil && os.SameFile(info, f.info) {
			if err := f.isOther(info); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaced gives notice of a file that was read to its end and whose name is another
// file's by now, as an export of the next night leaves it.
func (f *file) replaced() {
	if f.info == nil || f.once != nil {
		return
	}
	if info, err := os.Stat(f.Name); err == nil && !os.SameFile(info, f.info) {
		f.note("another file has this name by now; all of the one that was there at the beginning was read, and nothing of the other: run the same command again for that")
	}
}

// know keeps what a file is when it is opened.
func (f *file) know(info fs.FileInfo) {
	if info.Mode().IsRegular() && info.Size() > 0 {
		f.info = info
	}
}

// opened opens an ordinary file at its first byte, as it was when the input was opened.
func (f *file) opened() (*os.File, error) {
	file, err := os.Open(f.Name)
	if err != nil {
		return nil, err
	}
	if err := f.changed(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f.reading = file
	return file, nil
}

// A steady file is read as long as it stays what it was, and to its last byte.
type steady struct {
	*os.File
	of   *file
	read int64
}

// Read implements io.Reader.
func (s *steady) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	s.read += int64(n)
	if changed := s.of.changed(s.File); changed != nil {
		return 0, changed
	}
	if size := s.of.size; err == io.EOF && size > 0 && s.read < size {
		return n, fmt.Errorf("%s: %w: it ends after %s of its %s bytes", s.of.Name, ErrChanged, words.Comma(s.read), words.Comma(size))
	}
	return n, err
}
