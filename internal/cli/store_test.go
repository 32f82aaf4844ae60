package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/internal/commandline"
	"importer/internal/pgtest"
	"importer/internal/sandbox"
	"importer/internal/store"
)

const storePassword = "s3cret-of-the-store"

// A storeJob is a job whose report and state are in a store, and in no file. Its working
// folder is another one each time that it moves.
type storeJob struct {
	*job
	address string // without the password
}

// inStore makes a job of a mode with a database of its own.
func inStore(t *testing.T, s *pgtest.Server, database, mode string, o sandbox.Options) *storeJob {
	t.Helper()
	j := &storeJob{newJob(t, mode, o), s.Database(database)}
	t.Setenv("PGPASSWORD", storePassword)
	j.rename("r", "s.db")
	j.args = append(j.args, "--store", j.address, "--lease", "5s")
	j.move()
	return j
}

// rename has the runs keep their report and state under these names.
func (j *storeJob) rename(report, state string) {
	for flag, name := range map[string]string{"--report": report, "--state": state} {
		j.args[slices.Index(j.args, flag)+1] = name
	}
}

// move goes on in an empty folder, as on another machine.
func (j *storeJob) move() { j.t.Chdir(j.t.TempDir()) }

// onStore is a command about the report.
func (j *storeJob) onStore(command string, more ...string) (*ran, string) {
	return j.command(append([]string{command, "r", "--store", j.address}, more...)...)
}

// files are those of the working folder.
func (j *storeJob) files() (names []string) {
	j.t.Helper()
	all, err := os.ReadDir(".")
	if err != nil {
		j.t.Fatal(err)
	}
	for _, f := range all {
		names = append(names, f.Name())
	}
	return names
}

func TestStore(t *testing.T) {
	server := pgtest.Start(t, pgtest.Password(storePassword))
	for name, try := range map[string]func(*testing.T, *pgtest.Server){
		"an import": importInStore, "a sync": syncInStore, "held": heldInStore, "two tenants": twoTenantsInStore, "the password": passwordOfStore,
		"refused": refusedStores, "doctor": doctorOfStore, "rejects": rejectsOfStore, "the quota": quotaInStore, "without tables": storeWithoutTables,
		"reports": reportsOfStore, "rejects kept": rejectsKept, "to the store": toStore, "purged": purgedInStore, "erased": erasedInStore, "redacted": redactedInStore,
	} {
		t.Run(name, func(t *testing.T) { try(t, server) })
	}
}

// An import is resumed from anywhere, by its name; verify and undo find its report too.
func importInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "import", "create", sandbox.Options{})
	j.contacts(30)
	if r := j.must(); r.Created != 30 || r.Report != "r" {
		t.Fatalf("%s, report %q", r, r.Report)
	}
	if left := j.files(); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
	j.move()
	j.contacts(33)
	if r := j.must(); r.Created != 3 || r.DoneBefore != 30 {
		t.Errorf("elsewhere: %s", r)
	}
	if r := j.must("--report", "some/folder/r.report.ndjson"); r.DoneBefore != 33 || r.Report != "r" {
		t.Errorf("by the name of the file: %s, report %q", r, r.Report)
	}
	for _, name := range []string{"r", "r.report.ndjson", "./r.report.ndjson"} {
		r, stdout := j.command("report", name, "--store", j.address, "--format", "json")
		if r.code != exitOK || !strings.Contains(stdout, `"created": 33`) {
			t.Errorf("report %s: %s%s", name, r, stdout)
		}
	}
	if r, stdout := j.onStore("report", "--format", "csv"); r.code != exitOK || strings.Count(stdout, "\n") != 34 {
		t.Errorf("%s%s", r, stdout)
	}
	if r, stdout := j.onStore("verify", "--rate", "unlimited", "--json"); r.code != exitOK || !strings.Contains(stdout, `"same":33`) {
		t.Errorf("%s%s", r, stdout)
	}
	if r, stdout := j.onStore("report", "--purge"); r.code != exitOK || !strings.Contains(stdout, "r") {
		t.Errorf("%s%s", r, stdout)
	}
	if r, stdout := j.onStore("undo", "--rate", "unlimited", "--settle", "0s", "--yes", "--json"); r.code != exitOK || r.of("delete") != 33 || !strings.Contains(stdout, `"report":"r"`) {
		t.Errorf("%s%s", r, stdout)
	}
	if r, _ := j.command("report", "nothing", "--store", j.address); r.code != exitUsage || !strings.Contains(r.stderr, "has no report nothing") {
		t.Errorf("a report that is not there: %s", r)
	}
}

// The state of a sync is in the store, and the reports of the nights before are there too.
func syncInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "sync", "mirror", sandbox.Options{})
	j.contacts(20)
	if r := j.must(); r.Created != 20 {
		t.Fatal(r)
	}
	j.move()
	j.rows[3] = contactRow(3, "Somebody else")
	j.rows = slices.Delete(j.rows, 19, 20)
	if r, stdout := j.command(append([]string{"check"}, j.args...)...); r.code != exitOK || !strings.Contains(stdout, `"unchanged":20`) {
		t.Errorf("before the source changed: %s%s", r, stdout)
	}
	if r := j.must("--allow-removals"); r.Updated != 1 || r.Unchanged != 18 || r.Deactivated != 1 {
		t.Errorf("%s", r)
	}
	j.move()
	if r := j.must(); r.Unchanged != 19 || r.writes() > 0 {
		t.Errorf("%s", r)
	}
	if left := j.files(); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
	if r, stdout := j.command("report", "r.report.ndjson.1", "--store", j.address, "--format", "json"); r.code != exitOK || !strings.Contains(stdout, `"created": 20`) {
		t.Errorf("the first night: %s%s", r, stdout)
	}
	if r, stdout := j.command("undo", "r.1", "--store", j.address, "--state", "elsewhere/s.db", "--rate", "unlimited", "--settle", "0s", "--yes", "--json", "--force"); r.code != exitOK || r.of("delete") != 20 {
		t.Errorf("%s%s", r, stdout)
	}
	if r := j.run(); r.Created != 19 {
		t.Errorf("after the undo: %s", r)
	}
}

// Who holds a report or a state is named by machine, process and until when.
func heldInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "held", "upsert", sandbox.Options{})
	j.contacts(1)
	other, err := store.Open(t.Context(), store.Options{URL: j.address, Lease: time.Minute, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []store.ID{{Kind: store.KindReport, Name: "r"}, {Kind: store.KindState, Name: "s.db"}} {
		id.BaseURL, id.ProjectID = j.server.URL, j.server.ProjectID()
		claim, err := other.Claim(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		r := j.run()
		if r.code != exitLocked || r.all() > 0 || r.Status != contact.Stopped || !strings.Contains(r.stderr, host) || !strings.Contains(r.stderr, "until 20") {
			t.Errorf("%s: %s", id.Kind, r)
		}
		if err := claim.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if r := j.must(); r.Created != 1 {
		t.Errorf("given back: %s", r)
	}
	if _, err := other.Claim(t.Context(), store.ID{Kind: store.KindReport, Name: "r", BaseURL: j.server.URL, ProjectID: j.server.ProjectID()}); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"undo", "--yes"}, {"report", "--purge"}, {"report", "--purge", "--contact", "c000000@example.com"}} {
		if r, _ := j.onStore(command[0], command[1:]...); r.code != exitLocked || r.all() > 0 || !strings.Contains(r.stderr, host) {
			t.Errorf("%v: %s", command, r)
		}
	}
	if r, stdout := j.onStore("report"); r.code != exitOK || !strings.Contains(stdout, "created") {
		t.Errorf("reading what is held: %s", r)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

// Two projects have reports of one name. Which is meant, the settings say.
func twoTenantsInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "tenants", "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	k := &storeJob{newJob(t, "create", sandbox.Options{ProjectID: strings.Repeat("b", 24)}), j.address}
	k.rename("r", "s.db")
	k.args = append(k.args, "--store", k.address)
	k.contacts(5)
	if r := k.must(); r.Created != 5 || r.DoneBefore > 0 {
		t.Errorf("the second: %s", r)
	}
	if r, _ := j.onStore("report"); r.code != exitUsage || !strings.Contains(r.stderr, "2 reports r") || !strings.Contains(r.stderr, "--project-id") || !strings.Contains(r.stderr, k.server.ProjectID()) {
		t.Errorf("which of them is not said: %s", r)
	}
	if r, stdout := j.onStore("report", "--project-id", k.server.ProjectID(), "--format", "json"); r.code != exitOK || !strings.Contains(stdout, `"created": 5`) {
		t.Errorf("%s%s", r, stdout)
	}
	if r, stdout := j.onStore("verify", "--rate", "unlimited", "--json"); r.code != exitOK || !strings.Contains(stdout, `"same":3`) {
		t.Errorf("%s%s", r, stdout)
	}
	if r, _ := j.onStore("verify", "--project-id", strings.Repeat("c", 24)); r.code != exitUsage || r.all() > 0 {
		t.Errorf("of no project: %s", r)
	}
}

// A password is refused in a flag. In the variable and in the configuration it works, and
// is in nothing that anybody gets to see.
func passwordOfStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "password", "create", sandbox.Options{})
	t.Setenv("PGPASSWORD", "")
	var posted string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posted = string(b)
	}))
	defer hook.Close()
	u, err := url.Parse(j.address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), storePassword)
	secret := u.String()
	j.contacts(3)
	j.rows = append(j.rows, "nobody,N,3")
	j.args = slices.DeleteFunc(j.args, func(arg string) bool { return arg == "--json" || arg == "--store" || arg == j.address })
	keyValue := "host=" + u.Hostname() + " port=" + u.Port() + " user=" + u.User.Username() + " dbname=password sslmode=disable password='" + storePassword + "'"
	for _, given := range []string{secret, j.address + "&password=" + storePassword, keyValue} {
		r := j.runText("--store", given)
		if r.code != exitUsage || r.all() > 0 || !strings.Contains(r.stderr, "$PGPASSWORD") || strings.Contains(r.stderr, storePassword) {
			t.Errorf("in the flag: %s", r)
		}
		for _, command := range []string{"report", "verify", "undo"} {
			if r, stdout := j.command(command, "r", "--store", given); r.code != exitUsage || strings.Contains(r.stderr+stdout, storePassword) {
				t.Errorf("%s: %s", command, r)
			}
		}
	}
	if err := os.WriteFile("c.yaml", []byte("store: "+secret+"\nnotify: {url: "+hook.URL+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, stdout := j.command(append(j.args, "--config", "c.yaml", "--log-level", "trace", "--metrics-textfile", "m.prom")...); r.code != exitNotAllIn || strings.Contains(r.stderr+stdout, storePassword) {
		t.Errorf("%s%s", r, stdout)
	}
	if posted == "" || strings.Contains(posted, storePassword) {
		t.Errorf("posted: %s", posted)
	}
	for _, command := range [][]string{{"report", "r", "--config", "c.yaml"}, {"report", "r", "--config", "c.yaml", "--format", "html"}, {"doctor", "--config", "c.yaml"}, {"report", "none", "--config", "c.yaml"}} {
		if r, stdout := j.command(command...); strings.Contains(r.stderr+stdout, storePassword) || r.stderr+stdout == "" {
			t.Errorf("%v: %s%s", command, r, stdout)
		}
	}
	if dump := s.ExecIn("password", "select convert_from(lines, 'UTF8') from importer_journal") + s.ExecIn("password", "select r::text from importer_run r"); strings.Contains(dump, storePassword) || !strings.Contains(dump, "created") {
		t.Errorf("in the database: %s", dump)
	}
	for _, name := range j.files() {
		if text, err := os.ReadFile(name); err != nil || name != "c.yaml" && strings.Contains(string(text), storePassword) {
			t.Errorf("%s: %v %s", name, err, text)
		}
	}
}

// runText is run without the object of --json.
func (j *storeJob) runText(more ...string) *ran {
	j.t.Helper()
	j.write()
	r, stdout := j.command(append(slices.Clone(j.args), more...)...)
	r.stderr += stdout
	return r
}

// A store that cannot be used is told before the first request.
func refusedStores(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "refused", "create", sandbox.Options{})
	j.contacts(1)
	for _, tt := range []struct {
		store string
		code  int
		want  string
	}{
		{"mysql://db/x", exitUsage, "postgres://"},
		{"nonsense", exitUsage, "postgres://"},
		{"postgres://importer@127.0.0.1:1/x?sslmode=disable", exitStopped, "refused"},
		{strings.Replace(j.address, "/refused", "/absent", 1), exitUsage, "createdb"},
		{strings.Replace(j.address, "importer@", "nobody@", 1), exitStopped, "password"},
	} {
		r := j.run("--store", tt.store)
		if r.code != tt.code || r.all() > 0 || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%s: %s", tt.store, r)
		}
	}
	for _, name := range []string{".report.ndjson", "/", ".", "folder/.report.ndjson"} {
		if r := j.run("--report", name); r.code != exitUsage || !strings.Contains(r.stderr, "--report") {
			t.Errorf("a report %q: %s", name, r)
		}
	}
	if r := j.run("--lease", "10ms"); r.code != exitUsage || !strings.Contains(r.stderr, "--lease") {
		t.Errorf("a short lease: %s", r)
	}
	if r, _ := j.command("report", "postgres://u:"+storePassword+"@db/x"); r.code != exitUsage || strings.Contains(r.stderr, storePassword) || !strings.Contains(r.stderr, "--store") {
		t.Errorf("an address in the place of a name: %s", r)
	}
}

// The check of doctor changes nothing in a store.
func doctorOfStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "doctor", "create", sandbox.Options{})
	args := []string{"doctor", "--base-url", j.server.URL, "--project-id", j.server.ProjectID(), "--json"}
	check := func(name string, more ...string) (status, detail string) {
		t.Helper()
		r, stdout := j.command(append(args, more...)...)
		var result struct {
			Checks []struct{ Name, Status, Detail, Hint string }
		}
		if err := json.Unmarshal([]byte(stdout), &result); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		for _, c := range result.Checks {
			if c.Name == name {
				return c.Status, c.Detail + "; " + c.Hint
			}
		}
		return "", ""
	}
	if status, _ := check("store"); status != "" {
		t.Errorf("without a store: %s", status)
	}
	if status, text := check("store", "--store", j.address); status != "ok" || !strings.Contains(text, "PostgreSQL") || !strings.Contains(text, "the first run makes them") {
		t.Errorf("before the first run: %s %s", status, text)
	}
	if tables := s.ExecIn("doctor", "select count(*) from pg_tables where schemaname = 'public'"); strings.TrimSpace(tables) != "0" {
		t.Errorf("doctor made %s tables", tables)
	}
	j.contacts(2)
	j.must()
	if status, text := check("store", "--store", j.address); status != "ok" || !strings.Contains(text, "1 run or state") || !strings.Contains(text, "kB") {
		t.Errorf("after it: %s %s", status, text)
	}
	if status, text := check("quota", "--store", j.address, "--rate", "100/1m"); status != "ok" || !strings.Contains(text, "by the runs that use the store") {
		t.Errorf("the quota: %s %s", status, text)
	}
	if status, text := check("store", "--store", "postgres://importer@127.0.0.1:1/x?sslmode=disable"); status != "fail" || !strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("one that is not there: %s %s", status, text)
	}
}

// Refused rows lie in a file of the working folder, and go into the report that they came
// from, wherever that file is.
func rejectsOfStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "rejects", "create", sandbox.Options{})
	j.contacts(2)
	j.rows = append(j.rows, "nobody,N,3")
	r := j.run()
	if r.code != exitNotAllIn || r.Rejects != "r.rejects.csv" {
		t.Fatalf("%s: %s", r, r.Rejects)
	}
	text, err := os.ReadFile(r.Rejects)
	if err != nil {
		t.Fatal(err)
	}
	j.move()
	if r, stdout := j.command(slices.DeleteFunc(slices.Clone(j.args), func(arg string) bool { return arg == "--json" })...); r.code != exitNotAllIn ||
		!strings.Contains(stdout, "--source r.rejects.csv") || !strings.Contains(stdout, "--store "+commandline.Quote(j.address)) {
		t.Errorf("what to type next: %s%s", r, stdout)
	}
	fixed := strings.Replace(string(text), "nobody", "somebody@example.com", 1)
	if err := os.WriteFile("r.rejects.csv", []byte(fixed), 0o600); err != nil {
		t.Fatal(err)
	}
	fed := j.of("r.rejects.csv")
	if fed.code != exitOK || fed.Created != 1 || fed.Report != "r" {
		t.Errorf("%s, report %q", fed, fed.Report)
	}
	if err := os.Remove("r.rejects.csv"); err != nil {
		t.Fatal(err)
	}
	j.rows[2] = "somebody@example.com,N,3"
	if r := j.must(); r.DoneBefore != 3 {
		t.Errorf("%s", r)
	}
}

// Runs with a store share the quota by way of it, and not by way of a file.
func quotaInStore(t *testing.T, s *pgtest.Server) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	j := inStore(t, s, "quota", "create", sandbox.Options{})
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("rate_pool: office\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.contacts(2)
	j.must("--rate", "1000/1m", "--config", config)
	if pools := s.ExecIn("quota", "select pool from importer_quota"); strings.Count(pools, "\n") > 1 || !strings.Contains(pools, "office") {
		t.Errorf("pools: %s", pools)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "importer", "quota", "*")); len(left) > 0 {
		t.Errorf("a ledger in files: %v", left)
	}
}

// What reads a report from an empty database says that there is none.
func storeWithoutTables(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "empty", "create", sandbox.Options{})
	if r, _ := j.onStore("report"); r.code != exitUsage || !strings.Contains(r.stderr, "has no report r") {
		t.Errorf("%s", r)
	}
	j.contacts(2)
	j.write()
	if r, stdout := j.command(append([]string{"check"}, j.args...)...); r.code != exitOK || !strings.Contains(stdout, `"created":2`) {
		t.Errorf("%s%s", r, stdout)
	}
}
