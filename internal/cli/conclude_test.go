package cli

import (
	"errors"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/sandbox"
	"importer/internal/session"
	"importer/sink/journal"
)

// Whatever else a command has to say, an error at its end is printed, once, and is
// an error of the command.
func TestErrorsAtTheEndAreTold(t *testing.T) {
	broken, full := errors.New("the report is broken"), errors.New("the disk is full")
	for _, c := range []struct {
		name string
		err  error
		code int
		text string
	}{
		{"all well", nil, exitStopped, "the disk is full\nthe report is broken"},
		{"rows not in", errNotAllIn, exitStopped, "the disk is full\nthe report is broken"},
		{"a signal", &Interrupt{syscall.SIGTERM}, exitStopped, "the disk is full\nthe report is broken"},
		{"an error that is told again", errors.Join(broken), exitStopped, "the report is broken\nthe disk is full"},
		{"a wrong setting", config.Errorf("wrong"), exitUsage, "wrong\nthe disk is full\nthe report is broken"},
	} {
		s := &session.Session{}
		var closed []int
		s.OnClose(func() error { closed = append(closed, 1); return broken })
		s.OnClose(func() error { closed = append(closed, 2); return nil })
		s.OnClose(func() error { closed = append(closed, 3); return full })
		err := worse(c.err, s.Close())
		if code, print := ExitCode(err); code != c.code || !print || err.Error() != c.text {
			t.Errorf("%s: exit code %d, printed %t, %q", c.name, code, print, err)
		}
		if !slices.Equal(closed, []int{3, 2, 1}) {
			t.Errorf("%s: closed in the order %v", c.name, closed)
		}
		if err := worse(errNotAllIn, s.Close()); err != errNotAllIn || len(closed) != 3 {
			t.Errorf("%s: closed again: %v", c.name, err)
		}
	}
}

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
