package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"importer/internal/plain"
	"importer/internal/sandbox"
)

// stranger is what strangers write: every character of C0 and C1, those that turn the
// direction of text, and those that have no width. It begins as a formula does. A line
// feed or tab in it is known by what stands around it.
var stranger = func() string {
	s := "=Q\nQ\tQ"
	for r := rune(1); r < 0xa0; r++ {
		if (r < ' ' || r >= 0x7f) && r != '\n' && r != '\t' {
			s += string(r)
		}
	}
	return s + "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u3164\ufeff\U000e0001"
}()

// inXML is stranger as far as XML can hold it.
var inXML = strings.NewReplacer("\n", "&#10;", "\t", "&#9;", "\r", "&#13;").Replace(strings.Map(func(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
		return -1
	}
	return r
}, stranger))

// inJSON is a text as JSON, with nothing escaped that need not be.
func inJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text has no error
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029", `\u007f`, "\x7f").Replace(strings.TrimSpace(b.String()))
}

// rawIn finds what may not be shown in what was written for people, or for a log.
func rawIn(text string) string {
	for i, r := range text {
		if !plain.Is(r) && r != '\n' && r != '\t' || r == '\ufffd' && !strings.HasPrefix(text[i:], "\ufffd") {
			return fmt.Sprintf("%U in %q", r, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	for _, own := range []string{"Q\nQ", "Q\tQ"} {
		if i := strings.Index(text, own); i >= 0 {
			return fmt.Sprintf("%q in %q", own, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	return ""
}

// phoneNumber is what stands as it is in a table: a CRM knows a contact by it.
var phoneNumber = regexp.MustCompile(`^\+[0-9 ()/.-]+$`)

// formulas finds cells of a table that a spreadsheet would run.
func formulas(t *testing.T, text string) (found []string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Errorf("the table cannot be read: %v", err)
	}
	for _, record := range records {
		for _, cell := range record {
			if bare := strings.TrimLeft(cell, " \n\r\t"); bare != cell || bare != "" && strings.ContainsRune("=+-@＝", []rune(bare)[0]) && !phoneNumber.MatchString(bare) {
				found = append(found, cell)
			}
		}
	}
	return found
}

// An outside is a folder in which a stranger has written something, and commands that come
// upon it.
type outside struct {
	*testing.T
	env   map[string]string
	shown atomic.Int64 // how many commands showed something of the stranger
}

func newOutside(t *testing.T) *outside {
	return &outside{T: t, env: map[string]string{"COGNIGY_API_KEY": "sandbox", "XDG_STATE_HOME": t.TempDir(), "XDG_CACHE_HOME": t.TempDir()}}
}

func (o *outside) write(name, text string) {
	o.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		o.Fatal(err)
	}
}

func (o *outside) read(name string) string {
	o.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		o.Error(err)
	}
	return string(b)
}

// does runs a command, and looks at all that it writes: to its streams, and into the files
// that are there afterwards.
func (o *outside) does(args ...string) (stdout, stderr string) {
	o.Helper()
	var out, errs bytes.Buffer
	code := run(o.Context(), args, func(name string) string { return o.env[name] }, strings.NewReader(""), &out, &errs)
	if strings.Contains(out.String()+errs.String(), "=Q") {
		o.shown.Add(1)
	}
	if code < 0 || code > 4 {
		o.Errorf("%q: exit code %d", args, code)
	}
	table := strings.Contains(strings.Join(args, " "), "--format csv")
	if what := rawIn(out.String()); what != "" && !table {
		o.Errorf("%q: on standard output: %s", args, what)
	}
	if what := rawIn(errs.String()); what != "" {
		o.Errorf("%q: on standard error: %s", args, what)
	}
	if found := []string(nil); table {
		if found = formulas(o.T, out.String()); found != nil {
			o.Errorf("%q: formulas: %q", args, found)
		}
	}
	for _, line := range strings.Split(errs.String(), "\n") {
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			o.Errorf("%q: a line of the log is no JSON: %s", args, line)
		}
	}
	return out.String(), errs.String()
}

// all runs the commands that read a source, and those that read the report of it.
func (o *outside) all(source string, more ...string) {
	o.Helper()
	with := func(command string, args ...string) (string, string) {
		return o.does(append(append(strings.Fields(command), args...), more...)...)
	}
	for _, log := range []string{"--log-format=json", "--log-format=console"} {
		with("check", "--source", source, log)
		with("check --json --log-level debug", "--source", source, log)
		with("preview --row 1", "--source", source)
	}
	with("doctor", "--source", source)
	with("--sandbox --log-level debug --log-format console --report r.report.ndjson", "--source", source)
	with("--sandbox --json --log-format json --log-level debug --report s.report.ndjson", "--source", source)
	o.report("r.report.ndjson")
	if text, _ := with("init -o -", source); rawIn(text) != "" {
		o.Errorf("the configuration holds %s", rawIn(text))
	}
	if rejected, err := os.ReadFile("r.rejects.csv"); err == nil {
		if found := formulas(o.T, string(rejected)); found != nil {
			o.Errorf("formulas in the reject file: %q", found)
		}
	}
}

// report runs the commands that read a report.
func (o *outside) report(path string) {
	o.Helper()
	if _, err := os.Stat(path); err != nil {
		return
	}
	for _, format := range []string{"text", "json", "csv", "html"} {
		os.Remove("shown." + format)
		text, _ := o.does("report", path, "--format", format)
		o.does("report", path, "--format", format, "-o", "shown."+format)
		if os.IsNotExist(func() error { _, err := os.Stat("shown." + format); return err }()) {
			continue
		}
		if written := o.read("shown." + format); written != text {
			o.Errorf("%s: with -o it is\n%s\nand without\n%s", format, written, text)
		}
	}
	o.does("verify", path)
	o.does("undo", path)
	o.does("undo", path, "--yes")
}

// What strangers wrote stands raw nowhere: not on a terminal, not in the page, not where a
// table has a formula, not in YAML, not in a line of the log.
func TestOutsideText(t *testing.T) {
	for place, try := range map[string]func(o *outside){
		"file name": func(o *outside) {
			name := strings.ReplaceAll(stranger, "/", "") + ".csv"
			o.write(name, "email,age\na@example.com,3\nnobody,x\n")
			o.all(name)
			o.all("*.csv")
			o.does("--sandbox", "--source", name) // a report of its name, and a reject file
			o.report(name + ".report.ndjson")
			o.does("report", name+".report.ndjson", "--purge")
			o.does("--sandbox", "--source", name, "--restart")
			o.does("init", name, "-o", "c.yaml")
			if text := o.read("c.yaml"); rawIn(text) != "" || strings.Contains(text, "\nQ") {
				o.Errorf("the configuration holds %s", rawIn(text))
			}
			if row, _ := o.does("preview", "--config", "c.yaml", "--row", "1"); !strings.Contains(row, `"a@example.com"`) {
				o.Errorf("the configuration does not find its file: %s", row)
			}
			o.write("config.yaml", o.read("c.yaml"))
			o.does("check", "--source", name)
			o.does("init", name, "-o", stranger)
			o.does("init", name, "-o", stranger)
			o.write("bytes\x9b\xff.csv", "email\nnobody\n")
			o.all("bytes\x9b\xff.csv")
			if _, why := o.does("init", "bytes\x9b\xff.csv", "-o", "b.yaml"); !strings.Contains(why, `"bytes\x9b\xff.csv" is not UTF-8`) {
				o.Errorf("a name that no configuration can hold: %s", why)
			}
		},
		"sheet name": func(o *outside) {
			o.write("a.xlsx", strangersBook(o.T, inXML, [][]string{{"email", inXML}, {"nobody", inXML}, {"a@example.com", inXML}}))
			o.all("a.xlsx")
			o.all("a.xlsx", "--sheet", "second")
			o.does("check", "--source", "a.xlsx", "--sheet", stranger)
			o.does("check", "--source", "a.xlsx", "--sheet", "none")
		},
		"column and cell of CSV": func(o *outside) {
			quoted := `"` + strings.ReplaceAll(stranger, `"`, `""`) + `"`
			o.write("a.csv", "email,"+quoted+",age\nnobody,"+quoted+",x\n"+quoted+",,\na@example.com,"+quoted+",3\na@example.com,x,4\nb@example.com,"+quoted+","+quoted+"\n")
			o.all("a.csv")
			first := o.read("r.rejects.csv")
			o.does("--sandbox", "--source", "r.rejects.csv")
			if again := o.read("r.rejects.csv"); withoutLines(o.T, again) != withoutLines(o.T, first) {
				o.Errorf("a reject file of a reject file is\n%q\nand was\n%q", again, first)
			}
			o.does("init", "a.csv", "-o", "c.yaml")
			o.does("check", "--config", "c.yaml")
			o.does("--sandbox", "--config", "c.yaml", "--report", "c.report.ndjson")
		},
		"member and value of JSON": func(o *outside) {
			j := inJSON(stranger)
			o.write("a.ndjson", `{"email":"nobody",`+j+`:`+j+"}\n{"+j+`:`+j+`,"email":`+j+"}\n{"+`"contactIds":[`+j+`],"age":"x"`+"}\n{"+`"email":"a@example.com",`+j+`:{`+j+`:`+j+"}}\n["+j+"]\n"+stranger+"\n")
			o.all("a.ndjson")
			o.write("b.ndjson", `{"contactIds":["a"],"profile":{"firstname":`+j+`,"memories":[`+j+"]}}\n")
			o.all("b.ndjson")
		},
		"text that is no table": func(o *outside) {
			o.write("a.csv", stranger+"\n"+stranger+"\n")
			o.all("a.csv")
			o.write("b.txt", "<?xml "+stranger)
			o.all("b.txt")
		},
		"argument": func(o *outside) {
			o.write("a.csv", "email\na@example.com\n")
			for _, s := range []string{stranger, "\x9b\xff"} {
				flags := []string{"source", "format", "delimiter", "encoding", "sheet", "header-row", "limit", "config", "base-url", "project-id", "mode", "rate", "workers",
					"max-errors", "report", "existing", "settle", "state", "progress", "log-level", "log-format", "metrics-textfile", "listen", "notify", "fault", "timeout", "store", "lease"}
				for i, flag := range flags {
					o.does("--sandbox", "--source", "a.csv", "--"+flag, s)
					if i%3 == 0 { // the others are read by the same code
						o.does("check", "--source", "a.csv", "--"+flag, s)
						o.does("doctor", "--"+flag, s)
					}
				}
				for _, command := range []string{"check", "init", "preview", "report", "verify", "undo", "doctor", "sandbox", "version", "help", "completion"} {
					o.does(command, s, s)
					o.does(command, "--"+s)
					o.does(command, "--"+s+"=1")
				}
				for _, flag := range []string{"addr", "data", "rate", "fault", "ttl", "project-id", "api-key", "patch"} {
					if flag != "api-key" { // with which it would serve
						o.does("sandbox", "--addr", "127.0.0.1:0", "--"+flag, s, "--rate", "x")
					}
				}
				o.does("-" + s)
				o.does("report", "a.csv", "--format", s)
			}
		},
		"variable": func(o *outside) {
			o.write("a.csv", "email\na@example.com\n")
			for _, name := range []string{"COGNIGY_BASE_URL", "COGNIGY_PROJECT_ID", "IMPORTER_CONFIG", "COGNIGY_API_KEY", "HTTPS_PROXY", "IMPORTER_STORE"} {
				o.write("config.yaml", "give_up_at_start: 1s")
				o.env[name] = stranger
				o.does("--source", "a.csv", "--base-url", "http://127.0.0.1:1", "--project-id", "65f0000000000000000000aa")
				o.does("--source", "a.csv")
				o.does("doctor", "--source", "a.csv")
				delete(o.env, name)
			}
		},
		"key and value of the configuration": func(o *outside) {
			o.write("a.csv", "email,age\na@example.com,3\nb@example.com,x\n")
			text := plainYAML(stranger)
			for _, config := range []string{
				text + ": 1", "source: {" + text + ": 1}", "source: " + text, "source: {sheet: [" + text + "]}", "rate: " + text, "mode: " + text, "workers: " + text,
				"source: {paths: [" + text + "]}", "source: {null_values: " + text + "}", "api: {base_url: " + text + "}", "api: {api_key_file: " + text + "}", "api: {ca_file: " + text + "}",
				"sync: {state: " + text + ", missing: " + text + "}", "stamp: {field: " + text + "}", "report: {path: " + text + "}", "log: {level: " + text + "}", "notify: {url: " + text + "}", "store: " + text, "{store: postgres://db/x, rate_pool: " + text + "}",
				"mapping: {contact_ids: [" + text + "]}", "mapping: {contact_ids: [email], fields: {" + text + ": email}}", "mapping: {contact_ids: [email], fields: {age: " + text + "}}",
				"mapping: {contact_ids: [email], fields: {age: {expr: " + text + "}}}", "mapping: {contact_ids: [{column: email, type: " + text + "}]}",
				"mapping: {contact_ids: [email], custom: {x: {value: " + text + "}}}", "mapping: {skip_if: " + text + ", contact_ids: [email]}", "mapping: {" + text + ": 1}",
				"mapping: {contact_ids: [email], fields: {birthday: {column: age, layouts: [" + text + "]}}}", "a: b: " + stranger, stranger, "# " + stranger + "\nx: [", "x: \"" + strings.ReplaceAll(stranger, "\"", ""),
			} {
				o.write("config.yaml", config)
				o.does("check", "--source", "a.csv", "--log-format", "console")
				o.does("--source", "a.csv", "--sandbox", "--report", "r.report.ndjson", "--restart", "--json", "--log-format", "json")
				o.does("doctor", "--source", "a.csv")
				o.does("preview", "--source", "a.csv")
			}
		},
		"answer of the API":          (*outside).answers,
		"head of an answer":          (*outside).heads,
		"line of a report":           (*outside).lines,
		"profile that the API holds": (*outside).profiles,
		"verdicts beside a report": func(o *outside) {
			o.lines()
			o.write("r.report.ndjson.verify", stranger)
			o.report("r.report.ndjson")
		},
		"name of a report and folder": (*outside).names,
	} {
		t.Run(place, func(t *testing.T) {
			t.Chdir(t.TempDir())
			o := newOutside(t)
			try(o)
			if o.shown.Load() < 3 {
				t.Errorf("only %d commands showed something of the stranger", o.shown.Load())
			}
		})
	}
}

func (o *outside) names() {
	o.write("a.csv", "email\na@example.com\nnobody\n")
	report := stranger[:60] + ".report.ndjson"
	o.does("--sandbox", "--source", "a.csv", "--report", report)
	o.does("--sandbox", "--source", "a.csv", "--report", report, "--restart")
	o.does("--sandbox", "--source", "a.csv", "--report", report, "--mode", "upsert", "--state", stranger)
	o.report(report)
	o.does("report", report, "--purge")
	o.does("report", report, "-o", filepath.Join(stranger, "x"))
	o.does("report", filepath.Join(stranger, "x"))
}

// plainYAML is a text in double quotes of YAML.
func plainYAML(s string) string {
	var b strings.Builder
	for _, r := range s {
		if plain.Is(r) && r != '"' && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	return `"` + b.String() + `"`
}

// withoutLines is a table without the columns that say where its rows stood.
func withoutLines(t *testing.T, text string) string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Error(err)
	}
	for _, record := range records[min(1, len(records)):] {
		_, ref, _ := strings.Cut(record[len(record)-1], ".") // behind the run
		record[len(record)-6], record[len(record)-3], record[len(record)-1] = "", "", ref
	}
	return fmt.Sprintf("%q", records)
}

// answers are those of an API that says what strangers say, wherever it can.
func (o *outside) answers() {
	j := inJSON(stranger)
	const id = "65f000000000000000000001"
	o.write("a.csv", "email,age,shoe\na@example.com,3,x\nnobody,x,x\n")
	o.write("m.yaml", "{give_up_at_start: 1s, give_up_after: 1s, mapping: {contact_ids: [email], fields: {age: age}, custom: {shoe: {column: shoe, type: string}}}}")
	for _, body := range []string{
		`{"_id":` + j + `,"contactIds":[` + j + `],"profile":{}}`,
		`{"_id":"` + id + `","contactIds":[` + j + `],"profile":{` + j + `:` + j + `}}`,
		`{"items":[{"_id":` + j + `,"contactIds":["a@example.com"],"profile":{}}],"total":1}`,
		`{"items":[{"_id":"` + id + `","contactIds":["a@example.com",` + j + `],"profile":{"age":` + j + `,` + j + `:` + j + `}}],"total":1}`,
		`{"items":[],"total":` + j + `,"nextCursor":` + j + `}`,
		`{"schema":{` + j + `:` + j + `},"details":[{"field":` + j + `,"internal":` + j + `,"type":` + j + `}]}`,
		`{"schema":{"shoe":` + j + `},"details":[{"field":"shoe","internal":"shoe","type":` + j + `}]}`,
		`{"title":` + j + `,"detail":` + j + `,"code":1005,"traceId":` + j + `,"details":{"field":` + j + `}}`,
		`{"detail":` + j + `,"code":` + j + `,"status":` + j + `}`,
		`{"detail":"field '` + strings.Trim(j, `"`) + `' is not allowed","code":1005}`,
		`{"message":` + j + `}`, `{` + j + `:1}`, `{"items":[{` + j + `:1}]}`, stranger, "<title>" + stranger + "</title>", "<html>" + stranger,
	} {
		for _, status := range []int{200, 400, 502} {
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				if strings.HasPrefix(body, "<") {
					w.Header().Set("Content-Type", "text/html")
				}
				if r.Method == http.MethodGet && status != 200 && status != 401 { // the creates are reached
					_, _ = io.WriteString(w, `{"items":[],"total":0,"schema":{"shoe":"string"},"details":[]}`)
					return
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}))
			o.ask(".", api.URL)
			api.Close()
		}
	}
}

// profiles are those of an API that a stranger changed after they were imported.
func (o *outside) profiles() {
	api, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{})
	if err != nil {
		o.Fatal(err)
	}
	defer api.Close()
	o.env["COGNIGY_API_KEY"], o.env["COGNIGY_BASE_URL"], o.env["COGNIGY_PROJECT_ID"] = api.APIKey(), api.URL, api.ProjectID()
	request := func(method, path, body string) string {
		r, err := http.NewRequestWithContext(o.Context(), method, api.URL+path, strings.NewReader(body))
		if err != nil {
			o.Fatal(err)
		}
		r.Header = http.Header{"X-Api-Key": {api.APIKey()}, "Content-Type": {"application/json"}}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			o.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode/100 != 2 {
			o.Fatalf("%s %s: %s %s, %v", method, path, answer.Status, text, err)
		}
		return string(text)
	}
	o.write("config.yaml", "report: {keep_previous: true}\nin_doubt: {settle: 0s}\nrate: unlimited\nlog: {level: debug, format: console}")
	o.write("a.csv", "email,first name\na@example.com,Ann\n")
	o.does("--source", "a.csv", "--mode", "upsert", "--report", "r.report.ndjson")
	created := regexp.MustCompile(`"_id":"(\w+)"`).FindStringSubmatch(o.read("r.report.ndjson"))
	if created == nil {
		o.Fatal("nobody was created")
	}
	j := inJSON(stranger)
	request(http.MethodPatch, "/new/v2.0/profiles/"+created[1], `{"contactIds":["a@example.com",`+j+`],"profile":{"firstname":`+j+`,"lastname":`+j+`}}`)
	request(http.MethodPost, "/new/v2.0/profiles", `{"projectId":"`+api.ProjectID()+`","contactIds":[`+inJSON("2"+stranger)+`],"profile":{"firstname":`+j+`}}`)
	o.does("verify", "r.report.ndjson")
	o.does("verify", "r.report.ndjson", "--json")
	o.write("a.csv", "email,first name\na@example.com,Bob\nb@example.com,Ann\n")
	o.does("check", "--source", "a.csv", "--mode", "upsert", "--verbose")
	o.does("check", "--source", "a.csv", "--mode", "mirror", "--verbose")
	o.does("doctor", "--source", "a.csv")
	o.does("--source", "a.csv", "--mode", "upsert", "--report", "r.report.ndjson")
	o.does("verify", "r.report.ndjson")
	o.report("r.report.ndjson")
	if page := request(http.MethodGet, "/", ""); rawIn(page) != "" {
		o.Errorf("the page of the sandbox holds %s", rawIn(page))
	}
}

// heads are answers whose heads a stranger wrote.
func (o *outside) heads() {
	var asked sync.WaitGroup
	defer asked.Wait()
	field := strings.NewReplacer("\n", "", "\r", "").Replace(stranger)
	for _, head := range []string{
		"HTTP/1.1 429 " + field, "HTTP/1.1 302 Found\r\nLocation: http://" + field, "HTTP/1.1 302 Found\r\nLocation: http://a" + stranger[len(stranger)-40:] + "/", "HTTP/1.1 503 x\r\nRetry-After: " + field,
		"HTTP/1.1 200 OK\r\nContent-Type: " + field, "HTTP/1.1 200 OK\r\nContent-Type: text/" + stranger[len(stranger)-40:], field, "HTTP/1.1 " + field, "HTTP/1.1 200 OK\r\n" + field + ": x",
		"HTTP/1.1 200 OK\r\nDate: " + field, "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + field, "HTTP/1.1 200 OK\r\nContent-Length: " + field, "HTTP/1.1 407 x\r\nProxy-Authenticate: " + field,
		"HTTP/1.1 200 OK\r\nContent-Encoding: " + field, "HTTP/1.1 200 OK\r\nX-RateLimit-" + stranger[len(stranger)-40:] + ": 1",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			o.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, head+"\r\nConnection: close\r\n\r\n{}")
				_ = c.Close()
			}
		}()
		asked.Go(func() {
			defer l.Close()
			dir := o.TempDir()
			o.write(filepath.Join(dir, "a.csv"), "email\na@example.com\nnobody\n")
			o.write(filepath.Join(dir, "m.yaml"), "{give_up_at_start: 1s, give_up_after: 1s, mapping: {contact_ids: [email]}}")
			o.ask(dir, "http://"+l.Addr().String())
		})
	}
}

// ask runs the commands that ask an API.
func (o *outside) ask(dir, url string) {
	o.Helper()
	source, report := filepath.Join(dir, "a.csv"), filepath.Join(dir, "r.report.ndjson")
	api := []string{"--base-url", url, "--project-id", "65f0000000000000000000aa", "--rate", "unlimited", "--retries", "0", "--settle", "0s", "--config", filepath.Join(dir, "m.yaml")}
	os.Remove(report)
	for _, args := range [][]string{
		{"--source", source, "--report", report, "--log-format", "console", "--log-level", "debug"},
		{"check", "--source", source, "--report", report},
		{"doctor", "--source", source, "--report", report},
	} {
		o.does(append(args, api...)...)
	}
	o.does("report", report)
	o.does("report", report, "--format", "html")
	if rejected, err := os.ReadFile(filepath.Join(dir, "r.rejects.csv")); err == nil {
		if found := formulas(o.T, string(rejected)); found != nil {
			o.Errorf("formulas in the reject file: %q", found)
		}
	}
}

// lines are those of reports whose every text a stranger wrote.
func (o *outside) lines() {
	j := inJSON(stranger)
	const at, key = `"at":"2026-01-02T03:04:05.000Z"`, `"key":"AAAAAAAAAAAAAAAAAAAAAQ"`
	header := `{"kind":"run","run":` + j + `,` + at + `,"version":` + j + `,"mode":` + j + `,"sources":[` + j + `],"base_url":` + j + `,"project_id":` + j + "}\n"
	failure := `"error":{"http":400,"code":1005,"field":` + j + `,"detail":` + j + `,"traceId":` + j + `,"hint":` + j + `}`
	row := func(status, more string) string {
		return `{"kind":"row",` + key + `,"digest":"AAAAAAAAAAAAAAAAAAAAAQ","source":` + j + `,"line":2,"row":1,"contactIds":[` + j + `,"=1+1","+49 30","＝1"],"status":"` + status + `","attempts":1,` + at + more + "}\n"
	}
	traffic := `{"kind":"traffic","from":"2026-01-02T03:04:05.000Z",` + at + `,"requests":[{"op":` + j + `,"operation":` + j + `,"status":200,"n":1}],"latency_ms":[[1,2]]}` + "\n"
	end := `{"kind":"end","run":` + j + `,` + at + `,"status":` + j + `,"summary":{"run":` + j + `,"status":` + j + `,"reason":` + j + `,"report":` + j + `,"rejects":` + j + "}}\n"
	own := strings.Replace(header, `"mode":`+j, `"mode":"create"`, 1)
	own = strings.Replace(strings.Replace(own, `"base_url":`+j, `"base_url":"http://127.0.0.1:1"`, 1), `"project_id":`+j, `"project_id":"65f0000000000000000000aa"`, 1)
	for _, text := range []string{stranger + "\n", `{"kind":` + j + "}\n", `{"kind":` + j + `,` + at + "}\n" + header} {
		o.write("r.report.ndjson", text)
		o.report("r.report.ndjson")
	}
	o.write("a.csv", "email\na@example.com\n")
	for _, header := range []string{header, own} {
		for _, lines := range []string{
			row("created", `,"_id":"65f000000000000000000001","doubt":`+j+`,"found":true`) + traffic + end,
			row("created", `,"_id":`+j),
			row("rejected", `,`+failure) + row("invalid", `,`+failure) + row("duplicate", `,"differs":true,"first":{"source":`+j+`,"line":1}`) + end,
			row("unknown", `,"doubt":`+j+`,`+failure),
			`{"kind":` + j + `,` + at + "}\n",
			row("created", `,"lastChanged":`+j), row(strings.Trim(j, `"`), ""), stranger + "\n",
		} {
			o.write("r.report.ndjson", header+lines)
			o.report("r.report.ndjson")
			api := []string{"--source", "a.csv", "--report", "r.report.ndjson", "--base-url", "http://127.0.0.1:1", "--project-id", "65f0000000000000000000aa"}
			o.does(append([]string{"check"}, api...)...)
			o.does(append(api, "--sandbox")...)
		}
	}
}

// strangersBook has two sheets of texts that XML can hold, the first of the given name.
func strangersBook(t *testing.T, name string, rows [][]string) string {
	t.Helper()
	var sheet strings.Builder
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for i, row := range rows {
		sheet.WriteString(`<row r="` + strconv.Itoa(i+1) + `">`)
		for j, cell := range row {
			fmt.Fprintf(&sheet, `<c r="%c%d" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, 'A'+j, i+1, cell)
		}
		sheet.WriteString(`</row>`)
	}
	sheet.WriteString(`</sheetData></worksheet>`)
	const relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for part, text := range map[string]string{
		"[Content_Types].xml":        `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
		"_rels/.rels":                `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + relations + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="` + relations + `"><sheets><sheet name="` + name + `" sheetId="1" r:id="rId1"/><sheet name="second" sheetId="2" r:id="rId2"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + relations + `/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + relations + `/worksheet" Target="worksheets/sheet2.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml":   sheet.String(),
		"xl/worksheets/sheet2.xml":   sheet.String(),
	} {
		f, err := w.Create(part)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
