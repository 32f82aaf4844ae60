package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// query asks as the program does, over TCP with an address.
func (s *Server) query(url, sql string, env ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(s.bin, "psql"), "-XqAtw", url, "-c", sql)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return "", errors.New(string(e.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}

func wantAnswer(t *testing.T, got string, err error, want string) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("the answer is %q, %v; want %q", got, err, want)
	}
}

func wantError(t *testing.T, got string, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("the answer is %q, and the error %v; want one that says %q", got, err, says)
	}
}

const whoAmI = "select current_user, (select rolsuper from pg_roles where rolname = current_user), current_database()"

// What a server committed is there after each way of ending it, at the same address.
func TestServerComesBack(t *testing.T) {
	t.Parallel()
	s := Start(t, Durable())
	url := s.URL()
	s.Exec("create table t (n int)")
	for i, end := range []func(){func() { s.Stop(false) }, func() { s.Stop(true) }, s.Kill} {
		s.Exec("insert into t values (1)")
		end()
		if _, err := s.Try(t.Context(), "importer", "select 1"); err == nil {
			t.Error("a server that was ended answers")
		}
		s.Start()
		if got, want := s.Exec("select count(*) from t"), []string{"1", "2", "3"}[i]; got != want {
			t.Errorf("%s rows are there, not %s", got, want)
		}
	}
	if s.URL() != url {
		t.Errorf("its address was %s and is %s", url, s.URL())
	}
	if got := s.Exec("show fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s := Start(t, Set("max_connections", "7"), Set("default_transaction_read_only", "on"), Password("it's \\ secret"))
	got, err := s.query(s.URL(), whoAmI)
	wantError(t, got, err, "no password supplied")
	got, err = s.query(s.URL(), whoAmI, "PGPASSWORD=wrong")
	wantError(t, got, err, "password authentication failed")
	got, err = s.query(s.URL(), whoAmI, "PGPASSWORD=it's \\ secret")
	wantAnswer(t, got, err, "importer|f|importer")
	got, err = s.query(s.URLOf("postgres", "postgres"), whoAmI, "PGPASSWORD=it's \\ secret")
	wantAnswer(t, got, err, "postgres|t|postgres")
	got, err = s.query("host="+s.Socket()+" port="+strconv.Itoa(s.Port)+" user=importer dbname=importer", "show max_connections")
	wantAnswer(t, got, err, "7")
	_, err = s.Try(t.Context(), "importer", "create table t ()")
	wantError(t, "", err, "read-only")

	b := StartBouncer(t, s, "session")
	got, err = s.query(b.URL(), whoAmI, "PGPASSWORD=wrong")
	wantError(t, got, err, "authentication failed")
	got, err = s.query(b.URL(), whoAmI, "PGPASSWORD=it's \\ secret")
	wantAnswer(t, got, err, "importer|f|importer")
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	s := Start(t, TLS())
	other := s.Database("other")
	got, err := s.query(other, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
	wantAnswer(t, got, err, "t")
	s.options.Set("sslmode", "disable")
	got, err = s.query(s.URL(), "select 1")
	wantError(t, got, err, "no encryption")
	if log := s.Log(); !strings.Contains(log, "no encryption") {
		t.Errorf("the server does not log whom it refuses: %s", log)
	}
}

// A setting that a client leaves behind is there for the next one in transaction mode.
func TestBouncer(t *testing.T) {
	t.Parallel()
	s := Start(t)
	for mode, want := range map[string]string{"session": "4MB", "transaction": "7MB"} {
		b := StartBouncer(t, s, mode)
		got, err := s.query(b.URL(), "set work_mem = '7MB'")
		wantAnswer(t, got, err, "")
		got, err = s.query(b.URL(), "show work_mem")
		wantAnswer(t, got, err, want)
	}
}

// Tests that need PostgreSQL are not left out in silence where it has to be there.
func TestMissing(t *testing.T) {
	for _, c := range []struct {
		ci   string
		want string
	}{{"", "skip"}, {"false", "skip"}, {"true", "fatal"}, {"1", "fatal"}} {
		t.Setenv("CI", c.ci)
		r := &recorder{TB: t}
		missing(r, "it is not there")
		if r.did != c.want {
			t.Errorf("with CI=%s: %s, want %s", c.ci, r.did, c.want)
		}
	}
}

type recorder struct {
	testing.TB
	did string
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatalf(string, ...any) { r.did += "fatal" }
func (r *recorder) Skipf(string, ...any)  { r.did += "skip" }
