package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// filePart is how many bytes of a file go into one row.
const filePart = 1 << 20

// A Source opens a file that is to be kept. It is called again where the database was away
// in between.
type Source func() (io.ReadCloser, error)

// PutFiles keeps files beside a run, each in place of one of its name, and with whole
// nothing else: all of that or nothing.
func (c *Claim) PutFiles(ctx context.Context, whole bool, files map[string]Source) error {
	return c.Do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if whole {
			if _, err := tx.Exec(ctx, "delete from importer_file where run = $1", c.current().run); err != nil {
				return err
			}
		}
		return c.putFiles(ctx, tx, files)
	})
}

func (c *Claim) putFiles(ctx context.Context, tx pgx.Tx, files map[string]Source) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := c.putFile(ctx, tx, name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Claim) putFile(ctx context.Context, tx pgx.Tx, name string, source Source) (err error) {
	in, err := source()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	run := c.current().run
	if _, err := tx.Exec(ctx, "delete from importer_file where run = $1 and name = $2", run, name); err != nil {
		return err
	}
	part, next := make([]byte, filePart), make([]byte, filePart)
	n, err := fill(in, part)
	for i := 0; ; i++ {
		m := 0
		if err == nil {
			m, err = fill(in, next)
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading %s to keep it in the store: %w", name, err)
		}
		last := m == 0 && err == io.EOF
		if _, err := tx.Exec(ctx, "insert into importer_file (run, name, part, last, bytes) values ($1, $2, $3, $4, $5)", run, name, i, last, part[:n]); err != nil {
			return err
		}
		if last {
			return nil
		}
		part, next, n = next, part, m
	}
}

// Files are the names of what is kept beside a run, sorted.
func (s *Store) Files(ctx context.Context, run int64) (names []string, err error) {
	err = s.persist(ctx, 0, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, "select name from importer_file where run = $1 and part = 0 order by name", run)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, err
}

// fill reads until b is full or the input ends. The error is then io.EOF, and not that of an
// input that was cut off.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	if n == len(b) {
		err = nil
	}
	return n, err
}

// File opens a file that is kept beside a run. It is fs.ErrNotExist where there is none.
// One that is replaced while it is read ends with an error.
func (s *Store) File(ctx context.Context, run int64, name string) (io.ReadCloser, error) {
	r := &fileReader{ctx: ctx, s: s, run: run, name: name}
	if err := r.fetch(); err != nil {
		return nil, err
	}
	return r, nil
}

// A fileReader reads a file of the store part by part.
type fileReader struct {
	ctx  context.Context
	s    *Store
	run  int64
	name string

	put  string // names the version of the file
	part int    // the next one
	last bool
	rest []byte
}

// fetch reads the next part.
func (r *fileReader) fetch() error {
	var put string
	err := r.s.persist(r.ctx, 0, func(ctx context.Context) error {
		r.rest = nil
		return r.s.pool.QueryRow(ctx, "select at::text, last, bytes from importer_file where run = $1 and name = $2 and part = $3", r.run, r.name, r.part).Scan(&put, &r.last, &r.rest)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows) && r.part == 0:
		return fmt.Errorf("the store %s keeps no %s of this run: %w", r.s.name, r.name, fs.ErrNotExist)
	case errors.Is(err, pgx.ErrNoRows), err == nil && r.part > 0 && put != r.put:
		return fmt.Errorf("%s was replaced in the store %s while it was read: run the same command again", r.name, r.s.name)
	case err != nil:
		return err
	}
	r.put = put
	r.part++
	return nil
}

func (r *fileReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.last {
			return 0, io.EOF
		}
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *fileReader) Close() error { return nil }
