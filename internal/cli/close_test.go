package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// A report that cannot be closed properly is an error of the run, also where all
// rows are in: here its lock is gone by then.
func TestErrorOfClosingTheReportIsToldByTheRun(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{Clock: func() time.Time { // called for each request
		_ = os.Remove(j.path("r.report.ndjson.lock")) // is there from the beginning of the run to the first request
		return time.Now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	j.contacts(3)
	r := j.run("--base-url", server.URL, "--project-id", server.ProjectID())
	if r.code != exitStopped || r.Created != 3 || !strings.Contains(r.stderr, ".lock: ") {
		t.Error(r)
	}
}
