package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

var testStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A script writes the lines of a report, one each second.
type script struct {
	bytes.Buffer
	now time.Time
}

func newScript() *script { return &script{now: testStart} }

func (j *script) tick() time.Time {
	j.now = j.now.Add(time.Second)
	return j.now
}

func (j *script) at() stamp { return stamp{Time{j.tick()}} }

func (j *script) add(l Line) { j.Write(encoded(l)) }

// encoded is a line as it is written.
func encoded(l Line) []byte {
	b, err := appendLine(nil, l)
	if err != nil {
		panic(err) // a test's own line
	}
	return b
}

func (j *script) run() *script {
	fmt.Fprintf(j, `{"kind":"run","run":"01J","at":"%s","version":"1","mode":"create","sources":["contacts.csv"],"base_url":"https://api.example.com","project_id":"65f0000000000000000000aa"}`+"\n", j.tick().Format(timeLayout))
	return j
}

func (j *script) sending(ids ...string) *script {
	j.add(&Sending{keyList{keys(ids...), j.at()}})
	return j
}

func (j *script) unsent(ids ...string) *script {
	j.add(&Unsent{keyList: keyList{keys(ids...), j.at()}})
	return j
}

func (j *script) known(id, as string) *script {
	j.add(&Known{Key: key(id), As: key(as), stamp: j.at()})
	return j
}

func (j *script) row(id string, s contact.Status) *script {
	o := outcome(id, s)
	o.At = j.tick()
	j.add(rowOf(o))
	return j
}

func (j *script) end(requests int64) *script {
	s, _ := json.Marshal(contact.Summary{Run: "01J", Status: contact.Complete, Requests: requests})
	fmt.Fprintf(j, `{"kind":"end","run":"01J","at":"%s","status":"complete","summary":%s}`+"\n", j.tick().Format(timeLayout), s)
	return j
}

func (j *script) line(text string) *script {
	j.WriteString(text + "\n")
	return j
}

// story is a report with every kind of line, over three runs.
func story() *script {
	return newScript().run().
		row("i", contact.Invalid).
		sending("a", "b", "c", "d", "e").
		row("a", contact.Created).
		row("b", contact.Rejected).
		row("a", contact.Duplicate).
		row("c", contact.Failed).
		unsent("e").
		end(3).
		run().
		sending("b", "c", "e").
		row("b", contact.Invalid).
		row("c", contact.Created).
		unsent("b").
		line(`{"kind":"of a later version","keys":7}`).
		run().
		sending("d", "f").
		row("d", contact.Unknown).
		row("e", contact.Existing).
		known("h", "a").
		sending("b").
		unsent("d").
		row("b", contact.Rejected).
		row("f", contact.Duplicate).
		sending("g").
		unsent("g")
}

// modelOf says in the plainest way what complete lines make of each key.
func modelOf(t *testing.T, report []byte) (statuses map[string]contact.Status, last time.Time) {
	names := map[string]string{}
	for _, id := range strings.Split("abcdefghi", "") {
		names[key(id).String()] = id
	}
	statuses = map[string]contact.Status{}
	before := map[string]contact.Status{}
	complete := report[:bytes.LastIndexByte(report, '\n')+1]
	for text := range bytes.Lines(complete) {
		var l struct {
			Kind   string
			Key    string
			Keys   json.RawMessage
			Status string
			At     time.Time
		}
		must(t, json.Unmarshal(text, &l))
		if !l.At.IsZero() {
			last = l.At
		}
		var announced []string
		if l.Kind == "sending" || l.Kind == "unsent" {
			must(t, json.Unmarshal(l.Keys, &announced))
		}
		for _, k := range announced {
			id := names[k]
			if l.Kind == "sending" {
				before[id], statuses[id] = statuses[id], contact.InDoubt
			} else if statuses[id] == contact.InDoubt {
				statuses[id] = before[id]
			}
		}
		if l.Kind == "row" && l.Status != "invalid" && l.Status != "duplicate" {
			var s contact.Status
			must(t, s.UnmarshalText([]byte(l.Status)))
			statuses[names[l.Key]] = s
		}
	}
	maps.DeleteFunc(statuses, func(_ string, s contact.Status) bool { return s == 0 })
	return statuses, last
}

func statusesIn(k *contact.Keys) map[string]contact.Status {
	m := map[string]contact.Status{}
	for _, id := range strings.Split("abcdefghi", "") {
		if s := k.Status(key(id)); s != 0 {
			m[id] = s
		}
	}
	return m
}

// Cut anywhere, a report resumes with what its complete lines say, and loses
// nothing but the line that was cut.
func TestEveryPrefix(t *testing.T) {
	whole := story().Bytes()
	path := reportPath(t)
	for n := range len(whole) + 1 {
		prefix := whole[:n]
		complete := prefix[:bytes.LastIndexByte(prefix, '\n')+1]
		statuses, last := modelOf(t, prefix)

		h, err := replay("r", bytes.NewReader(prefix), time.Minute, testStart)
		if err != nil || h.bytes != int64(len(complete)) || !maps.Equal(statusesIn(h.keys), statuses) {
			t.Fatalf("%d bytes: %v, %v, want %v", n, statusesIn(h.keys), err, statuses)
		}
		// On disk, with its fsyncs, around the ends of lines and here and there.
		if n%17 != 0 && !bytes.Contains(whole[max(0, n-2):min(n+2, len(whole))], []byte("\n")) {
			continue
		}
		must(t, os.WriteFile(path, prefix, 0o600))
		r, err := Open(Files{}, path, options())
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got := statusesIn(r.Keys()); !maps.Equal(got, statuses) {
			t.Fatalf("%d bytes: %v, want %v", n, got, statuses)
		}
		if !r.LastAlive().Equal(last) {
			t.Fatalf("%d bytes: last alive at %v, want %v", n, r.LastAlive(), last)
		}
		for id, s := range statuses {
			if s != contact.Rejected && s != contact.Failed && s != contact.Unknown {
				continue
			}
			if o, err := r.Before(key(id)); err != nil || o.Row.Key != key(id) || o.Status != s {
				t.Fatalf("%d bytes: before %s: %+v, %v", n, id, o, err)
			}
		}
		must(t, r.Append(outcome("h", contact.Existing)))
		must(t, r.Close())
		b, err := os.ReadFile(path)
		must(t, err)
		if !bytes.HasPrefix(b, complete) || bytes.Count(b, []byte("\n")) != bytes.Count(complete, []byte("\n"))+1 {
			t.Fatalf("%d bytes: the report became %q", n, b)
		}
	}
}

func TestZerosOfAPowerFailure(t *testing.T) {
	for _, report := range []string{"\x00\x00\x00", story().String() + "\x00\x00", story().String() + `{"kind":"ro` + "\x00\x00"} {
		path := reportPath(t)
		must(t, os.WriteFile(path, []byte(report), 0o600))
		want, _ := modelOf(t, []byte(report))
		if got := statusesIn(open(t, path, options()).Keys()); !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestMalformedLines(t *testing.T) {
	whole := story().String()
	texts := strings.SplitAfter(whole, "\n")
	texts = texts[:len(texts)-1]
	for number := range texts {
		for name, damage := range map[string]func(string) string{
			"zeros":    func(s string) string { return strings.Repeat("\x00", len(s)-1) + "\n" },
			"halved":   func(s string) string { return s[:len(s)/2] + "\n" },
			"empty":    func(s string) string { return "\n" },
			"doubled":  func(s string) string { return strings.TrimSuffix(s, "\n") + s },
			"no kind":  func(s string) string { return strings.Replace(s, `"kind"`, `"king"`, 1) },
			"bad byte": func(s string) string { return strings.Replace(s, `"kind":"`, "\"x\":\"\xff\",\"kind\":\"", 1) },
			"bad time": func(s string) string { return strings.Replace(s, `"at":"2026-`, `"at":"2O26-`, 1) },
			"no time":  func(s string) string { return strings.Replace(s, `"at":"2026-`, `"on":"2026-`, 1) },
			"bad key": func(s string) string {
				return strings.NewReplacer(`"key":"`, `"key":"*`, `"keys":["`, `"keys":["*`).Replace(s)
			},
			"no key": func(s string) string {
				return strings.NewReplacer(`"key":`, `"kex":`, `"keys":`, `"kexs":`).Replace(s)
			},
			"bad status":   func(s string) string { return strings.Replace(s, `"status":"`, `"status":"x`, 1) },
			"bad attempts": func(s string) string { return strings.Replace(s, `"attempts":`, `"attempts":-1`, 1) },
		} {
			damaged := damage(texts[number])
			ignored := strings.Contains(texts[number], "later version") && strings.HasPrefix(name, "no key") ||
				strings.Contains(texts[number], `"end"`) && name == "bad status" ||
				strings.Contains(texts[number], `"invalid"`) && name == "no key"
			if damaged == texts[number] || ignored {
				continue
			}
			report := strings.Join(texts[:number], "") + damaged + strings.Join(texts[number+1:], "")
			_, err := replay("r", strings.NewReader(report), 0, testStart)
			if corrupt, ok := errors.AsType[*CorruptError](err); !ok || corrupt.Line != number+1 {
				t.Errorf("line %d, %s: %v\n%s", number+1, name, err, damaged)
			}
		}
	}
}

func TestContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		report *script
		line   int
		want   string
	}{
		"no run":              {newScript().sending("a"), 1, "is the first"},
		"another project":     {newScript().run().line(strings.TrimSpace(strings.Replace(newScript().run().String(), "aa\"", "bb\"", 1))), 2, "another project"},
		"never announced":     {newScript().run().row("a", contact.Created), 2, "was not announced"},
		"rejected out of air": {newScript().run().row("a", contact.Rejected), 2, "was not announced"},
		"taken back":          {newScript().run().sending("a").unsent("a").row("a", contact.Created), 4, "was not announced"},
		"created twice":       {newScript().run().sending("a").row("a", contact.Created).row("a", contact.Created), 4, "created already"},
		"announced again":     {newScript().run().sending("a").row("a", contact.Created).sending("a"), 4, "is created already"},
	} {
		_, err := replay("r", &c.report.Buffer, 0, testStart)
		corrupt, ok := errors.AsType[*CorruptError](err)
		if !ok || corrupt.Line != c.line || !strings.Contains(corrupt.Reason, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, report := range map[string]*script{
		"found without a request":   newScript().run().row("a", contact.Existing),
		"failed before it was sent": newScript().run().line(strings.Replace(strings.TrimSpace(newScript().row("a", contact.Failed).String()), `"attempts":1`, `"attempts":0`, 1)),
		"unknown, then created":     newScript().run().sending("a").row("a", contact.Unknown).run().row("a", contact.Created),
		"failed, then created":      newScript().run().sending("a").row("a", contact.Failed).sending("a").row("a", contact.Created),
		"two announcements":         newScript().run().sending("a").run().sending("a").unsent("a").run().row("a", contact.Created),
	} {
		if _, err := replay("r", &report.Buffer, 0, testStart); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnnouncedAt(t *testing.T) {
	at := func(seconds int) int64 { return testStart.Add(time.Duration(seconds) * time.Second).UnixMilli() }
	for name, c := range map[string]struct {
		report *script
		want   int64
	}{
		"once":                    {newScript().run().sending("a"), at(2)},
		"twice":                   {newScript().run().sending("a").run().sending("a"), at(2)},
		"twice, one taken back":   {newScript().run().sending("a").run().sending("a").unsent("a"), at(2)},
		"unknown":                 {newScript().run().sending("a").row("a", contact.Unknown), at(2)},
		"unknown, then again":     {newScript().run().sending("a").row("a", contact.Unknown).sending("a"), at(2)},
		"failed, then again":      {newScript().run().sending("a").row("a", contact.Failed).sending("a"), at(4)},
		"rejected, then again":    {newScript().run().sending("a").row("a", contact.Rejected).sending("a"), at(4)},
		"taken back, then again":  {newScript().run().sending("a").unsent("a").sending("a"), at(4)},
		"taken back":              {newScript().run().sending("a").unsent("a"), 0},
		"created":                 {newScript().run().sending("a").row("a", contact.Created), 0},
		"rejected":                {newScript().run().sending("a").row("a", contact.Rejected), 0},
		"rejected and taken back": {newScript().run().sending("a").row("a", contact.Rejected).sending("a").unsent("a"), 0},
	} {
		h, err := replay("r", &c.report.Buffer, 0, testStart)
		must(t, err)
		got := (&Journal{contents: h}).AnnouncedAt(key("a"))
		if c.want == 0 != got.IsZero() || c.want != 0 && got.UnixMilli() != c.want {
			t.Errorf("%s: %v, want %v", name, got, time.UnixMilli(c.want))
		}
	}
}

func TestSent(t *testing.T) {
	// Times are seconds since testStart; lines follow each other by one.
	report := newScript().run(). // 1
					sending("a", "b", "c", "d", "e", "f"). // 2
					row("a", contact.Created).             // 3
					row("b", contact.Rejected).            // 4
					unsent("f").                           // 5
					end(5).                                // 6: three of five requests were look-ups
					run().                                 // 7
					sending("c", "g").                     // 8
					row("h", contact.Existing)             // 9, without a request
	for _, c := range []struct {
		now, window int
		want        map[int]int // requests by second
	}{
		{10, 60, map[int]int{3: 1, 4: 1, 6: 5, 9: 2}}, // d and e with the end of their run, c and g with that of theirs
		{10, 6, map[int]int{4: 1, 6: 5, 9: 2}},
		{13, 6, map[int]int{9: 2}},
		{8, 60, map[int]int{3: 1, 4: 1, 6: 5, 8: 2}}, // the clock was set back: as late as now
		{100, 60, map[int]int{}},
		{10, 0, map[int]int{}},
	} {
		h, err := replay("r", bytes.NewReader(report.Bytes()), time.Duration(c.window)*time.Second, testStart.Add(time.Duration(c.now)*time.Second))
		must(t, err)
		got := map[int]int{}
		var last time.Time
		for at, n := range h.sent.all() {
			if at.Before(last) {
				t.Errorf("%v comes after %v", at, last)
			}
			last = at
			// A slice of a minute is 15 ms, and counts at its end.
			got[int(at.Add(-20*time.Millisecond).Sub(testStart).Round(time.Second)/time.Second)] += n
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%d s, window %d s: %v, want %v", c.now, c.window, got, c.want)
		}
	}

	w := newSentWindow(5*time.Minute, testStart)
	for ms := range 400_000 {
		w.add(testStart.UnixMilli()-int64(ms), 3)
	}
	total := 0
	for at, n := range w.all() {
		if at.After(testStart) {
			t.Fatalf("%v is still to come", at)
		}
		total += n
	}
	if len(w.n) > sentSlices+1 || total != 3*300_001 {
		t.Errorf("%d slices, %d requests", len(w.n), total)
	}
}

func FuzzReplay(f *testing.F) {
	f.Add(story().Bytes())
	f.Add([]byte(`{"kind":"run"`))
	f.Add(newScript().run().line(`{"kind":"sending","keys":null,"at":"2026-01-02T03:04:05Z"}`).Bytes())
	f.Add(newScript().run().line(` { "at" : "2026-01-02T03:04:05+01:00" , "kind" : "\u0072ow" } `).Bytes())
	f.Fuzz(func(t *testing.T, report []byte) {
		h, err := replay("r", bytes.NewReader(report), time.Minute, testStart)
		if err != nil {
			if _, ok := errors.AsType[*CorruptError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		if want := int64(bytes.LastIndexByte(report, '\n') + 1); h.bytes != want {
			t.Fatalf("%d complete bytes, want %d", h.bytes, want)
		}
		// What is taken is JSON, and says the same when it is read again.
		for text := range bytes.Lines(report[:h.bytes]) {
			if !json.Valid(text) {
				t.Fatalf("taken: %q", text)
			}
		}
	})
}

func BenchmarkAppendRowLine(b *testing.B) {
	o := outcome("someone.longer@example.com", contact.Created)
	var line []byte
	for b.Loop() {
		line, _ = appendLine(line[:0], rowOf(o))
	}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
}

// replayRows is how many rows the report of BenchmarkReplay holds.
const replayRows = 100_000

func BenchmarkReplay(b *testing.B) {
	j := newScript().run()
	batch := make([]contact.Key, 0, 256)
	var rows []byte
	for i := range replayRows {
		o := outcome(fmt.Sprintf("someone.%d@example.com", i), contact.Created)
		batch = append(batch, o.Row.Key)
		rows = append(rows, encoded(rowOf(o))...)
		if len(batch) == cap(batch) || i == replayRows-1 {
			j.add(&Sending{keyList{batch, j.at()}})
			j.Write(rows)
			batch, rows = batch[:0], rows[:0]
		}
	}
	b.SetBytes(int64(j.Len()))
	b.ReportAllocs()
	for b.Loop() {
		h, err := replay("r", bytes.NewReader(j.Bytes()), 5*time.Minute, testStart)
		if err != nil || h.keys.Len() != replayRows {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/replayRows, "ns/row")
}
