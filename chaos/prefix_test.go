package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"importer/internal/cli"
	"importer/internal/sandbox"
)

// The contacts of the story, each of which goes another way.
const (
	plain      = "plain@example.com"       // created
	lostDone   = "lost-done@example.com"   // the answer is lost after the profile was made
	lostUndone = "lost-undone@example.com" // the request is lost before that, the first time
	conflict   = "conflict@example.com"    // there before; the API says so
	older      = "older@example.com"       // there before; the requests are lost, so that only a look-up tells
	refused    = "refused@example.com"     // refused for good
	busy       = "busy@example.com"        // the API is not available until the second run
	unclear    = "unclear@example.com"     // the answer is lost, and cannot be looked up until the third run
	lastSent   = "last-sent@example.com"   // the second run is interrupted while this one is sent
	unsent     = "unsent-1@example.com"    // announced by then, and not sent
	unsentToo  = "unsent-2@example.com"
)

var storyEnd = map[string]string{
	plain: "created", lostDone: "created", lostUndone: "created", conflict: "existing", older: "existing", refused: "rejected",
	busy: "created", unclear: "created", lastSent: "created", unsent: "created", unsentToo: "created",
}

// afterStory are the ways of the API that do not change.
func afterStory(a asked) what {
	switch {
	case a.create && a.contactID == conflict:
		return what{status: 409}
	case a.create && a.contactID == older:
		return dropBefore
	case a.create && a.contactID == refused:
		return what{status: 400}
	}
	return pass
}

// A story is a report that three runs wrote, and what it was written about.
type story struct {
	front    *front
	dir      string
	source   string
	report   []byte
	whole    *account
	data     string            // SQLite file of the sandbox
	profiles map[string]string // ids by contact id

	mu     sync.Mutex
	states map[string]string // copies of data, by what was taken out
}

// execute runs the command in this process. The error is that of cli.Execute.
func execute(ctx context.Context, to api, args ...string) (code int, err error) {
	getenv := func(name string) string {
		for _, v := range to.env() {
			if k, value, _ := strings.Cut(v, "="); k == name {
				return value
			}
		}
		return ""
	}
	err = cli.Execute(ctx, append(args, "--existing", "ignore", "--progress", "none", "--log-level", "error", "--rate", "unlimited"),
		cli.Env{Getenv: getenv, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Version: "test"})
	code, _ = cli.ExitCode(err)
	return code, err
}

func tellStory(t *testing.T) *story {
	t.Helper()
	dir := t.TempDir()
	s := &story{front: newFront(t), dir: dir, source: filepath.Join(dir, "story.csv"), data: filepath.Join(dir, "story.db"), states: make(map[string]string)}
	report := filepath.Join(dir, "story.report.ndjson")
	args := []string{"--source", s.source, "--report", report, "--settle", "50ms", "--retries", "1"}

	// Two contacts are there an hour before.
	old := s.front.add(t, sandbox.Options{DataFile: s.data, OnDuplicate: sandbox.DuplicateAllow,
		Clock: func() time.Time { return time.Now().Add(-time.Hour) }}, nil)
	old.addProfile(t, conflict)
	old.addProfile(t, older)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	w := s.front.add(t, sandbox.Options{DataFile: s.data, OnDuplicate: sandbox.DuplicateAllow}, nil)
	records := [][]string{{"email", "first name", "age"}, {plain, "P", "20"}, {lostDone, "L", "21"}, {lostUndone, "M", "22"}, {conflict, "C", "23"},
		{older, "O", "24"}, {refused, "R", "25"}, {"invalid@example.com", "I", "minus one"}, {plain, "P again", "20"}, {busy, "B", "26"}, {unclear, "U", "27"}}
	writeCSV(t, s.source, records)
	var once sync.Once
	w.obey(func(a asked) what {
		do := afterStory(a)
		switch {
		case a.create && a.contactID == lostDone, a.create && a.contactID == unclear:
			do = dropAfter
		case a.create && a.contactID == lostUndone:
			once.Do(func() { do = dropBefore })
		case a.create && a.contactID == busy:
			do = what{status: 503, header: "0"}
		case !a.create && (a.contactID == unclear || a.contactID == ""):
			do = what{status: 400}
		}
		return do
	})
	if code, err := execute(t.Context(), w.api, args...); code != 3 {
		t.Fatalf("the first run of the story: exit code %d, %v", code, err)
	}

	records = append(records, []string{lastSent, "S", "28"}, []string{unsent, "N", "29"}, []string{unsentToo, "N", "30"})
	writeCSV(t, s.source, records)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	w.obey(func(a asked) what {
		switch {
		case a.create && a.contactID == lastSent:
			cancel(&cli.Interrupt{Signal: syscall.SIGTERM})
		case !a.create && (a.contactID == unclear || a.contactID == ""):
			return what{status: 400}
		}
		return afterStory(a)
	})
	if code, err := execute(ctx, w.api, append(args, "--workers", "1")...); code != 128+int(syscall.SIGTERM) {
		t.Fatalf("the second run of the story: exit code %d, %v", code, err)
	}

	w.obey(afterStory)
	if code, err := execute(t.Context(), w.api, args...); code != 3 {
		t.Fatalf("the third run of the story: exit code %d, %v", code, err)
	}

	s.whole = readReport(t, report)
	s.report, _ = os.ReadFile(report)
	for _, want := range []string{`"status":"failed"`, `"status":"unknown"`, `"status":"rejected"`, `"status":"invalid"`, `"status":"duplicate"`,
		`"status":"existing"`, `"kind":"unsent"`, `"found":true`, `"attempts":2`, `"status":"interrupted"`} {
		if !bytes.Contains(s.report, []byte(want)) {
			t.Errorf("the report of the story lacks %s:\n%s", want, s.report)
		}
	}
	s.checkEnd(t, "the story", s.whole, w)
	s.profiles = make(map[string]string)
	for _, p := range w.Profiles() {
		s.profiles[p.ContactIDs[0]] = p.ID
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// checkEnd wants the story to have ended as it should.
func (s *story) checkEnd(t *testing.T, what string, a *account, w *world) {
	t.Helper()
	for id, want := range storyEnd {
		if got := a.status(id); got != want {
			t.Errorf("%s: %s is %q, want %q", what, id, got, want)
		}
	}
	if err := a.check(w.Profiles()); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if n := len(w.Profiles()); n != len(storyEnd)-1 {
		t.Errorf("%s: %d profiles, want %d", what, n, len(storyEnd)-1)
	}
	if !slices.Equal(a.refused, []string{"invalid@example.com"}) {
		t.Errorf("%s: invalid are %v", what, a.refused)
	}
}

// world is a new sandbox that holds what the API can hold when a report of the
// story ends early: all that this beginning of it says is in, and of what it
// leaves in doubt everything, or nothing.
func (s *story) world(t *testing.T, a *account, everything bool) *world {
	t.Helper()
	var out []string // what is not there
	for id := range s.profiles {
		key := s.whole.keys[id]
		switch st := a.last[key].Status; {
		case id == conflict, id == older, st == "created", a.inDoubt[key] && everything:
		default:
			out = append(out, id)
		}
	}
	slices.Sort(out)
	state := s.state(t, out)
	path := filepath.Join(t.TempDir(), "sandbox.db")
	copyFile(t, state, path)
	return s.front.add(t, sandbox.Options{DataFile: path, OnDuplicate: sandbox.DuplicateAllow}, afterStory)
}

// state is a copy of the sandbox's file without some of its profiles.
func (s *story) state(t *testing.T, without []string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.Join(without, " ")
	if path, ok := s.states[name]; ok {
		return path
	}
	path := filepath.Join(s.dir, fmt.Sprintf("state-%d.db", len(s.states)))
	copyFile(t, s.data, path)
	w := s.front.add(t, sandbox.Options{DataFile: path}, nil)
	for _, id := range without {
		if answer := w.ask(http.MethodDelete, "/new/v2.0/profiles/"+s.profiles[id], ""); answer.Code/100 != 2 {
			t.Fatalf("deleting %s: %d %s", id, answer.Code, answer.Body)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.states[name] = path
	return path
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, string(b))
}

// A report that ends at any byte resumes: what it says is in stays in, what it
// leaves in doubt is looked up, and everything else is sent.
func TestEveryPrefixResumes(t *testing.T) {
	t.Parallel()
	s := tellStory(t)
	start, number := 0, 0
	for line := range bytes.Lines(s.report) {
		number++
		offsets := []int{start, start + 1, start + len(line)/2, start + len(line) - 1}
		if full {
			offsets = offsets[:0]
			for i := range len(line) {
				offsets = append(offsets, start+i)
			}
		}
		start += len(line)
		if start == len(s.report) {
			offsets = append(offsets, start)
		}
		t.Run(fmt.Sprintf("line %d", number), func(t *testing.T) {
			t.Parallel()
			for _, offset := range offsets {
				before, err := parseReport(s.report[:offset])
				if err != nil {
					t.Fatalf("cut at byte %d: %v", offset, err)
				}
				s.resume(t, offset, before, true)
				if len(before.inDoubt) > 0 {
					s.resume(t, offset, before, false)
				}
			}
		})
	}
}

// resume runs the story's last command over the first bytes of its report.
func (s *story) resume(t *testing.T, offset int, before *account, everything bool) {
	t.Helper()
	what := fmt.Sprintf("cut at byte %d, everything in doubt is in: %v", offset, everything)
	w := s.world(t, before, everything)
	report := filepath.Join(t.TempDir(), "story.report.ndjson")
	writeFile(t, report, string(s.report[:offset]))
	code, err := execute(t.Context(), w.api, "--source", s.source, "--report", report, "--settle", "0s")
	if code != 3 {
		t.Fatalf("%s: exit code %d, %v", what, code, err)
	}
	after := readReport(t, report)
	s.checkEnd(t, what, after, w)
	for key := range before.inDoubt {
		if e := after.last[key]; everything && e.Status == "created" && !e.Found {
			t.Errorf("%s: %v was there, and not found", what, e.ContactIDs)
		}
	}
	// What the report says is in is not even looked at.
	for _, id := range w.takeCreates() {
		if st := before.last[s.whole.keys[id]].Status; st == "created" || st == "existing" || st == "rejected" {
			t.Errorf("%s: %s was sent, and was %s before", what, id, st)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.FailNow()
	}
}
