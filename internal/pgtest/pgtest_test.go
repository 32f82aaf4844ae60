package pgtest_test

import (
	"testing"
	"time"

	"importer/internal/pgtest"
)

// What a server committed is there after each way of ending it, at the same address.
func TestServerComesBack(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := pgtest.Start(t, pgtest.Durable())
	t.Logf("the first start took %v", time.Since(began))
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
