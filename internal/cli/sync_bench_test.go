package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/session"
	"importer/internal/state"
)

// BenchmarkUnchanged is a night in which nothing has changed, $SYNC_ROWS rows
// long. It reports the time for each row and, where the system tells, the most
// memory that the process ever held.
func BenchmarkUnchanged(b *testing.B) {
	rows, err := strconv.Atoi(cmpOr(os.Getenv("SYNC_ROWS"), "100000"))
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	path := filepath.Join(dir, "c.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "email,first name,age")
	for i := range rows {
		fmt.Fprintln(w, contactRow(i, "Name "+strconv.Itoa(i)))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}

	c := config.Default()
	c.Source.Paths, c.Rate = []string{path}, "unlimited"
	opened, err := session.New(c, Env{Getenv: os.Getenv, Stderr: os.Stderr})
	if err != nil {
		b.Fatal(err)
	}
	if err := opened.OpenSource(); err != nil {
		b.Fatal(err)
	}
	input := opened.Input
	s, err := state.Open(filepath.Join(dir, "s.db"), state.Options{BaseURL: "http://127.0.0.1:1", ProjectID: "65f0000000000000000000aa"})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for row, err := range input.Rows() {
		if err != nil {
			b.Fatal(err)
		}
		o := &contact.Outcome{Row: row, Status: contact.Created, ID: fmt.Sprintf("%024d", row.Number), At: time.Now()}
		if err := s.Record(o); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if err := input.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(rows), "ns/recorded")
	b.ResetTimer()
	for range b.N {
		var out bytes.Buffer
		err := Execute(b.Context(), []string{"--mode", "upsert", "--source", path, "--report", filepath.Join(dir, "r.report.ndjson"), "--state", filepath.Join(dir, "s.db"),
			"--base-url", "http://127.0.0.1:1", "--project-id", "65f0000000000000000000aa", "--json", "--progress", "none"},
			Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: os.Stderr, Getenv: func(name string) string {
				return map[string]string{"COGNIGY_API_KEY": "k", "XDG_CACHE_HOME": dir, "XDG_STATE_HOME": dir}[name]
			}})
		if err != nil || !strings.Contains(out.String(), fmt.Sprintf(`"unchanged":%d,`, rows)) {
			b.Fatal(err, out.String())
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		_, after, _ := strings.Cut(string(text), "VmHWM:")
		if kb, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
			b.ReportMetric(float64(kb)/1024, "MiB-peak")
		}
	}
}
