package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"importer/internal/cli"
	"importer/internal/sandbox"
)

// The contacts of every cell. Some rows of the source are in the project before, with
// what others wrote into them, and some of those who are in it are in no row.
const (
	wayRows      = 40
	wayThere     = 6 // rows 0 to 5
	wayStrangers = 6

	// Of the second night of a sync.
	wayChanged   = 20 // rows 0 to 19
	wayUnchanged = 28 // rows 20 to 27; those behind are missing in a mirror
	wayNew       = 36 // rows 36 to 39 were not in the first night
)

// The longest that a run may take, and how long it is waited for after that.
const (
	wayWithin = time.Minute
	wayGrace  = 10 * time.Second
)

// A rig is a cell that is being played.
type rig struct {
	cell
	dir string
	*way
	before   truth           // what was there before the attack
	rejected map[string]bool // contacts that the API refused, as the reports say
	failures []string
}

// play plays a cell, and returns the complaints.
func (c cell) play(dir string, number int) (complaints []string) {
	r := &rig{cell: c, dir: dir, rejected: map[string]bool{}}
	o := c.want.api
	// Of its own, in case anything is remembered of a project beyond a run.
	o.ProjectID = fmt.Sprintf("65f0000000000000000%05d", number)
	if o.OnDuplicate == "" {
		o.OnDuplicate = sandbox.DuplicateAllow // so that twice shows
	}
	var err error
	if r.way, err = newWay(o, c.want.form); err != nil {
		return []string{err.Error()}
	}
	defer func() {
		if err := r.way.close(); err != nil {
			complaints = append(complaints, err.Error())
		}
	}()
	r.populate()
	switch c.op {
	case "import":
		r.twoRuns(r.source(r.rows(0, wayRows, "Name")))
	case "upsert", "deactivate", "delete":
		r.twoNights()
	case "touch":
		r.touch()
	case "verify":
		r.verify()
	case "undo":
		r.undo()
	case "undo-updates":
		r.undoUpdates()
	case "import+verify":
		r.importThenVerify()
	case "import+undo":
		r.importThenUndo()
	default:
		r.complain("there is no operation %q", c.op)
	}
	return r.failures
}

func (r *rig) complain(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// kept is a contact id in the form in which the API keeps it.
func (r *rig) kept(contact string) string {
	if r.want.form == nil {
		return contact
	}
	return r.want.form(contact)
}

// id is the contact id of a row, as the source has it.
func (r *rig) id(n int) string {
	if r.want.ids == nil {
		return contactID(n)
	}
	return r.want.ids(n)
}

// populate makes the profiles that are there before.
func (r *rig) populate() {
	age := r.want.age
	if age == 0 {
		age = time.Hour
	}
	r.ahead.Store(int64(r.want.ahead - age))
	for i := range max(wayThere, wayStrangers) {
		if i < wayStrangers {
			r.create(r.kept(fmt.Sprintf("stranger-%05d@example.com", i)), "Stranger")
		}
		if i < wayThere && !r.want.alone {
			r.create(r.kept(r.id(i)), "Theirs")
		}
	}
	r.ahead.Store(int64(r.want.ahead))
}

func (r *rig) create(contact, name string) {
	body := must(json.Marshal(map[string]any{"projectId": r.ProjectID(), "contactIds": []string{contact}, "profile": map[string]string{"firstname": name, "location": "City"}}))
	if a := askSandbox(r.Sandbox, http.MethodPost, "/new/v2.0/profiles", string(body)); a.Code/100 != 2 {
		r.complain("making a profile: %d %s", a.Code, a.Body)
	}
}

// rows are rows of the source, with their first names.
func (r *rig) rows(from, to int, name string) map[int]string {
	all := map[int]string{}
	for n := from; n < to; n++ {
		all[n] = fmt.Sprint(name, " ", n)
	}
	return all
}

// source writes the source, and returns what a run is to bring about that creates.
func (r *rig) source(names map[int]string) aim {
	var text strings.Builder
	text.WriteString("contactIds,first name\n")
	a := aim{names: map[string]string{}, creates: true, missing: map[string]bool{}}
	for n := range wayRows {
		if name, ok := names[n]; ok {
			fmt.Fprintf(&text, "%s,%s\n", r.id(n), name)
			a.names[r.kept(r.id(n))] = name
		}
	}
	r.write("c.csv", text.String())
	return a
}

func (r *rig) write(name, text string) {
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.complain("%v", err)
	}
}

// importArgs are the command line of the cell's operation.
func (r *rig) importArgs(more ...string) []string {
	args := []string{"--source", r.path("c.csv"), "--report", r.path("r.report.ndjson"), "--settle", "300ms"}
	switch r.op {
	case "upsert", "touch", "undo-updates":
		args = append(args, "--mode", "upsert", "--state", r.path("s.db"))
	case "deactivate", "delete":
		args = append(args, "--mode", "mirror", "--state", r.path("s.db"))
	}
	return append(append(args, r.want.flags...), more...)
}

// A ranWay is a run that has ended, or should have.
type ranWay struct {
	code           int
	stdout, stderr string
	ended          bool
	took           time.Duration
	began          int64 // Unix seconds
}

// run runs a command to its end. One that takes too long is interrupted.
func (r *rig) run(args ...string) *ranWay {
	missing := "keep"
	if r.op == "deactivate" || r.op == "delete" {
		missing = r.op
	}
	refresh := "600h"
	if r.op == "touch" {
		refresh = "0s"
	}
	r.write("config.yaml", "give_up_after: 2s\ngive_up_at_start: 2s\nsync:\n  missing: "+missing+"\n  guard: {max: 1000000, percent: 100}\n  refresh_after: "+refresh+
		"\nreport:\n  keep_previous: true\n")
	args = append(args, "--config", r.path("config.yaml"), "--base-url", r.server.URL, "--project-id", r.ProjectID(), "--rate", "unlimited",
		"--workers", "4", "--retries", "2", "--timeout", "2s", "--progress", "none", "--json", "--log-level", "warn")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	interrupt := time.AfterFunc(wayWithin, func() { cancel(&cli.Interrupt{Signal: syscall.SIGTERM}) })
	defer interrupt.Stop()
	began := time.Now()
	done := make(chan *ranWay, 1)
	go func() {
		var stdout, stderr bytes.Buffer
		defer func() {
			if p := recover(); p != nil {
				done <- &ranWay{code: 2, stderr: fmt.Sprint("panic: ", p), ended: true}
			}
		}()
		err := cli.Execute(ctx, args, cli.Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Version: "test", Program: "importer",
			Getenv: func(name string) string { return map[string]string{"COGNIGY_API_KEY": r.APIKey()}[name] }})
		code, print := cli.ExitCode(err)
		if print {
			fmt.Fprintln(&stderr, err)
		}
		done <- &ranWay{code: code, stdout: stdout.String(), stderr: stderr.String(), ended: ctx.Err() == nil}
	}()
	ran := &ranWay{code: -1, stderr: "it does not even end when it is interrupted"}
	select {
	case ran = <-done:
	case <-time.After(wayWithin + wayGrace):
	}
	ran.took, ran.began = time.Since(began), began.Unix()
	return ran
}

func (r *ranWay) lastWords() string {
	text := strings.TrimSpace(r.stderr)
	if len(text) > 400 {
		text = "… " + text[len(text)-400:]
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r == '\uFFFD' || r < ' ' && r != '\n' }) {
		return fmt.Sprintf("%+q", text)
	}
	return strings.ReplaceAll(text, "\n", " | ")
}

// prepared runs a command that has to go well, before the attack.
func (r *rig) prepared(args ...string) bool {
	if ran := r.run(args...); ran.code != 0 {
		r.complain("before the attack: exit code %d; %s%s", ran.code, ran.stdout, ran.lastWords())
		return false
	}
	return true
}

// twoRuns is the attack: the command under it, and again when the API is restored.
func (r *rig) twoRuns(a aim) {
	r.before = truthOf(r.Sandbox)
	r.put(r.gate)
	if !r.underAttack(a, r.run(r.importArgs()...)) {
		return
	}
	r.restored(a)
}

// underAttack judges the run under attack. It is false where another one makes no
// sense.
func (r *rig) underAttack(a aim, ran *ranWay) bool {
	if a.touches {
		a.began = ran.began
	}
	s, ok := r.judge("attack", a, ran)
	notIn, notGone := a.notDone(truthOf(r.Sandbox))
	if ran.code == 0 && len(notIn)+len(notGone) > 0 {
		r.complain("attack: exit: 0, and not in are %v, not removed %v", shorten(notIn), shorten(notGone))
	}
	switch w := r.want; {
	case w.stops && ran.code != 1:
		r.complain("attack: exit: %d, and the run was to be stopped with 1; %+v", ran.code, s)
	case w.harmless && ran.code != 0:
		r.complain("attack: exit: %d, and what happened is harmless; %s", ran.code, ran.lastWords())
	case w.completes && (ran.code != 0 && ran.code != 3 || ok && s.Status != "complete"):
		r.complain("attack: exit: %d, and the run was to go to its end; %s", ran.code, ran.lastWords())
	}
	if w := r.want; w.completes {
		told, err := readTold(r.path("r.report.ndjson"))
		if err != nil {
			r.complain("attack: %v", err)
		}
		for _, c := range slices.Concat(notIn, notGone) {
			n := numberOf(c)
			if w.refuses != nil && w.refuses(n) && told.reasons[c] == "" {
				r.complain("attack: silent: the report does not say why %s is not in", c)
			}
			if (w.refuses == nil || !w.refuses(n)) && (w.leaves == nil || !w.leaves(n)) {
				r.complain("attack: stopped: %s is not done, and nothing kept it from that", c)
			}
		}
	}
	if w := r.want.says; w != "" && !strings.Contains(ran.stdout+ran.stderr, w) {
		r.complain("attack: silent: it does not say %q: %s", w, ran.lastWords())
	}
	return ran.ended
}

// restored runs the command with the API restored, and wants everything done that
// no person has to see to.
func (r *rig) restored(a aim) {
	if !r.want.stays {
		r.put(nil)
	}
	ran := r.run(r.importArgs()...)
	if a.touches {
		a.began = ran.began
	}
	s, _ := r.judge("restored", a, ran)
	r.all("restored", a, ran, s)
	if len(r.rejected) == 0 || !ran.ended {
		return
	}
	ran = r.run(r.importArgs("--retry-rejected")...)
	clear(r.rejected)
	s, _ = r.judge("asked for", a, ran)
	r.all("asked for", a, ran, s)
}

// all wants everything to be done but what was refused.
func (r *rig) all(stage string, a aim, ran *ranWay, s waySummary) {
	t := truthOf(r.Sandbox)
	notIn, notGone := a.notDone(t)
	for _, c := range slices.Concat(notIn, notGone) {
		if len(t.of(c)) > 1 {
			continue // which is said already
		}
		if !r.rejected[c] {
			r.complain("%s: lost: %s", stage, c)
		}
	}
	want := 0
	if len(r.rejected) > 0 {
		want = 3
	}
	if ran.code != want && !(r.want.doubts && ran.code == 3 && len(notIn)+len(notGone) == 0) {
		r.complain("%s: exit: %d, want %d; %+v; %s", stage, ran.code, want, s, ran.lastWords())
	}
}

// judge holds what a run says against what is so.
func (r *rig) judge(stage string, a aim, ran *ranWay) (s waySummary, ok bool) {
	after := truthOf(r.Sandbox)
	var all []string
	if !ran.ended {
		all = append(all, fmt.Sprintf("endless: it did not end within %s; %s", wayWithin, ran.lastWords()))
	}
	if ran.ended && !slices.Contains([]int{0, 1, 3}, ran.code) {
		all = append(all, fmt.Sprintf("exit: %d; %s", ran.code, ran.lastWords()))
	}
	all = append(all, a.harm(r.before, after)...)
	told, err := readTold(r.path("r.report.ndjson"))
	if err != nil {
		all = append(all, err.Error())
	}
	all = append(all, a.untrueLines(r.want.ours, told.last, r.kept, r.before, after)...)
	if err := json.Unmarshal([]byte(ran.stdout), &s); err != nil {
		all = append(all, fmt.Sprintf("silent: the summary is %q; %s", ran.stdout, ran.lastWords()))
	} else {
		ok = true
		all = append(all, a.untrueSummary(s, told, after)...)
	}
	for _, e := range told.last {
		if len(e.ContactIDs) == 0 {
			continue
		}
		contact := r.kept(e.ContactIDs[0])
		delete(r.rejected, contact)
		if e.Status != "rejected" {
			continue
		}
		if r.want.refuses != nil && r.want.refuses(numberOf(contact)) {
			r.rejected[contact] = true
		} else {
			all = append(all, fmt.Sprintf("blamed: %s is rejected", contact))
		}
	}
	for _, c := range all {
		r.complain("%s: %s", stage, c)
	}
	return s, ok
}

func shorten(list []string) []string {
	if len(list) > 3 {
		return append(slices.Clone(list[:3]), fmt.Sprintf("and %d more", len(list)-3))
	}
	return list
}

// talk is what others write into the profiles between two nights. All fields are
// sent, because some APIs replace them.
func (r *rig) talk() {
	for id, h := range truthOf(r.Sandbox) {
		body := fmt.Sprintf(`{"profile":{"firstname":%q,"location":"City of %s"}}`, h.firstName(), id)
		if a := askSandbox(r.Sandbox, http.MethodPatch, "/new/v2.0/profiles/"+id, body); a.Code/100 != 2 {
			r.complain("changing a profile: %d %s", a.Code, a.Body)
		}
	}
}

// firstNight is one that goes well.
func (r *rig) firstNight() bool {
	r.source(r.rows(0, wayNew, "Name"))
	if !r.prepared(r.importArgs()...) {
		return false
	}
	if r.op != "undo-updates" { // which would keep what was changed since
		r.talk()
	}
	// What follows is about the report of the second night alone.
	if err := os.Rename(r.path("r.report.ndjson"), r.path("first.report.ndjson")); err != nil {
		r.complain("%v", err)
	}
	return true
}

// secondNight writes the source of the second night.
func (r *rig) secondNight() aim {
	names := r.rows(0, wayRows, "Name")
	for n := range wayChanged {
		names[n] = fmt.Sprint("Changed ", n)
	}
	missing := map[string]bool{}
	if r.op == "deactivate" || r.op == "delete" {
		for n := wayUnchanged; n < wayNew; n++ {
			delete(names, n)
			missing[r.kept(r.id(n))] = true
		}
	}
	a := r.source(names)
	a.creates, a.missing, a.deletes = false, missing, r.op == "delete"
	return a
}

func (r *rig) twoNights() {
	if r.firstNight() {
		r.twoRuns(r.secondNight())
	}
}

// touch is a night on which nothing has changed and everybody would expire.
func (r *rig) touch() {
	r.ahead.Store(int64(-10 * time.Minute))
	ok := r.firstNight()
	r.ahead.Store(0)
	if !ok {
		return
	}
	a := r.source(r.rows(0, wayNew, "Name"))
	a.creates, a.touches = false, true
	r.twoRuns(a)
}

// undo deletes what an import made.
func (r *rig) undo() {
	a := r.source(r.rows(0, wayRows, "Name"))
	if r.prepared(r.importArgs()...) {
		a.missing, a.deletes = map[string]bool{}, true
		for n := wayThere; n < wayRows; n++ {
			a.missing[r.kept(r.id(n))] = true
		}
		clear(a.names)
		r.twoUndos(a)
	}
}

// undoUpdates takes a second night back.
func (r *rig) undoUpdates() {
	if !r.firstNight() {
		return
	}
	r.secondNight()
	if !r.prepared(r.importArgs()...) {
		return
	}
	a := r.source(r.rows(0, wayNew, "Name"))
	a.creates, a.missing, a.deletes = false, map[string]bool{}, true
	for n := wayNew; n < wayRows; n++ {
		a.missing[r.kept(r.id(n))] = true
	}
	r.twoUndos(a)
}

// twoUndos is the attack on an undo.
func (r *rig) twoUndos(a aim) {
	r.before = truthOf(r.Sandbox)
	r.put(r.gate)
	ran := r.undone("attack", a)
	if w := r.want; w.harmless && ran.code != 0 {
		r.complain("attack: exit: %d, and what happened is harmless; %s", ran.code, ran.lastWords())
	}
	if !ran.ended {
		return
	}
	if !r.want.stays {
		r.put(nil)
	}
	ran = r.undone("restored", a)
	notBack, notGone := a.notDone(truthOf(r.Sandbox))
	for _, c := range slices.Concat(notBack, notGone) {
		r.complain("restored: lost: %s is not undone", c)
	}
	if ran.code != 0 {
		r.complain("restored: exit: %d; %s%s", ran.code, ran.stdout, ran.lastWords())
	}
}

// undone runs an undo, and judges it.
func (r *rig) undone(stage string, a aim) *ranWay {
	ran := r.run("undo", r.path("r.report.ndjson"), "--yes", "--state", r.path("s.db"), "--settle", "300ms")
	after := truthOf(r.Sandbox)
	notBack, notGone := a.notDone(after)
	all := a.harm(r.before, after)
	if !ran.ended {
		all = append(all, fmt.Sprintf("endless: it did not end within %s; %s", wayWithin, ran.lastWords()))
	} else if !slices.Contains([]int{0, 1, 3}, ran.code) {
		all = append(all, fmt.Sprintf("exit: %d; %s", ran.code, ran.lastWords()))
	}
	told, err := readTold(r.path("r.report.ndjson"))
	if err != nil {
		all = append(all, err.Error())
	}
	for key := range told.last {
		if !told.undone[key] {
			delete(told.last, key) // of the run that is being undone
		}
	}
	all = append(all, a.untrueLines(r.want.ours, told.last, r.kept, r.before, after)...)
	var s struct{ Deleted, Restored, Gone int }
	if err := json.Unmarshal([]byte(ran.stdout), &s); err != nil {
		all = append(all, fmt.Sprintf("silent: the summary is %q; %s", ran.stdout, ran.lastWords()))
	}
	if gone := len(a.missing) - len(notGone); s.Deleted+s.Gone > gone {
		all = append(all, fmt.Sprintf("untrue: the summary says that %d profiles were deleted and %d were not there, and %d are gone", s.Deleted, s.Gone, gone))
	}
	if back := len(a.names) - len(notBack); s.Restored > back {
		all = append(all, fmt.Sprintf("untrue: the summary says that %d profiles are as they were, and %d are", s.Restored, back))
	}
	if ran.code == 0 && len(notBack)+len(notGone) > 0 {
		all = append(all, fmt.Sprintf("exit: 0, and not undone are %v", shorten(slices.Concat(notBack, notGone))))
	}
	for _, c := range all {
		r.complain("%s: %s", stage, c)
	}
	return ran
}

// verify looks at an import from which a profile was taken since, and another one
// changed.
func (r *rig) verify() {
	a := r.source(r.rows(0, wayRows, "Name"))
	if !r.prepared(r.importArgs()...) {
		return
	}
	t := truthOf(r.Sandbox)
	for n, ask := range map[int][2]string{12: {http.MethodDelete, ""}, 21: {http.MethodPatch, `{"profile":{"firstname":"Other"}}`}} {
		if answer := askSandbox(r.Sandbox, ask[0], "/new/v2.0/profiles/"+t.of(r.kept(r.id(n)))[0].ID, ask[1]); answer.Code/100 != 2 {
			r.complain("changing a profile: %d %s", answer.Code, answer.Body)
		}
	}
	r.before = truthOf(r.Sandbox)
	r.put(r.gate)
	ran, _ := r.verified("attack", a)
	if w := r.want; w.harmless && ran.code != 3 {
		r.complain("attack: exit: %d, and what happened is harmless; %s", ran.code, ran.lastWords())
	}
	if w := r.want; w.completes && ran.code != 3 {
		r.complain("attack: exit: %d, and the verification was to go to its end; %s", ran.code, ran.lastWords())
	}
	if !ran.ended {
		return
	}
	if !r.want.stays {
		r.put(nil)
	}
	ran, verdicts := r.verified("restored", a)
	if ran.code != 3 || verdicts["same"] != wayRows-wayThere-2 || verdicts["differs"] != 1 || verdicts["missing"] != 1 {
		r.complain("restored: exit: %d, with the verdicts %v; %s", ran.code, verdicts, ran.lastWords())
	}
}

// verified runs a verification, and judges it. It counts the verdicts.
func (r *rig) verified(stage string, a aim) (*ranWay, map[string]int) {
	ran := r.run("verify", r.path("r.report.ndjson"))
	after := truthOf(r.Sandbox)
	nobody := aim{}
	all := nobody.harm(r.before, after)
	if !ran.ended {
		all = append(all, fmt.Sprintf("endless: it did not end within %s; %s", wayWithin, ran.lastWords()))
	} else if !slices.Contains([]int{0, 1, 3}, ran.code) {
		all = append(all, fmt.Sprintf("exit: %d; %s", ran.code, ran.lastWords()))
	}
	told, err := readTold(r.path("r.report.ndjson"))
	if err != nil {
		all = append(all, err.Error())
	}
	lines, err := readVerdicts(r.path("r.report.ndjson.verify"))
	if err != nil {
		all = append(all, err.Error())
	}
	all = append(all, a.untrueVerdicts(lines, told.last, r.kept, after)...)
	verdicts := map[string]int{}
	for _, v := range lines {
		verdicts[v.Verdict]++
	}
	var numbers map[string]any
	if err := json.Unmarshal([]byte(ran.stdout), &numbers); err != nil {
		all = append(all, fmt.Sprintf("silent: the summary is %q; %s", ran.stdout, ran.lastWords()))
	} else if ran.code == 0 || ran.code == 3 {
		accounted, want := 0, len(told.doubtful)
		for name, n := range numbers {
			if f, ok := n.(float64); ok && name != "requests" && name != "duration_s" {
				accounted += int(f)
			}
		}
		for key, e := range told.last {
			if !told.doubtful[key] && (e.Status == "created" || e.Status == "updated" || e.Status == "unchanged") {
				want++
			}
		}
		if accounted < want {
			all = append(all, fmt.Sprintf("untrue: it accounts for %d rows, and the report holds %d that are in or in doubt", accounted, want))
		}
	}
	if notIn, _ := a.notDone(after); ran.code == 0 && (len(notIn) > 0 || len(told.doubtful) > 0) {
		all = append(all, fmt.Sprintf("exit: 0, and not in are %v, in doubt %d", shorten(notIn), len(told.doubtful)))
	}
	for _, c := range all {
		r.complain("%s: %s", stage, c)
	}
	return ran, verdicts
}

// importThenVerify verifies what an import under attack left, with the API
// restored; then the import goes on.
func (r *rig) importThenVerify() {
	a := r.source(r.rows(0, wayRows, "Name"))
	r.before = truthOf(r.Sandbox)
	r.put(r.gate)
	if !r.underAttack(a, r.run(r.importArgs()...)) {
		return
	}
	r.put(nil)
	imported := r.before
	r.before = truthOf(r.Sandbox)
	ran, _ := r.verified("verify", a)
	r.before = imported
	if ran.ended {
		r.restored(a)
	}
}

// importThenUndo takes back what an import under attack left, with the API restored.
// Where it says that all is as it was, it is.
func (r *rig) importThenUndo() {
	a := r.source(r.rows(0, wayRows, "Name"))
	r.before = truthOf(r.Sandbox)
	r.put(r.gate)
	if !r.underAttack(a, r.run(r.importArgs()...)) {
		return
	}
	r.put(nil)
	imported := truthOf(r.Sandbox)
	back := aim{missing: map[string]bool{}, deletes: true}
	for id, h := range imported {
		if _, was := r.before[id]; !was {
			back.missing[h.ContactIDs[0]] = true
		}
	}
	r.before = imported
	r.undone("undo", back)
}
