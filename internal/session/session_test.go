package session

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/config"
)

// A report that fails at the end is an error of the run, and the summary says so.
func TestAReportThatFailsAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.Rate, c.Source.Paths, c.Report.Path = "unlimited", []string{"c.csv"}, filepath.Join(dir, "r.report.ndjson")
	s, err := New(c, Env{Getenv: func(string) string { return "" }, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.openReport(); err != nil {
		t.Fatal(err)
	}
	if err := s.Report.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.Path, s.Path+".moved"); err != nil {
		t.Fatal(err)
	}
	broken := s.Report.Sending(make([]contact.Key, 1))
	summary, err := s.End(contact.Summary{Status: contact.Complete}, nil)
	if broken == nil || !errors.Is(err, broken) || strings.Count(err.Error(), broken.Error()) != 1 {
		t.Errorf("ended with %v, want %v once", err, broken)
	}
	if summary.Status != contact.Stopped || summary.Reason == "" || summary.Run == "" || summary.Report != s.Path {
		t.Errorf("summary %+v", summary)
	}
}
