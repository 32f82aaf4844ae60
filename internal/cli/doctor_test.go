package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"importer/internal/doctor"
	"importer/internal/probe"
	"importer/internal/sandbox"
)

// A patient is what doctor is asked about: a working sandbox, unless a test spoils it.
type patient struct {
	t      *testing.T
	server *sandbox.Server
	dir    string
	env    map[string]string
	args   []string
	front  *httptest.Server
}

func newPatient(t *testing.T, o sandbox.Options) *patient {
	t.Helper()
	server, err := sandbox.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &patient{t: t, server: server, dir: t.TempDir()}
	p.env = map[string]string{"COGNIGY_BASE_URL": server.URL, "COGNIGY_API_KEY": server.APIKey(), "COGNIGY_PROJECT_ID": server.ProjectID(), "XDG_STATE_HOME": p.dir}
	p.args = []string{"doctor", "--report", p.path("r.report.ndjson"), "--rate", "unlimited"}
	return p
}

func (p *patient) path(name string) string { return filepath.Join(p.dir, name) }

func (p *patient) write(name, text string) string {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return p.path(name)
}

// add adds flags.
func (p *patient) add(args ...string) { p.args = append(p.args, args...) }

// behind puts a server in front of the sandbox, which may answer in its place.
func (p *patient) behind(config *tls.Config, answer func(w http.ResponseWriter, r *http.Request, pass http.Handler)) {
	to, err := url.Parse(p.server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	p.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, pass) }))
	p.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	if p.front.TLS = config; config != nil {
		p.front.StartTLS()
	} else {
		p.front.Start()
	}
	p.t.Cleanup(p.front.Close)
	p.env["COGNIGY_BASE_URL"] = p.front.URL
}

func passes(w http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(w, r) }

// certified has the sandbox stand behind TLS with a certificate of that host, which
// the settings trust.
func (p *patient) certified(ip net.IP, issuer string, ends time.Time) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: issuer}, IPAddresses: []net.IP{ip},
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	p.behind(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}, passes)
	p.add("--config", p.write("tls.yaml", "api: {ca_file: "+p.path("ca.pem")+"}\n"))
}

// An examined is what doctor said.
type examined struct {
	Checks []doctor.Check
	OK     bool
	Probe  []probe.Finding
	code   int
	text   string // of standard output and standard error
}

func (p *patient) run(ctx context.Context, more ...string) examined {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	err := Execute(ctx, append(append([]string{}, p.args...), more...), Env{Getenv: func(name string) string { return p.env[name] }, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	var x examined
	x.code, _ = ExitCode(err)
	x.text = stdout.String() + stderr.String()
	if err != nil {
		x.text += err.Error()
	}
	if strings.Contains(strings.Join(more, " "), "--json") {
		if err := json.Unmarshal(stdout.Bytes(), &x); err != nil {
			p.t.Fatalf("%v in %s", err, x.text)
		}
	}
	return x
}

// problem answers as the API does.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": status, "detail": detail})
}

// Of whatever is not in place exactly one check says so, under its name and with what
// to do; all before it are well.
func TestDoctor(t *testing.T) {
	soon := time.Now().Add(24 * time.Hour)
	later := time.Now().Add(90 * 24 * time.Hour)
	here := net.IPv4(127, 0, 0, 1)
	for _, c := range []struct {
		name   string
		spoil  func(p *patient)
		check  string // that is not ok; empty: all are
		status doctor.Status
		says   []string
	}{
		{"a working sandbox", func(p *patient) {}, "", "", nil},
		{"a working sandbox with a source", func(p *patient) { p.add("--source", p.write("a.csv", "email,firstname\na@example.com,Ada\n")) }, "", "", nil},
		{"a working sandbox behind TLS", func(p *patient) { p.certified(here, "company", later) }, "", "", nil},
		{"in this process", func(p *patient) { p.add("--sandbox") }, "", "", nil},
		{"no base URL", func(p *patient) { delete(p.env, "COGNIGY_BASE_URL") }, "settings", doctor.Fail, []string{"--base-url"}},
		{"no key", func(p *patient) { delete(p.env, "COGNIGY_API_KEY") }, "settings", doctor.Fail, []string{"$COGNIGY_API_KEY"}},
		{"an unknown setting", func(p *patient) { p.add("--config", p.write("c.yaml", "wrkers: 3\n")) }, "settings", doctor.Fail, []string{"wrkers"}},
		{"a setting out of range", func(p *patient) { p.add("--workers", "0") }, "settings", doctor.Fail, []string{"--workers"}},
		{"a base URL without a scheme", func(p *patient) { p.env["COGNIGY_BASE_URL"] = "api-trial.cognigy.ai" }, "settings", doctor.Fail, []string{"https://api-trial.cognigy.ai"}},
		{"a base URL that is not encrypted", func(p *patient) { p.env["COGNIGY_BASE_URL"] = "http://api.example.invalid" }, "settings", doctor.Fail, []string{"--insecure-http"}},
		{"a key file that others may read", func(p *patient) {
			delete(p.env, "COGNIGY_API_KEY")
			err := os.Chmod(p.write("key", p.server.APIKey()), 0o644)
			if err != nil || runtime.GOOS == "windows" {
				p.t.Skip("files here have no such modes", err)
			}
			p.add("--config", p.write("c.yaml", "api: {api_key_file: "+p.path("key")+"}\n"))
		}, "settings", doctor.Warn, []string{"chmod 600"}},
		{"no folder", func(p *patient) { p.add("--report", p.path("nowhere/r.ndjson")) }, "folder", doctor.Fail, []string{"make the folder"}},
		{"a report that is a folder", func(p *patient) { p.add("--report", p.dir) }, "folder", doctor.Fail, []string{"--report"}},
		{"a read-only folder", func(p *patient) { p.add("--report", filepath.Join(p.readOnly(), "r.ndjson")) }, "folder", doctor.Fail, []string{"--report"}},
		{"a full disk", func(p *patient) {
			p.mount("size=64k")
			_ = os.WriteFile(p.path("full"), make([]byte, 1<<20), 0o600) // as far as it goes
			p.add("--report", p.path("other.ndjson"))
			p.env["XDG_STATE_HOME"] = p.t.TempDir()
		}, "folder", doctor.Fail, []string{"no space", "make room"}},
		{"little room", func(p *patient) { p.mount("size=1m"); p.env["XDG_STATE_HOME"] = p.t.TempDir() }, "folder", doctor.Warn, []string{"make room"}},
		{"a host that does not exist", func(p *patient) { p.env["COGNIGY_BASE_URL"] = "https://api.example.invalid" }, "dns", doctor.Fail, []string{"api.example.invalid", "--base-url"}},
		{"a closed port", func(p *patient) {
			closed := httptest.NewServer(nil)
			closed.Close()
			p.env["COGNIGY_BASE_URL"] = closed.URL
		}, "connect", doctor.Fail, []string{"nobody listens", "--base-url"}},
		{"TLS to a plain port", func(p *patient) {
			p.env["COGNIGY_BASE_URL"] = strings.Replace(p.server.URL, "http:", "https:", 1)
		}, "tls", doctor.Fail, []string{"speaks http://"}},
		{"a certificate of another host", func(p *patient) { p.certified(net.IPv4(10, 0, 0, 1), "company", later) }, "tls", doctor.Fail, []string{"another host", "10.0.0.1", "--base-url"}},
		{"an expired certificate", func(p *patient) { p.certified(here, "company", time.Now().Add(-48*time.Hour)) }, "tls", doctor.Fail, []string{"valid from", "clock"}},
		{"a certificate that expires soon", func(p *patient) { p.certified(here, "company", soon) }, "tls", doctor.Warn, []string{"expires in 24h"}},
		{"a certificate that nobody trusts", func(p *patient) {
			p.certified(here, "company", later)
			p.args = p.args[:len(p.args)-2]
		}, "tls", doctor.Fail, []string{"company", "api.ca_file"}},
		{"a proxy that opens TLS", func(p *patient) { p.certified(here, "Zscaler Root CA", later) }, "tls", doctor.Warn, []string{"Zscaler", "opens TLS"}},
		{"the host of the user interface", func(p *patient) { p.env["COGNIGY_BASE_URL"] = "https://app.cognigy.ai" }, "api", doctor.Fail, []string{"--base-url https://api-app.cognigy.ai"}},
		{"a user interface", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				_, _ = io.WriteString(w, "<!doctype html><title>Cognigy.AI</title><div id=root></div>")
			})
		}, "api", doctor.Fail, []string{"Cognigy.AI", "--base-url", "user interface"}},
		{"a proxy that answers HTML with 200", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<html><body>Please accept the terms of this network</body></html>")
			})
		}, "api", doctor.Fail, []string{"accept the terms", "$HTTPS_PROXY"}},
		{"another server", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.NotFound(w, r) })
		},
			"api", doctor.Fail, []string{"404", "--base-url"}},
		{"an API that fails", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { problem(w, 500, "out of order") })
		}, "api", doctor.Fail, []string{"out of order"}},
		{"a quota that is used up", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { problem(w, 429, "slow down") })
		}, "api", doctor.Warn, []string{"quota", "--rate"}},
		{"a clock that is 10 minutes off", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				recorded := httptest.NewRecorder()
				pass.ServeHTTP(recorded, r)
				for name, values := range recorded.Header() {
					w.Header()[name] = values
				}
				w.Header().Set("Date", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
				w.WriteHeader(recorded.Code)
				_, _ = recorded.Body.WriteTo(w)
			})
		}, "clock", doctor.Warn, []string{"10m0s behind", "NTP"}},
		{"a wrong key", func(p *patient) { p.env["COGNIGY_API_KEY"] = "wrong-key" }, "key", doctor.Fail, []string{"401", "$COGNIGY_API_KEY"}},
		{"a key without rights", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { problem(w, 403, "not allowed") })
		}, "key", doctor.Fail, []string{"contact_profile_admin"}},
		{"a plan that is used up", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { problem(w, 402, "buy more") })
		}, "key", doctor.Fail, []string{"buy more"}},
		{"a project that is none", func(p *patient) { p.add("--project-id", "abc") }, "project", doctor.Fail, []string{`"abc"`, "24 characters"}},
		{"a foreign project", func(p *patient) { p.add("--project-id", "65f0000000000000000000ab") }, "project", doctor.Fail, []string{"no access", "--project-id"}},
		{"a foreign project whose list is empty", func(p *patient) {
			p.behind(nil, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				if strings.Contains(r.URL.Path, "/schema/") {
					problem(w, 404, "not found")
					return
				}
				pass.ServeHTTP(w, r)
			})
		}, "project", doctor.Fail, []string{"no profile and no schema", "--project-id"}},
		{"a schema without a field", func(p *patient) {
			p.add("--config", p.write("c.yaml", "mapping: {fields: {customer_tier: Tier}}\n"), "--source", p.write("a.csv", "email,Tier\na@example.com,gold\n"))
		}, "schema", doctor.Fail, []string{"customer_tier", "--create-fields"}},
		{"a field that is spelled another way", func(p *patient) {
			p.add("--config", p.write("c.yaml", "mapping: {fields: {firstName: Vorname}}\n"))
		}, "schema", doctor.Fail, []string{"no field firstName; did you mean firstname?", "correct the names"}},
		{"no source of that name", func(p *patient) { p.add("--source", p.path("nothing.csv")) }, "source", doctor.Fail, []string{"nothing.csv"}},
		{"a source that nothing identifies", func(p *patient) { p.add("--source", p.write("a.csv", "colour\nred\n")) }, "source", doctor.Fail, []string{"colour"}},
		{"a source with a bad row", func(p *patient) {
			p.add("--source", p.write("a.csv", "email,age\na@example.com,old\nb@example.com,7\n"))
		},
			"source", doctor.Warn, []string{"2 rows, 1 would be refused", "importer check"}},
		{"a source with bad rows alone", func(p *patient) { p.add("--source", p.write("a.csv", "email,age\na@example.com,old\n")) }, "source", doctor.Fail, []string{"age"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPatient(t, sandbox.Options{})
			c.spoil(p)
			began := time.Now()
			x := p.run(t.Context(), "--json")
			var wrong []doctor.Check
			for i, check := range x.Checks {
				if check.Status != doctor.OK {
					wrong = append(wrong, check)
				}
				if i > 0 && at(t, check.Name) <= at(t, x.Checks[i-1].Name) {
					t.Errorf("%s stands behind %s", check.Name, x.Checks[i-1].Name)
				}
			}
			fails := c.status == doctor.Fail
			if x.OK == fails || x.code != map[bool]int{true: exitStopped, false: exitOK}[fails] {
				t.Errorf("ok is %t, the exit code %d", x.OK, x.code)
			}
			switch {
			case c.check == "" && len(wrong) == 0:
			case len(wrong) != 1 || wrong[0].Name != c.check || wrong[0].Status != c.status || wrong[0].Hint == "":
				t.Errorf("%+v is wrong, want %s %s\n%s", wrong, c.status, c.check, x.text)
			default:
				for _, s := range c.says {
					if !strings.Contains(wrong[0].Detail+"; "+wrong[0].Hint, s) {
						t.Errorf("it does not say %q: %s", s, wrong[0])
					}
				}
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("it took %v", took)
			}
			if strings.Contains(x.text, p.env["COGNIGY_API_KEY"]) && p.env["COGNIGY_API_KEY"] == "wrong-key" {
				t.Error("it shows the key")
			}
			text := p.run(t.Context())
			for _, check := range x.Checks {
				if !strings.Contains(text.text, string(check.Status)+"  "+strings.Repeat(" ", 4-len(check.Status))+check.Name) && !strings.Contains(text.text, check.Name) {
					t.Errorf("the text has no line of %s:\n%s", check.Name, text.text)
				}
			}
		})
	}
}

// at is the place of a check in the order that scripts rely on.
func at(t *testing.T, name string) int {
	t.Helper()
	for i, n := range []string{"settings", "folder", "quota", "dns", "connect", "tls", "api", "clock", "key", "project", "schema", "store", "source"} {
		if n == name {
			return i
		}
	}
	t.Fatalf("there is no check %s", name)
	return 0
}

// mount puts a small file system in the place of the patient's folder.
func (p *patient) mount(options string) {
	p.t.Helper()
	dir := p.t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		p.t.Skipf("a small file system cannot be mounted here: %v: %s", err, out)
	}
	p.t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			p.t.Errorf("umount: %v: %s", err, out)
		}
	})
	p.dir = dir
	p.add("--report", p.path("r.report.ndjson"))
}

// readOnly is a folder that nobody may write to, root included.
func (p *patient) readOnly() string {
	p.t.Helper()
	if os.Getuid() > 0 {
		dir := p.path("locked")
		if err := os.Mkdir(dir, 0o500); err != nil {
			p.t.Fatal(err)
		}
		return dir
	}
	old := p.dir
	p.mount("ro")
	dir := p.dir
	p.dir = old
	return dir
}

// The probe's answers are kept, and a run says that it goes by them.
func TestDoctorProbe(t *testing.T) {
	for _, patch := range []string{sandbox.PatchMerge, sandbox.PatchReplace} {
		p := newPatient(t, sandbox.Options{Patch: patch})
		x := p.run(t.Context(), "--probe", "--json")
		if x.code != exitOK || !x.OK || len(x.Probe) == 0 {
			t.Fatalf("%+v", x)
		}
		for _, f := range x.Probe {
			if f.Name == "patch" && f.Answer != patch {
				t.Errorf("patch is %q, want %q", f.Answer, patch)
			}
		}
		if left := p.server.Profiles(); len(left) > 0 {
			t.Errorf("%+v is left", left)
		}
		if text := p.run(t.Context(), "--probe"); text.code != exitOK || !strings.Contains(text.text, patch+":") {
			t.Errorf("exit code %d:\n%s", text.code, text.text)
		}
		p.args = []string{"--report", p.path("r.report.ndjson"), "--rate", "unlimited", "--source", p.write("a.csv", "email\na@example.com\n"), "--log-format", "json"}
		if x := p.run(t.Context()); x.code != exitOK || !strings.Contains(x.text, `"patch":"`+patch+`"`) || !strings.Contains(x.text, "doctor --probe") {
			t.Errorf("a run does not say what it goes by:\n%s", x.text)
		}
		// What cannot be read is told, and does without.
		files, err := filepath.Glob(p.path("importer/learned/*.json"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if x := p.run(t.Context()); x.code != exitOK || !strings.Contains(x.text, files[0]) || strings.Contains(x.text, `"patch":"`) {
			t.Errorf("a file that cannot be read:\n%s", x.text)
		}
	}
}

// A probe does not begin where something is not in place, and one that is interrupted
// keeps nothing in the place of what was known.
func TestDoctorProbeThatIsNotMade(t *testing.T) {
	p := newPatient(t, sandbox.Options{})
	p.env["COGNIGY_API_KEY"] = "wrong"
	if x := p.run(t.Context(), "--probe", "--json"); x.code != exitStopped || len(x.Probe) > 0 || p.server.Counts().Requests["create"] > 0 {
		t.Errorf("%+v", x)
	}
	p.env["COGNIGY_API_KEY"] = p.server.APIKey()
	ctx, cancel := context.WithCancelCause(t.Context())
	p.behind(nil, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(w, r)
		if r.Method == http.MethodPatch {
			cancel(&Interrupt{Signal: os.Interrupt})
		}
	})
	x := p.run(ctx, "--probe")
	if x.code != exitSignalled+2 {
		t.Errorf("exit code %d: %s", x.code, x.text)
	}
	if left := p.server.Profiles(); len(left) > 0 {
		t.Errorf("%+v is left", left)
	}
	if files, err := filepath.Glob(p.path("importer/*/*")); err != nil || len(files) > 0 {
		t.Errorf("%v is kept, %v", files, err)
	}
}

// A check says what keeps an import from working, and where it could not look.
func TestCheckLooksAtTheAPI(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(p *patient)
		code  int
		says  string
	}{
		{"all is well", func(p *patient) {}, exitOK, ""},
		{"no base URL", func(p *patient) { delete(p.env, "COGNIGY_BASE_URL") }, exitOK, "no --base-url is set (api.base_url, $COGNIGY_BASE_URL): only the file was checked"},
		{"no key", func(p *patient) { delete(p.env, "COGNIGY_API_KEY") }, exitOK, "only the file was checked: not set"},
		{"a closed port", func(p *patient) { p.env["COGNIGY_BASE_URL"] = "http://127.0.0.1:1" }, exitOK, "only the file was checked, because the API cannot be reached"},
		{"a wrong key", func(p *patient) { p.env["COGNIGY_API_KEY"] = "wrong" }, exitStopped, "an import would not work: key: "},
		{"a foreign project", func(p *patient) { p.env["COGNIGY_PROJECT_ID"] = "65f0000000000000000000ab" }, exitStopped, "an import would not work: project: "},
		{"a field that there is not", func(p *patient) { p.add("--config", p.write("c.yaml", "mapping: {fields: {firstName: Vorname}}\n")) }, exitUsage, "firstName is firstname"},
	} {
		p := newPatient(t, sandbox.Options{})
		p.args = []string{"check", "--report", p.path("r.report.ndjson"), "--rate", "unlimited", "--source", p.write("a.csv", "email,Vorname\na@example.com,Ada\n")}
		c.spoil(p)
		x := p.run(t.Context())
		if x.code != c.code || !strings.Contains(x.text, c.says) || !strings.Contains(x.text, "rows read") {
			t.Errorf("%s: exit code %d\n%s", c.name, x.code, x.text)
		}
		if alone := strings.Contains(x.text, "only the file was checked"); alone != strings.Contains(c.says, "only the file was checked") {
			t.Errorf("%s: that only the file was checked is said: %t\n%s", c.name, alone, x.text)
		}
	}
}
