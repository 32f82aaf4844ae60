package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"
)

// chunksAhead is how many chunks are read at once by who reads from the beginning.
const chunksAhead = 4

// A stored is a chunk of a journal as it is kept.
type stored struct {
	seq, start int64
	lines      []byte
}

func (c stored) end() int64 { return c.start + int64(len(c.lines)) }

// A reading reads the journal of a run, also what is appended meanwhile. Read has one
// caller at a time; ReadAt may have many.
type reading struct {
	s      *Store
	run    int64
	report string

	ahead  []stored // for Read
	offset int64    // of Read
	seq    int64    // of the chunk before it
	closed bool

	mu   sync.Mutex
	last stored // where ReadAt read last
}

// fetch returns the chunk with an offset, and those that follow, at most n. It is none where
// the journal ends there.
func (r *reading) fetch(offset int64, n int) (chunks []stored, err error) {
	err = r.s.persist(context.Background(), 0, func(ctx context.Context) error {
		rows, err := r.s.pool.Query(ctx, `select seq, start, lines from importer_journal where run = $1
			and start >= (select max(start) from importer_journal where run = $1 and start <= $2) order by start limit $3`, r.run, offset, n)
		if err != nil {
			return err
		}
		chunks, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c stored, err error) {
			err = row.Scan(&c.seq, &c.start, &c.lines)
			return c, err
		})
		return err
	})
	return chunks, err
}

// Read goes on where it stopped.
func (r *reading) Read(b []byte) (int, error) {
	if r.closed {
		return 0, errClosed
	}
	if len(r.ahead) == 0 {
		if err := r.readAhead(); err != nil {
			return 0, err
		}
	}
	c := r.ahead[0]
	n := copy(b, c.lines[r.offset-c.start:])
	r.offset += int64(n)
	if r.offset == c.end() {
		r.ahead, r.seq = r.ahead[1:], c.seq
	}
	return n, nil
}

var errClosed = errors.New("it is closed")

// readAhead reads the chunks from the offset on. They have to follow on what was read: a
// purge makes all of them anew.
func (r *reading) readAhead() error {
	chunks, err := r.fetch(r.offset, chunksAhead)
	if err != nil {
		return err
	}
	if r.offset > 0 {
		if len(chunks) == 0 {
			return r.rewritten()
		}
		if chunks[0].seq == r.seq && chunks[0].end() == r.offset { // what was read last
			chunks = chunks[1:]
		}
	}
	if len(chunks) == 0 {
		return io.EOF
	}
	at, seq := r.offset, r.seq
	for _, c := range chunks {
		if c.start != at || seq != 0 && c.seq != seq+1 {
			return r.rewritten()
		}
		at, seq = c.end(), c.seq
	}
	r.ahead = chunks
	return nil
}

func (r *reading) rewritten() error {
	return fmt.Errorf("the report %s was purged, cut or removed in the store %s while it was read: run the same command again", r.report, r.s.name)
}

// ReadAt reads what was appended before.
func (r *reading) ReadAt(b []byte, offset int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(b) {
		at := offset + int64(n)
		if r.last.lines == nil || at < r.last.start || at >= r.last.end() {
			chunks, err := r.fetch(at, 1)
			if err != nil {
				return n, err
			}
			if len(chunks) == 0 || at >= chunks[0].end() {
				return n, io.EOF
			}
			r.last = chunks[0]
		}
		n += copy(b[n:], r.last.lines[at-r.last.start:])
	}
	return n, nil
}

// forget has ReadAt ask the database again.
func (r *reading) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = stored{}
}

// Close frees nothing: no connection is held between two reads.
func (r *reading) Close() error {
	r.closed = true
	return nil
}
