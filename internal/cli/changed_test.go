package cli

import (
	"errors"
	"fmt"
	"net/http/httputil"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// The export is still being written when the mirror runs: what it has read so far is not
// all that there is, so nobody is missing. The run that finds it complete is right.
func TestASourceThatIsStillBeingWritten(t *testing.T) {
	const n, soFar = 1000, 990
	for what, write := range map[string]func(path, more string) error{
		"it grows": func(path, more string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString(more)
			return errors.Join(err, f.Close())
		},
		"it is written anew": func(path, _ string) error { return os.WriteFile(path, []byte("email,first name,age\n"), 0o600) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "mirror", sandbox.Options{})
			proxy, armed, more := j.front(), atomic.Bool{}, ""
			rewrite := proxy.Rewrite
			proxy.Rewrite = func(r *httputil.ProxyRequest) {
				if armed.CompareAndSwap(true, false) {
					if err := write(j.path("c.csv"), more); err != nil {
						t.Error(err)
					}
				}
				rewrite(r)
			}
			j.contacts(n)
			j.must()
			for i := range soFar { // for requests to be in flight while there is more to read
				j.rows[i] = contactRow(i, fmt.Sprint("Renamed ", i))
			}
			all := j.rows
			j.rows, more = all[:soFar], strings.Join(all[soFar:], "\n")+"\n"
			armed.Store(true)
			if r := j.run("--workers", "4", "--rate", "400/1s"); r.code != exitStopped || r.Status != contact.Stopped || r.Deactivated != 0 || !strings.Contains(r.stderr, "c.csv: the file changed") {
				t.Errorf("%s", r)
			}
			j.rows = all
			if r := j.must(); r.Deactivated != 0 || r.Read != n {
				t.Errorf("complete: %s", r)
			}
			if got := j.profiles(); len(got) != n || got["c000989@example.com"].Profile["firstname"] != "Renamed 989" {
				t.Errorf("%d profiles, %v", len(got), got["c000989@example.com"])
			}
		})
	}
}
