package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"importer/internal/address"
	"importer/internal/words"
	"importer/source/mapping"
	"importer/source/mapping/columns"
	"importer/source/query"
	"importer/source/remote"
)

// IsAway tells whether a source could not be read because of another machine, or of the
// way there: the same command may work later.
func IsAway(err error) bool { return errors.Is(err, remote.ErrAway) || errors.Is(err, query.ErrAway) }

// IsUnread tells whether nothing of a source on another machine was read.
func IsUnread(err error) bool {
	return IsAway(err) || errors.Is(err, remote.ErrNotThere) || errors.Is(err, remote.ErrUnusable) || errors.Is(err, query.ErrUnusable)
}

// isChanged tells whether a source on another machine is not what it was.
func isChanged(err error) bool {
	return errors.Is(err, remote.ErrChanged) || errors.Is(err, query.ErrChanged)
}

// A far is a file on another machine, and the reading of it that is under way, or was last.
type far struct {
	*remote.Object // nil: there is none
	reader         *remote.Reader
	spoiled        error // why it could not be kept as a whole
}

func (r *far) open() (io.ReadCloser, error) {
	reader, err := r.Open()
	if err == nil {
		r.reader = reader
	}
	return reader, err
}

// failed is why the reading ended early; nil where it did not. What reads through it may
// have taken it for something else.
func (r *far) failed() error {
	if r.spoiled != nil || r.reader == nil {
		return r.spoiled
	}
	return r.reader.Err()
}

func (r *far) fail(err error) error {
	r.spoiled = err
	return err
}

// redirected says where an address led to, behind its name in a message.
func (r *far) redirected() string {
	if r.Object == nil || r.Via() == "" {
		return ""
	}
	return " (redirected to " + r.Via() + ")"
}

// findFar finds what an address names.
func (in *Input) findFar(path string, o Options) ([]place, error) {
	switch address.KindOf(path) {
	case address.Database:
		return []place{{path: path}}, nil
	case address.Other:
		return nil, fmt.Errorf("a source that begins with %s:// cannot be read: name a file, https://…, s3://bucket/key or postgres://…", words.Show(address.Scheme(path)))
	}
	if in.client == nil {
		client, err := remote.New(o.Remote)
		if err != nil {
			return nil, err
		}
		in.client = client
	}
	objects, err := in.client.Find(path)
	if err != nil {
		return nil, err
	}
	var found []place
	for _, object := range objects {
		p := place{path, object}
		if address.KindOf(path) == address.S3 {
			p.path = object.Name
			if p.path != path && writtenName.MatchString(p.path) {
				in.told[Notice{p.path, leftOutOwn}] = true
				in.notices = append(in.notices, Notice{p.path, leftOutOwn})
				continue
			}
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w but what importer wrote; to read that, name it without a glob", address.Shown(path), ErrNoMatch)
	}
	return found, nil
}

const leftOutOwn = "left out, because importer wrote it; to read it, name it without a glob"

// nameOf is what a source is called. Addresses that differ in what is not shown are told
// apart by a number.
func (in *Input) nameOf(p place) string {
	name := address.Shown(p.path)
	if address.KindOf(p.path) == address.None {
		return name
	}
	for n := 2; slices.ContainsFunc(in.files, func(f *file) bool { return f.Name == name }); n++ {
		name = fmt.Sprintf("%s?%s%d", strings.TrimSuffix(address.Shown(p.path), "?"+address.Hidden), address.Hidden, n)
	}
	return name
}

// base is the name of the file without its folder.
func (f *file) base() string { return address.Base(f.Name) }

// peekFar returns the first bytes of a file on another machine.
func (f *file) peekFar() ([]byte, error) {
	r, err := f.far.open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	defer r.Close()
	head, err := io.ReadAll(io.LimitReader(r, sampleBytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	f.size = f.far.Size()
	f.note(f.far.Doubt())
	return head, nil
}

// askRows asks a database for the columns and the first rows of the query.
func (f *file) askRows(path string) (err error) {
	defer func() {
		if bad, ok := errors.AsType[*mapping.Error](err); ok {
			bad.Source = f.Name
		} else if err != nil {
			err = fmt.Errorf("%s: %w", f.Name, err)
		}
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.Format != Auto {
		return fmt.Errorf("the format %s is for files: leave --format (source.format) out", f.Format)
	}
	f.Format = SQL
	if f.rows, err = query.Open(query.Options{Context: f.options.Remote.Context, Timeout: f.options.Remote.Timeout, Address: path, Query: f.options.Query}); err != nil {
		return err
	}
	if err := f.planRows(); err != nil {
		return err
	}
	if err := f.rows.Start(); err != nil {
		return err
	}
	if _, err := f.rows.Peek(0); err == io.EOF {
		f.note("the query gives no rows: there is nothing to import")
	} else if err != nil {
		return err
	}
	if f.plan.WantsSample() {
		n := 0
		f.plan.Sample(func(rec *mapping.Record) error {
			row, err := f.rows.Peek(n)
			n++
			*rec = rowRecord(row, n)
			return err
		}, f.options.NullValues)
	}
	return nil
}

// planRows plans where the columns of a query go: as those of a table do by their names,
// and with the values that JSON objects have.
func (f *file) planRows() (err error) {
	if f.plan, err = mapping.PlanJSON(f.options.Mapping); err != nil {
		return err
	}
	header := slices.Clone(f.rows.Columns)
	renamed := make(map[int]string)
	for _, name := range f.plan.Members() {
		outer, inner, deep := strings.Cut(name, ".")
		i, ok := columns.Find(f.rows.Columns, name)
		if !ok && deep {
			if i, ok = columns.Find(f.rows.Columns, outer); ok && f.rows.Objects[i] {
				header, name = append(header, outer+"."+inner), outer
			} else {
				ok = false
			}
		}
		switch {
		case !ok: // planning the columns tells
		case renamed[i] != "" && renamed[i] != name:
			return fmt.Errorf("the mapping writes the column %s in two ways, %s and %s: write one of them", words.Show(f.rows.Columns[i]), words.Show(renamed[i]), words.Show(name))
		default:
			renamed[i] = name
			f.rows.Rename(i, name)
		}
	}
	_, _, err = mapping.PlanColumns(header, f.options.Mapping)
	return err
}

func rowRecord(row []byte, number int) mapping.Record {
	return mapping.Record{Line: number, Raw: []string{string(row)}, JSON: row}
}

// openRows reads the rows of a query, each of which is numbered as a line is.
func (f *file) openRows() (next func(*mapping.Record) error, done func(), err error) {
	if err := f.rows.Start(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	n := 0
	return func(rec *mapping.Record) error {
		row, err := f.rows.Next()
		if err != nil {
			return err
		}
		n++
		f.in.read.Add(int64(len(row)))
		*rec = rowRecord(row, n)
		return nil
	}, func() {}, nil
}
