package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/sink/journal"
)

// hostile is what a stranger may write into any field of a source, and a server
// into any field of an answer.
const hostile = `</script><script>alerted=1</script><img src=//evil.example/x onerror=alerted=1>"'` + "`${}{{.}}\x1b[2J\u202e\u0000&lt;"

// A writer writes a report the way a run does.
type writer struct {
	t      *testing.T
	report *journal.Journal
	n      int
}

func begin(t *testing.T, path, run string) *writer {
	t.Helper()
	r, err := journal.Open(journal.Files{}, path, journal.Options{Header: journal.Header{
		Run: run, Version: "1", Mode: "create", Sources: []string{hostile + ".csv"}, BaseURL: "https://api.example", ProjectID: "65f0000000000000000000aa",
	}})
	must(t, err)
	must(t, r.Begin())
	return &writer{t: t, report: r}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *writer) row(id string, s contact.Status, change func(*contact.Outcome)) {
	w.t.Helper()
	w.n++
	o := &contact.Outcome{Status: s, Attempts: 1, At: time.Now(), Row: contact.Row{
		Source: hostile + ".csv", Line: w.n + 1, Number: int64(w.n), Key: contact.KeyOf([]string{id}), Profile: contact.Profile{ContactIDs: []string{id}},
	}}
	if s == contact.Created {
		o.ID = fmt.Sprintf("65f0%020d", w.n)
	}
	if change != nil {
		change(o)
	}
	if s != contact.Invalid && s != contact.Duplicate {
		must(w.t, w.report.Sending([]contact.Key{o.Row.Key}))
	}
	must(w.t, w.report.Append(o))
}

func (w *writer) end(s contact.Summary) {
	w.t.Helper()
	must(w.t, w.report.End(s))
	must(w.t, w.report.Close())
}

func because(f contact.Failure) func(*contact.Outcome) {
	return func(o *contact.Outcome) { o.Failure = &f }
}

// writeExample writes a report of two runs: the first is stopped, the second ends.
func writeExample(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	w := begin(t, path, "01A")
	w.row("a", contact.Created, nil)
	w.row("bad", contact.Invalid, because(contact.Failure{Field: "age", Detail: `"old" is no number`, Hint: "digits"}))
	w.row("lost", contact.Unknown, func(o *contact.Outcome) { o.Doubt, o.Failure = "answer lost", &contact.Failure{Detail: "stopped"} })
	w.row("late", contact.Failed, because(contact.Failure{HTTP: 503, Detail: "gave up after 6 attempts"}))
	must(t, w.report.Sending([]contact.Key{contact.KeyOf([]string{"open"})}))
	w.end(contact.Summary{Run: "01A", Status: contact.Interrupted})

	w = begin(t, path, "01B")
	w.row("bad", contact.Invalid, because(contact.Failure{Field: "age", Detail: `"old" is no number`, Hint: "digits"}))
	w.row("lost", contact.Created, func(o *contact.Outcome) { o.Found, o.Doubt = true, "earlier run" })
	w.row("late", contact.Created, nil)
	w.row("open", contact.Created, func(o *contact.Outcome) { o.Doubt = "earlier run"; o.Attempts = 2 })
	w.row("wrong", contact.Rejected, because(contact.Failure{HTTP: 400, Code: 1005, Field: "age", Detail: "no", TraceID: "T"}))
	w.row("a", contact.Duplicate, nil)
	var meter contact.TrafficMeter
	meter.Begin(time.Now().Add(-3 * time.Second))
	for range 98 {
		meter.Observe("create", 201, 80*time.Millisecond)
	}
	meter.Observe("create", 429, 2*time.Second)
	meter.Observe("list", 0, 30*time.Second)
	traffic, _ := meter.Cut(time.Now())
	must(t, w.report.Traffic(traffic))
	w.end(contact.Summary{Run: "01B", Status: contact.Complete, Counts: contact.Counts{Read: 6, Created: 4, Invalid: 1, Rejected: 1}})
	return path
}

// The last line of a contact holds; what a later run settled counts as settled,
// and rows that are no contacts count once, however often they were read.
func TestAccount(t *testing.T) {
	a, err := Read(journal.Files{}, writeExample(t))
	must(t, err)
	for s, want := range map[contact.Status]int64{
		contact.Created: 4, contact.Invalid: 1, contact.Rejected: 1, contact.Duplicate: 1,
		contact.Failed: 0, contact.Unknown: 0, contact.InDoubt: 0,
	} {
		if got := a.Count(s); got != want {
			t.Errorf("%d contacts or rows are %v, want %d", got, s, want)
		}
	}
	groups := a.Failures()
	if len(groups) != 2 || groups[0].Count != 1 || groups[1].Count != 1 {
		t.Errorf("failures %+v", groups)
	}
	endings := fmt.Sprint(a.Endings())
	if want := "[{found, its id adopted 1} {not there, so sent again 1}]"; endings != want {
		t.Errorf("doubts ended as %s, want %s", endings, want)
	}
	if a.State() != "complete" || len(a.Runs) != 2 {
		t.Errorf("state %s, %d runs", a.State(), len(a.Runs))
	}
	p := percentiles(a.latency)
	if len(p) != 5 || p[0].Took < 80*time.Millisecond || p[0].Took > 86*time.Millisecond || p[4].Took < 30*time.Second {
		t.Errorf("percentiles %v", p)
	}
}

// Reports of earlier versions tell what they told then.
func TestReportsOfEarlierVersions(t *testing.T) {
	for name, want := range map[string]struct {
		counts map[contact.Status]int64
		runs   int
		ids    int // lines of WriteIDs, its first one included
	}{
		"create":      {map[contact.Status]int64{contact.Created: 6, contact.Existing: 1, contact.Invalid: 1, contact.Duplicate: 1}, 1, 8},
		"killed":      {map[contact.Status]int64{contact.Created: 13, contact.InDoubt: 5}, 1, 14},
		"interrupted": {map[contact.Status]int64{contact.Created: 27}, 2, 28},
		"doubt":       {map[contact.Status]int64{contact.Created: 4, contact.Rejected: 1, contact.Unknown: 2, contact.Invalid: 1, contact.Duplicate: 1}, 1, 7},
		"upsert":      {map[contact.Status]int64{contact.Created: 1, contact.Updated: 1}, 1, 3},
		"mirror":      {map[contact.Status]int64{contact.Updated: 1, contact.Deleted: 1}, 1, 3},
		"undo":        {map[contact.Status]int64{contact.Updated: 2, contact.Deleted: 1}, 2, 4},
		"redacted":    {map[contact.Status]int64{contact.Created: 7, contact.Invalid: 1, contact.Duplicate: 1}, 1, 8},
	} {
		path := filepath.Join("..", "..", "sink", "journal", "testdata", name+".ndjson")
		a, err := Read(journal.Files{}, path)
		must(t, err)
		for _, s := range shown {
			if got := a.Count(s.Status); got != want.counts[s.Status] {
				t.Errorf("%s: %d are %v, want %d", name, got, s.Status, want.counts[s.Status])
			}
		}
		if len(a.Runs) != want.runs || a.Runs[0].ProjectID != "65f0000000000000000000aa" || len(a.Requests()) == 0 {
			t.Errorf("%s: runs %+v, requests %v", name, a.Runs, a.Requests())
		}
		var b strings.Builder
		must(t, WriteIDs(&b, journal.Files{}, path))
		if got := strings.Count(b.String(), "\n"); got != want.ids {
			t.Errorf("%s: %d lines of ids, want %d:\n%s", name, got, want.ids, b.String())
		}
	}
}

func TestText(t *testing.T) {
	a, err := Read(journal.Files{}, writeExample(t))
	must(t, err)
	var b strings.Builder
	must(t, a.WriteText(&b))
	for _, want := range []string{"2 runs, the latest: complete", "  4  profiles that the API made", "1  invalid: field age", `"old" is no number`, "→ digits",
		"found, its id adopted", "create, HTTP 429", "list, no answer", "(50 %)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("a stranger's control characters reach the terminal: %q", b.String())
	}
}

// A run that stopped says why, and one that nobody answered tells no times.
func TestTextOfAStoppedRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	must(t, os.WriteFile(path, []byte(`{"kind":"run","run":"01A","at":"2026-01-02T03:04:05.678Z","version":"1","mode":"create","sources":["c.csv"],"base_url":"https://api.example","project_id":"65f0000000000000000000aa"}
{"kind":"traffic","from":"2026-01-02T03:04:05.678Z","at":"2026-01-02T03:04:07.678Z","requests":[{"op":"list","code":0,"n":3}],"latency_ms":[]}
{"kind":"end","run":"01A","at":"2026-01-02T03:04:08.000Z","status":"stopped","summary":{"run":"01A","status":"stopped","reason":"no such host","read":0}}
`), 0o600))
	a, err := Read(journal.Files{}, path)
	must(t, err)
	var b strings.Builder
	must(t, a.WriteText(&b))
	if text := b.String(); !strings.Contains(text, "1 run, the latest: stopped\nIt stopped: no such host\n\n") || strings.Contains(text, "took at most") {
		t.Errorf("the text is\n%s", text)
	}
}

// Programs read it: members, their order, and what is empty are as they were.
func TestJSON(t *testing.T) {
	key := func(id string) string { return contact.KeyOf([]string{id}).String() }
	lines := []string{
		`{"kind":"run","run":"01A","at":"2026-01-02T03:04:05.678Z","version":"1","mode":"create","sources":["<a & b>.csv"],"base_url":"https://api.example","project_id":"65f0000000000000000000aa"}`,
		`{"kind":"sending","keys":["` + key("a") + `","` + key("b") + `"],"at":"2026-01-02T03:04:06.000Z"}`,
		`{"kind":"row","key":"` + key("a") + `","source":"c.csv","line":2,"row":1,"contactIds":["a"],"status":"created","_id":"65f000000000000000000001","attempts":1,"at":"2026-01-02T03:04:07.100Z"}`,
		`{"kind":"row","key":"` + key("b") + `","source":"c.csv","line":3,"row":2,"contactIds":["b"],"status":"rejected","error":{"http":400,"code":1005,"field":"age","detail":"<b> & \u2028","hint":"digits"},"attempts":1,"at":"2026-01-02T03:04:07.200Z"}`,
		`{"kind":"row","source":"c.csv","line":4,"row":3,"status":"invalid","error":{"detail":"no id"},"attempts":0,"at":"2026-01-02T03:04:07.300Z"}`,
		`{"kind":"traffic","from":"2026-01-02T03:04:05.678Z","at":"2026-01-02T03:04:07.678Z","requests":[{"op":"create","code":201,"n":1},{"op":"create","code":400,"n":1}],"latency_ms":[[1.5,1],[80,1]]}`,
	}
	end := `{"kind":"end","run":"01A","at":"2026-01-02T03:04:08.000Z","status":"complete","summary":{"run":"01A","status":"complete","reason":"","read":3,"created":1,"invalid":1,"rejected":1,"requests":2,"duration_s":2.345,"report":"c.report.ndjson","rejects":"c.rejects.csv"}}`
	account := func(lines ...string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "c.report.ndjson")
		must(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		a, err := Read(journal.Files{}, path)
		must(t, err)
		a.Report = "c.report.ndjson"
		var b strings.Builder
		must(t, a.WriteJSON(&b))
		return b.String()
	}
	want, err := os.ReadFile("testdata/account.json")
	must(t, err)
	if got := account(append(lines, end)...); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const nothing = `  "failures": [],
  "duplicates_differ": 0,
  "changed_since": 0,
  "doubts": [],
  "requests": [],
  "latency_ms": [],
`
	if got := account(lines[0]); !strings.Contains(got, nothing) || strings.Contains(got, "summary") {
		t.Errorf("a run that has only begun: %s", got)
	}
}

func TestIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	w := begin(t, path, "01A")
	w.row("=cmd()", contact.Created, nil)
	w.row("+49 30 123", contact.Created, nil)
	w.row("no", contact.Rejected, because(contact.Failure{HTTP: 400, Detail: "no"}))
	w.row("two", contact.Created, func(o *contact.Outcome) { o.Row.Profile.ContactIDs = []string{"two@example.com", "zwei,\"x\""} })
	w.end(contact.Summary{Status: contact.Complete})
	var b strings.Builder
	must(t, WriteIDs(&b, journal.Files{}, path))
	want := `contactId,_id,status,line
'=cmd(),65f000000000000000000001,created,2
+49 30 123,65f000000000000000000002,created,3
two@example.com,65f000000000000000000004,created,5
"zwei,""x""",65f000000000000000000004,created,5
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// In sync modes a contact is written again and again; the last line holds.
func TestIDsOfContactsWrittenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	key := contact.KeyOf([]string{"a"}).String()
	text := `{"kind":"run","at":"2026-01-01T00:00:00.000Z"}` + "\n"
	for i, status := range []string{"created", "updated", "updated"} {
		text += fmt.Sprintf(`{"kind":"row","key":%q,"contactIds":["a"],"status":%q,"_id":"x","line":%d,"at":"2026-01-01T00:00:00.000Z"}`+"\n", key, status, i+2)
	}
	must(t, os.WriteFile(path, []byte(text), 0o600))
	var b strings.Builder
	must(t, WriteIDs(&b, journal.Files{}, path))
	if want := "contactId,_id,status,line\na,x,updated,4\n"; b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

// Contacts that may be in are listed without the id that nobody knows, and those that
// turned out not to be in are not.
func TestIDsOfContactsInDoubt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	text := `{"kind":"run","at":"2026-01-01T00:00:00.000Z"}` + "\n"
	for i, line := range []string{
		`a unknown `, `b unknown `, `c created `, `d created x`, `a failed `, `d failed `, `e unknown `, `e created y`, `f rejected `,
	} {
		part := strings.Split(line, " ")
		text += fmt.Sprintf(`{"kind":"row","key":%q,"contactIds":[%q],"status":%q,"_id":%q,"line":%d,"at":"2026-01-01T00:00:00.000Z"}`+"\n",
			contact.KeyOf(part[:1]).String(), part[0], part[1], part[2], i+2)
	}
	must(t, os.WriteFile(path, []byte(text), 0o600))
	var b strings.Builder
	must(t, WriteIDs(&b, journal.Files{}, path))
	if want := "contactId,_id,status,line\nb,,unknown,3\nc,,created,4\nd,x,created,5\ne,y,created,9\n"; b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

// Text and page say that a report is still in doubt: about rows that are unknown, and
// about what a run that was killed announced, also where the next one takes its own
// announcement back.
func TestReportThatIsStillInDoubt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	w := begin(t, path, "one")
	w.row("unknown@example.com", contact.Unknown, nil)
	killed := []contact.Key{contact.KeyOf([]string{"killed@example.com"})}
	must(t, w.report.Sending(killed))
	must(t, w.report.Close())
	w = begin(t, path, "two")
	must(t, w.report.Sending(killed))
	must(t, w.report.Unsent(killed, contact.ToUpdate))
	must(t, w.report.Close())
	a, err := Read(journal.Files{}, path)
	must(t, err)
	var text, page strings.Builder
	must(t, a.WriteText(&text))
	must(t, a.WriteHTML(&page, nil, ""))
	for _, shown := range []string{text.String(), page.String()} {
		if !strings.Contains(shown, "2 rows may be in the API or not") {
			t.Error(shown)
		}
	}
	page.Reset()
	must(t, a.WriteHTML(&page, &Now{}, ""))
	if strings.Contains(page.String(), "Still in doubt") {
		t.Error("the page of a run that lasts takes rows on their way for lost")
	}
}

// A report can be read while a run writes it: what is complete is read, and the
// rest when it is there.
func TestReaderFollows(t *testing.T) {
	path := writeExample(t)
	whole, err := os.ReadFile(path)
	must(t, err)
	want, err := Read(journal.Files{}, path)
	must(t, err)

	growing := filepath.Join(t.TempDir(), "g.report.ndjson")
	must(t, os.WriteFile(growing, nil, 0o600))
	r, err := journal.OpenReader(journal.Files{}, growing)
	must(t, err)
	defer r.Close()
	a := NewAccount(growing)
	f, err := os.OpenFile(growing, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	for rest := whole; len(rest) > 0; {
		n := min(len(rest), 97)
		_, err := f.Write(rest[:n])
		must(t, err)
		rest = rest[n:]
		must(t, a.ReadFrom(r))
	}
	if a.Lines != want.Lines || a.Count(contact.Created) != want.Count(contact.Created) || a.State() != want.State() {
		t.Errorf("read as it grew: %d lines, %d created, %s", a.Lines, a.Count(contact.Created), a.State())
	}
}

func TestFilesThatAreNoReports(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty":      "",
		"CSV":        "email,age\na@example.com,3\n",
		"other JSON": `{"a":1}` + "\n",
		"row first":  `{"kind":"row"}` + "\n",
		"bad key":    `{"kind":"run"}` + "\n" + `{"kind":"row","key":"short","status":"created"}` + "\n",
		"bad status": `{"kind":"run"}` + "\n" + `{"kind":"row","key":"short","status":"eaten"}` + "\n",
	} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := Read(journal.Files{}, path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The timeline loses nothing, however long the span.
func TestTimeline(t *testing.T) {
	var line Timeline
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	total := 0.0
	for i := range 5000 {
		at := start.Add(time.Duration(i*i) * time.Second)
		line.add(at.Add(-15*time.Second), at, answered, 10)
		total += 10
	}
	sum := 0.0
	for _, slot := range line.n {
		sum += slot[answered]
	}
	if sum < total-0.01 || sum > total+0.01 || line.used > slots || line.used < slots/2 {
		t.Errorf("%v of %v answers in %d slots of %v", sum, total, line.used, line.width)
	}
}
