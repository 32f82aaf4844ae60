package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/pgtest"
	"importer/internal/state"
)

// BenchmarkState is a state of $STATE_ROWS contacts in a durable server: how long it takes
// to save all of it and to load it, how long a commit of 10,000 changes takes, and, where
// the system tells, the most memory that the process ever held.
func BenchmarkState(b *testing.B) {
	rows, err := strconv.Atoi(cmp.Or(os.Getenv("STATE_ROWS"), "100000"))
	if err != nil {
		b.Fatal(err)
	}
	pg := pgtest.Start(b, pgtest.Durable())
	st, err := Open(b.Context(), options(pg.URL()))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	shelf := st.Shelf(stateURL, stateProject, stateName)
	if err := shelf.Claim(); err != nil {
		b.Fatal(err)
	}
	key := func(i int) (k contact.Key) {
		binary.BigEndian.PutUint64(k[:], uint64(i)*0x9e3779b97f4a7c15)
		return k
	}
	all := func(yield func(state.Row, error) bool) {
		for name, value := range map[string]string{"base_url": stateURL, "project_id": stateProject} {
			if !yield(state.Row{Table: "meta", Key: []byte(name), Value: fmt.Appendf(nil, `{"value":%q}`, value)}, nil) {
				return
			}
		}
		for i := range rows {
			k := key(i)
			value := fmt.Appendf(nil, `{"id":"%024x","digest":"AAAAAAAAAAAAAAAAAAAAAA==","touched":1000000000,"inactive":0,"contact_ids":"[\"c%07d@example.com\"]","made":1,"sent":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","changing":0,"removing":0}`, i, i)
			if !yield(state.Row{Table: "contact", Key: k[:], Value: value}, nil) {
				return
			}
		}
		yield(state.Row{Table: "version", Key: []byte("version"), Value: []byte("4")}, nil)
	}
	took := map[string]time.Duration{}
	lap := time.Now()
	if err := shelf.Save(true, all); err != nil {
		b.Fatal(err)
	}
	took["save"] = time.Since(lap)
	if err := shelf.Release(); err != nil {
		b.Fatal(err)
	}
	lap = time.Now()
	s, err := openState(st)
	if err != nil || s.Len() != rows {
		b.Fatal(s, err)
	}
	took["load"] = time.Since(lap)
	keys := make([]contact.Key, min(rows, 10_000))
	for i := range keys {
		keys[i] = key(i * (rows / len(keys)))
	}
	for range b.N {
		if err := s.Doubt(keys, contact.ToUpdate); err != nil {
			b.Fatal(err)
		}
		lap = time.Now()
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
		took["commit"] += time.Since(lap) / time.Duration(b.N)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	size, err := strconv.Atoi(pg.Exec("select pg_total_relation_size('importer_state') / 1024 / 1024"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size), "MiB-stored")
	for what, d := range took {
		b.ReportMetric(float64(d.Milliseconds()), "ms/"+what)
	}
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		_, after, _ := strings.Cut(string(text), "VmHWM:")
		if kb, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
			b.ReportMetric(float64(kb)/1024, "MiB-peak")
		}
	}
}
