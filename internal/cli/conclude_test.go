package cli

import (
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
	"importer/sink/journal"
)

// The quota ledger is lost in the middle of a run, which goes on alone and ends well.
func TestTheQuotaLedgerIsNeverFatal(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	j := newJob(t, "create", sandbox.Options{})
	lost := 0
	proxy := j.front()
	rewrite := proxy.Rewrite
	proxy.Rewrite = func(r *httputil.ProxyRequest) {
		if ledgers, _ := filepath.Glob(filepath.Join(cache, "importer", "quota", "*")); lost == 0 && len(ledgers) == 1 {
			lost++
			if err := os.RemoveAll(ledgers[0]); err != nil {
				t.Error(err)
			}
		}
		rewrite(r)
	}
	j.contacts(20)
	r := j.run("--rate", "1000/5m", "--workers", "1")
	if r.code != exitOK || r.Created != 20 || lost != 1 || r.Reason != "" {
		t.Errorf("%s", r)
	}
	if !strings.Contains(r.stderr, "no such file or directory") || strings.Contains(r.stderr, "another process") {
		t.Errorf("told: %s", r.stderr)
	}
}

// With --json one object is printed also where another run holds the report.
func TestTheObjectOfARunThatIsLockedOut(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(1)
	held, err := journal.Open(journal.Files{}, j.path("r.report.ndjson"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if r := j.run(); r.code != exitLocked || r.Status != contact.Stopped || !strings.Contains(r.Reason, "is in use by process") || r.Read != 0 {
		t.Errorf("%s: %+v", r, r.Summary)
	}
}
