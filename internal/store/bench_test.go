package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"importer/internal/pgtest"
)

// What a run does all the time: a small and a large chunk, a transaction, and the reading of
// what there is.
func BenchmarkStore(b *testing.B) {
	pg := pgtest.Start(b, pgtest.Durable())
	s, err := Open(b.Context(), Options{URL: pg.URL(), Lease: time.Minute, Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c, err := s.Claim(b.Context(), report("contacts.csv"))
	if err != nil {
		b.Fatal(err)
	}
	var lines bytes.Buffer
	for i := 0; lines.Len() < 126_000; i++ {
		fmt.Fprintf(&lines, `{"kind":"row","at":"2026-11-26T18:%02d:%02d.%03dZ","source":"contacts.csv","line":%d,"key":"%x","digest":"%x","status":"created","id":"65f1%020x"}`+"\n",
			i%60, i%59, i%997, i, i*7919*7919*7919, i*104729*104729, i*15485863)
	}
	for _, size := range []int{1000, lines.Len()} {
		b.Run(fmt.Sprintf("append-%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := c.Append(context.Background(), lines.Bytes()[:size]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("do", func(b *testing.B) {
		for b.Loop() {
			if err := c.Do(context.Background(), func(context.Context, pgx.Tx) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(c.Size())
		for b.Loop() {
			if n, err := io.Copy(io.Discard, &reading{s: s, run: c.Run()}); err != nil || n != c.Size() {
				b.Fatal(n, err)
			}
		}
	})
	b.Logf("a journal of %d bytes takes %s bytes in the database", c.Size(), pg.Exec("select pg_total_relation_size('importer_journal')"))
}
