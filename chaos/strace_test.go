package chaos

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// kill -9 spares what the kernel holds in memory, and so cannot tell whether
// anything is on disk. The system calls can: before a create request goes to a
// socket, a line that announces its row was written to the report, and an fsync
// that began after that has ended.
func TestSystemCalls(t *testing.T) {
	t.Parallel()
	strace := findStrace(t)
	const rows = 600
	server := newSandbox(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Seed: 1},
		"500-after:0.05", "drop-after:0.05", "500:0.05", "429:0.01")
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "contacts.csv"), rows)
	report, trace := filepath.Join(dir, "contacts.csv.report.ndjson"), filepath.Join(dir, "trace.txt")
	args := []string{"-f", "-y", "-s", "100000", "-o", trace, "-e", "signal=none",
		"-e", "trace=write,writev,pwrite64,sendto,sendmsg,sendfile,splice,fsync,fdatasync", command,
		"--source", "contacts.csv", "--rate", "2000/s", "--settle", "300ms", "--existing", "ignore", "--progress", "none"}
	p := launch(t, exec.Command(strace, args...), dir, apiOf(server))
	p.exit(t, 0)
	a := readReport(t, report)
	a.checkAll(t, server.Profiles(), rows)

	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	c := calls{report: report, keys: a.keys, pending: make(map[string]string), written: make(map[string]int), synced: -1, syncing: make(map[string]int)}
	number := 0
	for line := range bytes.Lines(b) {
		number++
		if problem := c.take(strings.TrimSpace(string(line))); problem != "" {
			t.Fatalf("line %d of the trace: %s: %.300s", number, problem, line)
		}
	}
	if want := server.Counts().Requests["create"]; c.creates != want || want <= rows {
		t.Errorf("the trace shows %d create requests, and the sandbox got %d for %d rows", c.creates, want, rows)
	}
	if c.fsyncs < 3 {
		t.Errorf("%d fsyncs", c.fsyncs)
	}
	t.Logf("%d create requests, each after the fsync of its announcement; %d fsyncs", c.creates, c.fsyncs)
}

func findStrace(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed; on Debian and Ubuntu: apt-get install strace")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, out)
	}
	return strace
}

// A sync sets the report of the run before aside when the state holds what it says,
// on disk: nobody reads it again.
func TestSystemCallsOfASync(t *testing.T) {
	t.Parallel()
	strace := findStrace(t)
	server := newSandbox(t, sandbox.Options{})
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "contacts.csv"), 100)
	args := []string{"--mode", "upsert", "--source", "contacts.csv", "--state", "s.db", "--rate", "unlimited", "--settle", "100ms"}
	run(t, dir, apiOf(server), 0, args...)
	for _, name := range []string{"s.db", "s.db.lock"} { // the next run makes it anew from the report
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	trace := filepath.Join(dir, "trace.txt")
	p := launch(t, exec.Command(strace, append([]string{"-f", "-y", "-s", "0", "-o", trace, "-e", "signal=none",
		"-e", "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2", command}, args...)...), dir, apiOf(server))
	p.exit(t, 0)
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	onFile := regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]+)>`)
	dirty := map[string]bool{}     // files of the state that were written and not synced since
	syncing := map[string]string{} // by thread: the file
	written, aside := 0, 0
	for line := range bytes.Lines(b) {
		m := onFile.FindStringSubmatch(string(line))
		thread, _, _ := strings.Cut(string(line), " ")
		switch {
		case strings.Contains(string(line), " rename") && strings.Contains(string(line), ".report.ndjson"):
			aside++
			if len(dirty) > 0 || written == 0 {
				t.Errorf("after %d writes to the state the report is set aside, and not on disk are %v: %s", written, dirty, line)
			}
		case m == nil && syncing[thread] != "" && strings.HasSuffix(string(line), "= 0\n"):
			delete(dirty, syncing[thread])
			delete(syncing, thread)
		case m == nil || !strings.HasPrefix(filepath.Base(m[3]), "s.db"):
		case strings.HasSuffix(m[2], "sync") && strings.HasSuffix(string(line), "= 0\n"):
			delete(dirty, m[3])
		case strings.HasSuffix(m[2], "sync"):
			syncing[thread] = m[3]
		default:
			written++
			dirty[m[3]] = true
		}
	}
	if aside != 1 {
		t.Errorf("%d files were renamed, want the report", aside)
	}
}

// calls are what a trace has shown so far. A call that another thread interrupts
// stands on two lines, of its beginning and of its end.
type calls struct {
	report  string
	keys    map[string]string // by contact id
	pending map[string]string // the call that a thread is in

	writes  int            // lines of the report that were written
	written map[string]int // which of them announced a key first
	synced  int            // the last of them that an fsync has covered
	syncing map[string]int // by thread: what the fsync it is in will cover

	creates, fsyncs int
}

var (
	traceLine  = regexp.MustCompile(`^(\d+) +(.*)$`)
	traceKey   = regexp.MustCompile(`\\"([A-Za-z0-9_-]{22})\\"`)
	traceBody  = regexp.MustCompile(`\\"contactIds\\":\[\\"([^"\\]+)\\"`)
	unfinished = " <unfinished ...>"
)

// take takes a line. It returns what is wrong with it.
func (c *calls) take(line string) string {
	m := traceLine.FindStringSubmatch(line)
	if m == nil {
		return "no trace of a thread"
	}
	thread, call := m[1], m[2]
	switch {
	case strings.HasPrefix(call, "+++"), strings.HasPrefix(call, "---"):
		return ""
	case strings.HasPrefix(call, "<... "):
		began := c.pending[thread]
		delete(c.pending, thread)
		c.end(thread, began, call)
		return ""
	case strings.HasSuffix(call, unfinished):
		c.pending[thread] = call
		return c.begin(thread, call)
	}
	if problem := c.begin(thread, call); problem != "" {
		return problem
	}
	c.end(thread, call, call)
	return ""
}

func (c *calls) begin(thread, call string) string {
	switch {
	case c.isSync(call):
		c.syncing[thread] = c.writes - 1
	case strings.Contains(call, `"POST `):
		c.creates++
		body := traceBody.FindStringSubmatch(call)
		if body == nil {
			return "a create request without a contact id"
		}
		at, ok := c.written[c.keys[body[1]]]
		switch {
		case !ok:
			return "a create request whose row was not announced"
		case at > c.synced:
			return "a create request whose announcement is not on disk"
		}
	}
	return ""
}

// end ends a call that began so, with that result.
func (c *calls) end(thread, call, result string) {
	switch {
	case c.isSync(call):
		if strings.HasSuffix(result, "= 0") {
			c.synced = max(c.synced, c.syncing[thread])
			c.fsyncs++
		}
	case strings.HasPrefix(call, "write(") && strings.Contains(call, "<"+c.report+">"):
		if strings.Contains(call, `\"kind\":\"sending\"`) {
			for _, key := range traceKey.FindAllStringSubmatch(call, -1) {
				if _, ok := c.written[key[1]]; !ok {
					c.written[key[1]] = c.writes
				}
			}
		}
		c.writes++
	}
}

func (c *calls) isSync(call string) bool {
	return (strings.HasPrefix(call, "fsync(") || strings.HasPrefix(call, "fdatasync(")) && strings.Contains(call, "<"+c.report+">")
}

// The reader of traces finds what it is there to find.
func TestTraceReader(t *testing.T) {
	const (
		announce = `7 write(3</r>, "{\"kind\":\"sending\",\"keys\":[\"AAAAAAAAAAAAAAAAAAAAAA\"]}\n", 9) = 9`
		fsync    = `7 fsync(3</r>) = 0`
		send     = `8 write(4<socket:[1]>, "POST /new/v2.0/profiles HTTP/1.1\r\n\r\n{\"contactIds\":[\"a@b\"]}", 9) = 9`
	)
	for name, c := range map[string]struct {
		trace []string
		fails bool
	}{
		"in order":                  {[]string{announce, fsync, send}, false},
		"in order, interrupted":     {[]string{announce, `7 fsync(3</r> <unfinished ...>`, `8 gettid() = 8`, `7 <... fsync resumed>) = 0`, send}, false},
		"no fsync":                  {[]string{announce, send}, true},
		"not announced":             {[]string{fsync, send}, true},
		"announced late":            {[]string{fsync, announce, send}, true},
		"fsync of another file":     {[]string{announce, `7 fsync(5</other>) = 0`, send}, true},
		"fsync failed":              {[]string{announce, `7 fsync(3</r>) = -1 EIO`, send}, true},
		"fsync began too early":     {[]string{`9 fsync(3</r> <unfinished ...>`, announce, `9 <... fsync resumed>) = 0`, send}, true},
		"fsync not ended":           {[]string{announce, `7 fsync(3</r> <unfinished ...>`, send}, true},
		"request began before that": {[]string{announce, `8 write(4<socket:[1]>, "POST / {\"contactIds\":[\"a@b\"]}" <unfinished ...>`, fsync, `8 <... write resumed>) = 9`}, true},
	} {
		calls := calls{report: "/r", keys: map[string]string{"a@b": "AAAAAAAAAAAAAAAAAAAAAA"}, pending: make(map[string]string),
			written: make(map[string]int), synced: -1, syncing: make(map[string]int)}
		failed := ""
		for _, line := range c.trace {
			if problem := calls.take(line); problem != "" {
				failed = problem
			}
		}
		if (failed != "") != c.fails {
			t.Errorf("%s: %q", name, failed)
		}
	}
}
