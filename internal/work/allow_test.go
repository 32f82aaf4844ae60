package work

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"importer/internal/config"
)

// Each key of a configuration says what of a worker's machine it needs. Whoever adds one
// has to decide.
func TestEveryKeyHasANeed(t *testing.T) {
	keys := slices.Sorted(maps.Keys(needs))
	var all []string
	var walk func(typ reflect.Type, prefix string)
	walk = func(typ reflect.Type, prefix string) {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
			switch {
			case name == "-":
			case name == "":
				t.Errorf("%s has no key", typ.Field(i).Name)
			case typ.Field(i).Type.Kind() == reflect.Struct:
				walk(typ.Field(i).Type, prefix+name+".")
			default:
				all = append(all, prefix+name)
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
	slices.Sort(all)
	if !slices.Equal(keys, all) {
		t.Errorf("needs has %v, and a configuration %v", keys, all)
	}
}

// A key whose value is an address, a file or a variable by its name is not one that needs
// nothing.
func TestKeysThatNameSomething(t *testing.T) {
	for key, n := range needs {
		last := key[strings.LastIndexByte(key, '.')+1:]
		for _, word := range []string{"url", "file", "path", "env", "listen", "host", "proxy", "address", "store", "header"} {
			if n == nothing && strings.Contains(last, word) && key != "source.header_row" {
				t.Errorf("%s needs nothing, and its name says that it may", key)
			}
		}
	}
}

// machine is a worker's: a folder that is allowed, in which it is, and one beside it.
func machine(t *testing.T) (allowed, beside string) {
	t.Helper()
	top := t.TempDir()
	allowed, beside = filepath.Join(top, "work"), filepath.Join(top, "work-of-others")
	for path, text := range map[string]string{
		filepath.Join(allowed, "a.csv"):            "email,name\na@example.com,A\n",
		filepath.Join(allowed, "sub", "b.csv"):     "email,name\nb@example.com,B\n",
		filepath.Join(allowed, "acme"):             "0123456789abcdef\n",
		filepath.Join(allowed, "acme2"):            "\xff\xfeC\x00O\x00=\x00a\x00b\x00",
		filepath.Join(allowed, "acme.key"):         "0123456789abcdef and more\nlines\n",
		filepath.Join(allowed, "server.csv"):       "# mine\n-----BEGIN EC PRIVATE KEY-----\nabc\n",
		filepath.Join(allowed, "config.yaml"):      "store: postgres://u:p@h/d\n",
		filepath.Join(allowed, ".pgpass"):          "h:5432:d:u:p\n",
		filepath.Join(allowed, "[literal].csv"):    "email\nc@example.com\n",
		filepath.Join(beside, "secret.csv"):        "email\nsecret@example.com\n",
		filepath.Join(beside, "deep", "c.csv"):     "email\nsecret@example.com\n",
		filepath.Join(allowed, "keys", "acme.key"): "0123456789abcdef",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"link.csv": filepath.Join(beside, "secret.csv"), "relative.csv": "../work-of-others/secret.csv", "away": beside,
		"inside.csv": "sub/b.csv", "chain.csv": "link.csv", "self": "self", "environ": "/proc/self/environ",
	} {
		if err := os.Symlink(to, filepath.Join(allowed, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(allowed)
	return allowed, beside
}

// settingsOf is a job with a source, and one more line.
func settingsOf(t *testing.T, source, more string) (config.Config, error) {
	t.Helper()
	api := "base_url: https://api-trial.cognigy.ai"
	if strings.HasPrefix(more, "api.") {
		key, value, _ := strings.Cut(strings.TrimPrefix(more, "api."), ": ")
		if more = ""; key == "base_url" {
			api = ""
		}
		api += fmt.Sprintf("\n  %s: %q", key, value)
	}
	text := fmt.Sprintf("job: {name: a}\nsource: {paths: [%q]}\napi:\n  project_id: 65f0000000000000000000aa\n  %s\n%s\n", source, api, more)
	return config.OfJob("a.yaml", []byte(text))
}

// Whoever can write to the store gets neither files nor variables of a worker, nor has its
// keys sent elsewhere.
func TestWhatAJobMayUse(t *testing.T) {
	allowed, beside := machine(t)
	a := Allow{Hosts: DefaultHosts, Env: DefaultEnv, Folders: DefaultFolders}
	type try struct{ source, more string }
	for _, ok := range []try{
		{"a.csv", ""}, {"./a.csv", ""}, {"sub/b.csv", ""}, {filepath.Join(allowed, "a.csv"), ""}, {"inside.csv", ""}, {"[literal].csv", ""}, {"sub/*.csv", ""}, {"nobody*.csv", ""},
		{"a.csv", "api.base_url: https://api-acme.cognigy.cloud"}, {"a.csv", "api.base_url: https://API-APP.cognigy.ai/new"}, {"a.csv", "api.base_url: http://127.0.0.1:8787"}, {"a.csv", "api.base_url: http://[::1]:8787/gate"},
		{"a.csv", "api.api_key_env: COGNIGY_API_KEY"}, {"a.csv", "api.api_key_env: COGNIGY_API_KEY_ACME"}, {"a.csv", "api.api_key_file: keys/acme.key"},
		{"a.csv", "notify: {url: 'http://localhost:1/hook'}"}, {"a.csv", "mode: mirror\nsync: {state: ../../x.db}"},
	} {
		c, err := settingsOf(t, ok.source, ok.more)
		if err == nil {
			err = a.Check(c)
		}
		if err != nil {
			t.Errorf("%q, %q: %v", ok.source, ok.more, err)
		}
	}
	for _, bad := range []try{
		{"../work-of-others/secret.csv", ""}, {filepath.Join(beside, "secret.csv"), ""}, {"link.csv", ""}, {"relative.csv", ""}, {"chain.csv", ""}, {"away/secret.csv", ""}, {"away/deep/c.csv", ""},
		{"*.csv", ""}, {"away/*.csv", ""}, {"*/secret.csv", ""}, {"*/../../work-of-others/*.csv", ""}, {beside + "/*.csv", ""}, {"/etc/pass*", ""}, {"/etc/passwd", ""}, {"self", ""}, {"environ", ""},
		{"/proc/self/environ", ""}, {"/dev/stdin", ""}, {"-", ""}, {"a.csv\x00", ""}, {"sub/../../work-of-others/secret.csv", ""}, {allowed + "-of-others/secret.csv", ""},
		{"acme", ""}, {"acme2", ""}, {"acme.key", ""}, {"server.csv", ""}, {"config.yaml", ""}, {".pgpass", ""}, {"keys/*", ""}, {"acme*", ""},
		{"https://evil.example/a.csv", ""}, {"s3://bucket/a.csv", ""}, {"postgres://db/x", ""}, {"file:///etc/passwd", ""}, {"http://169.254.169.254/latest", ""},

		{"a.csv", "api.base_url: https://evil.example"}, {"a.csv", "api.base_url: https://evilcognigy.ai"}, {"a.csv", "api.base_url: https://cognigy.ai.evil.example"}, {"a.csv", "api.base_url: https://api-trial.cognigy.ai@evil.example"},
		{"a.csv", "api.base_url: https://evil.example#.cognigy.ai"}, {"a.csv", "api.base_url: https://evil.example/.cognigy.ai"}, {"a.csv", "api.base_url: https://evil.example?.cognigy.ai"}, {"a.csv", `api.base_url: https://evil.example\.cognigy.ai`},
		{"a.csv", "api.base_url: http://api-trial.cognigy.ai"}, {"a.csv", "api.base_url: https://endpoint-trial.cognigy.ai/token"}, {"a.csv", "api.base_url: https://endpoint.cognigy.cloud"}, {"a.csv", "api.base_url: https://api-trial.cognigy.ai/mine"},
		{"a.csv", "api.base_url: https://api-trial.cognigy.ai:8443"}, {"a.csv", "api.base_url: https://localhost.evil.example"}, {"a.csv", "api.base_url: https://a.localhost"}, {"a.csv", "api.base_url: http://10.0.0.1"}, {"a.csv", "api.base_url: http://0.0.0.0:8787"}, {"a.csv", "api.base_url: "},
		{"a.csv", "api.api_key_env: HOME"}, {"a.csv", "api.api_key_env: PGPASSWORD"}, {"a.csv", "api.api_key_env: COGNIGY_API_KEYS"}, {"a.csv", "api.api_key_env: AWS_SECRET_ACCESS_KEY"}, {"a.csv", "api.api_key_env: 'COGNIGY_API_KEY_ A'"},
		{"a.csv", "api.api_key_file: /etc/shadow"}, {"a.csv", "api.api_key_file: link.csv"}, {"a.csv", "api.ca_file: ../work-of-others/secret.csv"}, {"a.csv", "api.client_key_file: /root/.ssh/id_rsa"}, {"a.csv", "api.client_cert_file: environ"},
		{"a.csv", "notify: {url: 'https://evil.example/hook'}"}, {"a.csv", "notify: {url: 'https://u:p@api.cognigy.ai/hook'}"}, {"a.csv", "notify: {url: 'http://169.254.169.254/'}"},
		{"https://endpoint-trial.cognigy.ai/mine.csv", ""}, {"x://evil/a.csv", ""},
		{"a.csv", "metrics: {textfile: a.prom}"}, {"a.csv", "metrics: {listen: ':80'}"}, {"a.csv", "store: postgres://evil/x"}, {"a.csv", "lease: 1h"}, {"a.csv", "report: {path: ../x}"}, {"a.csv", "log: {level: trace}"}, {"a.csv", "progress: bar"}, {"a.csv", "limit: 5"},
	} {
		c, err := settingsOf(t, bad.source, bad.more)
		if err == nil {
			err = a.Check(c)
		}
		if err == nil {
			t.Errorf("%q, %q is allowed", bad.source, bad.more)
		} else if strings.Contains(err.Error(), "secret@example.com") || strings.Contains(err.Error(), "u:p@") {
			t.Errorf("%q, %q: %v", bad.source, bad.more, err)
		}
	}
}

// What is said of a file that is not allowed does not tell whether it is there.
func TestFilesElsewhereAreNotTold(t *testing.T) {
	_, beside := machine(t)
	a := Allow{Folders: DefaultFolders}
	there, _ := a.within("source.paths", filepath.Join(beside, "secret.csv"))
	_, err := a.within("source.paths", filepath.Join(beside, "secret.csv"))
	_, other := a.within("source.paths", filepath.Join(beside, "nobody.csv"))
	if there != "" || err == nil || other == nil || strings.ReplaceAll(err.Error(), "secret", "nobody") != other.Error() {
		t.Errorf("%v\n%v", err, other)
	}
}

// What a worker is told to allow takes the place of the defaults.
func TestAllowances(t *testing.T) {
	machine(t)
	for _, c := range []struct {
		allow        Allow
		source, more string
		ok           bool
	}{
		{Allow{Hosts: []string{"api.acme.example"}, Env: DefaultEnv, Folders: DefaultFolders}, "a.csv", "", false},
		{Allow{Hosts: []string{"api.acme.example"}, Env: DefaultEnv, Folders: DefaultFolders}, "a.csv", "api.base_url: https://api.acme.example/gate", true},
		{Allow{Hosts: []string{"api.acme.example:8443"}, Env: DefaultEnv, Folders: DefaultFolders}, "a.csv", "api.base_url: https://api.acme.example", false},
		{Allow{Hosts: []string{"*.acme.example"}, Env: DefaultEnv, Folders: DefaultFolders}, "a.csv", "api.base_url: https://acme.example", false},
		{Allow{Hosts: DefaultHosts, Env: []string{"ACME_KEY"}, Folders: DefaultFolders}, "a.csv", "", false}, // $COGNIGY_API_KEY
		{Allow{Hosts: DefaultHosts, Env: []string{"ACME_KEY"}, Folders: DefaultFolders}, "a.csv", "api.api_key_env: ACME_KEY", true},
		{Allow{Hosts: DefaultHosts, Env: DefaultEnv, Folders: []string{"sub"}}, "a.csv", "", false},
		{Allow{Hosts: DefaultHosts, Env: DefaultEnv, Folders: []string{"sub", "away"}}, "away/secret.csv", "", true},
		{Allow{Hosts: DefaultHosts, Env: DefaultEnv}, "a.csv", "", false},
		{Allow{Hosts: DefaultHosts, Env: DefaultEnv, Folders: []string{"nobody"}}, "a.csv", "", false},
	} {
		settings, err := settingsOf(t, c.source, c.more)
		if err == nil {
			err = c.allow.Check(settings)
		}
		if (err == nil) != c.ok {
			t.Errorf("%v, %q, %q: %v", c.allow, c.source, c.more, err)
		}
	}
	a := Allow{Hosts: []string{"s3://exports", "files.example", "postgres://db"}, Env: []string{"TOKEN_*"}}
	for text, ok := range map[string]bool{"Bearer $TOKEN_A": true, "${TOKEN_B}": true, "Bearer $HOME": false, "$TOKEN_A$PGPASSWORD": false, "${AWS_SECRET_ACCESS_KEY}": false, "text/csv": true} {
		if err := a.variablesIn("source.headers", text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, ok := range map[string]bool{
		"headers: {Authorization: Bearer $TOKEN_A}": true, "headers: {Authorization: Bearer $AWS_SECRET_ACCESS_KEY}": false, "headers: {X-A: '${HOME}'}": false,
		"s3: {endpoint: 'https://files.example'}": true, "s3: {endpoint: 'https://evil.example'}": false, "s3: {region: eu-central-1}": true, "s3: {region: evil.example/x}": false,
	} {
		c, err := config.OfJob("a.yaml", fmt.Appendf(nil, "job: {name: a}\nsource:\n  paths: ['s3://exports/a.csv']\n  %s\napi: {project_id: 65f0000000000000000000aa, base_url: 'https://files.example', api_key_env: TOKEN_KEY}\n", text))
		if err == nil {
			err = a.Check(c)
		}
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	for address, ok := range map[string]bool{"s3://exports/a.csv": true, "s3://export/a.csv": false, "s3://exports.evil/a.csv": false, "postgres://exports/x": false, "s3://exports@evil/a.csv": false, "s3://exports?x/a.csv": false, "postgres://u@db/x": true, "postgres://db/x?sslmode=require": true, "postgres://db/x?host=evil": false, "postgres://db/x?sslkey=/etc/x": false, "postgres://db/x?service=y": false, "https://files.example/a.csv": true, "https://u@files.example/a.csv": true, "https:///a.csv": false} {
		if err := a.source("source.paths", address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
