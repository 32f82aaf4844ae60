package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"importer/internal/address"
	"importer/internal/files"
	"importer/source/remote"
)

// A place is where a source is.
type place struct {
	path string         // as given or found
	far  *remote.Object // on another machine; nil: a file, or a database
}

// find replaces globs by the files they match. A path that exists is never a glob,
// whatever its name. A glob leaves out what this program wrote, and a file that was
// named before, in whatever way, is not read again: the notices say which.
func (in *Input) find(o Options) (found []place, notices []Notice, err error) {
	paths := o.Paths
	if len(paths) == 0 {
		return nil, nil, errors.New("no source given: name a file, a glob, or - for standard input")
	}
	for _, path := range paths {
		if address.KindOf(path) != address.None {
			far, err := in.findFar(path, o)
			if err != nil {
				return nil, nil, err
			}
			found = append(found, far...)
			continue
		}
		if _, err := os.Lstat(path); path == "-" || err == nil || !strings.ContainsAny(path, "*?[") {
			found = append(found, place{path: path})
			continue
		}
		files, own, err := glob(path)
		if err != nil {
			return nil, nil, err
		}
		for _, file := range files {
			found = append(found, place{path: file})
		}
		for _, name := range own {
			notices = append(notices, Notice{name, "left out, because importer wrote it; to read it, name it without a glob"})
		}
	}
	if stdin := (place{path: "-"}); count(found, stdin) > 1 {
		return nil, nil, errors.New("standard input (-) can be read only once")
	}
	found, twice := once(found)
	return found, append(notices, twice...), nil
}

// once leaves out the files that stand among the paths before, be it under another
// path or as a link. Two rows of one contact can then never be the same row.
func once(places []place) (kept []place, notices []Notice) {
	type file struct {
		info os.FileInfo
		name string
	}
	alike := make(map[any][]file) // those that may be the same
	for _, p := range places {
		path := p.path
		if address.KindOf(path) != address.None {
			if slices.ContainsFunc(kept, func(k place) bool { return k.path == path }) {
				notices = append(notices, Notice{address.Shown(path), "is named twice, and is read once"})
				continue
			}
		} else if info, err := os.Stat(path); err == nil && path != "-" { // opening it tells what is wrong
			key := files.Identity(info)
			i := slices.IndexFunc(alike[key], func(f file) bool { return os.SameFile(f.info, info) })
			if i >= 0 {
				notices = append(notices, Notice{path, "is the same file as " + alike[key][i].name + ", and is read once"})
				continue
			}
			alike[key] = append(alike[key], file{info, path})
		}
		kept = append(kept, p)
	}
	return kept, notices
}

func count(places []place, of place) (n int) {
	for _, p := range places {
		if p == of {
			n++
		}
	}
	return n
}

// glob returns the files that match, and apart from them those that this program
// wrote.
func glob(pattern string) (files, own []string, err error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: not a valid glob: %w", pattern, err)
	}
	for _, path := range matches {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
		case writtenName.MatchString(path), err == nil && info.Mode().IsRegular() && isReport(path):
			own = append(own, path)
		default:
			files = append(files, path)
		}
	}
	switch {
	case len(files) > 0:
	case len(own) > 0:
		err = fmt.Errorf("%s: %w but %s, which importer wrote; to read it, name it without a glob", pattern, ErrNoMatch, own[0])
	default:
		err = fmt.Errorf("%s: %w", pattern, ErrNoMatch)
	}
	return files, own, err
}

// writtenName matches the files that this program leaves where it runs: reports and
// their verdicts, reject files, the state, and what stands beside one of them while
// it is written, locked or set aside.
var writtenName = regexp.MustCompile(`\.(report\.ndjson|rejects(\.\d+)?\.(csv|ndjson)|check\.(csv|ndjson)|state\.db|verify)(\.\d+|\.verify|\.lock|\.tmp|-wal|-shm)*$|(^|[/\\])\.importer-\d+\.tmp$`)

// isReport tells whether a file is a report, whose name --report may choose.
func isReport(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // opening it again tells why
	}
	defer f.Close()
	const first = `{"kind":"run","run":"`
	head := make([]byte, len(first))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == first
}
