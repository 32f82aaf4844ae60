package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string, env map[string]string) (Config, error) {
	t.Helper()
	return Load(writeConfig(t, text), func(name string) string { return env[name] })
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileOverDefaultsAndEnvironmentOverFile(t *testing.T) {
	c, err := load(t, "workers: 4\napi:\n  base_url: https://file.example\n  timeout: 5s\n", map[string]string{
		"COGNIGY_BASE_URL": "https://env.example", "COGNIGY_PROJECT_ID": "65f0000000000000000000aa", "COGNIGY_API_KEY": " k \n",
	})
	if err != nil {
		t.Fatal(err)
	}
	c.File, c.Text, c.Found, c.SourceInFile = "", nil, false, Source{}
	want := Default()
	want.Workers = 4
	want.API = API{BaseURL: "https://env.example", ProjectID: "65f0000000000000000000aa", Timeout: 5 * time.Second, Key: "k"}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("loaded %+v\nwant   %+v", c, want)
	}
}

func TestWhichFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	none := func(string) string { return "" }
	if c, err := Load("", none); err != nil || c.Workers != Default().Workers {
		t.Errorf("without a file: %v, %v", c, err)
	}
	if err := os.WriteFile(DefaultFile, []byte("workers: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load("", none); err != nil || c.Workers != 3 {
		t.Errorf("%s is not read: %d workers, %v", DefaultFile, c.Workers, err)
	}
	var wrong *Error
	if _, err := Load("", func(n string) string {
		return map[string]string{"IMPORTER_CONFIG": "absent.yaml"}[n]
	}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("a named file that is not there: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":        {"workers: 1\nworkerz: 2\n", []string{"workerz", "2 |"}},
		"unknown nested key": {"api:\n  url: x\n", []string{"url", "2 |"}},
		"wrong type":         {"workers: many\n", []string{"1 |", "workers"}},
		"repeated key":       {"workers: 1\nworkers: 2\n", []string{"workers", "2 |"}},
		"no YAML":            {"source: [\n", []string{"source"}},
		"key in the file":    {"workers: 1\napi:\n  api_key: s3cret-key\n", []string{":3:", "api_key_file", "COGNIGY_API_KEY"}},
		"key, flow style":    {"api: {base_url: x, apiKey: s3cret-key}\n", []string{":1:", "api_key_file"}},
		"key, quoted":        {"api:\n  'X-API-Key': s3cret-key\n", []string{":2:", "api_key_file"}},
		"a word, no list":    {"source:\n  null_values: NULL\n", []string{"source.null_values", "[NULL]"}},
		"key and an error":   {"nonsense: 1\napi:\n  api_key: s3cret-key\n", []string{":3:"}},
	} {
		_, err := load(t, c.text, nil)
		var wrong *Error
		if !errors.As(err, &wrong) {
			t.Errorf("%s: got %v, want an *Error", name, err)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not contain %q", name, err, part)
			}
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the message shows the API key: %s", name, err)
		}
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "api:\nworkers:\n", "api:\n  timeout:\n  # base_url: x\n"} {
		c, err := load(t, text, nil)
		c.File, c.Text, c.Found, c.SourceInFile = "", nil, false, Source{}
		if err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q loads as %+v, %v", text, c, err)
		}
	}
}

// valid are settings that Validate accepts.
func valid() Config {
	c := Default()
	c.Source.Paths = []string{"contacts.csv"}
	c.API = API{BaseURL: "https://api-trial.cognigy.ai", ProjectID: "65f0000000000000000000aa", Key: "k", Timeout: time.Second}
	return c
}

// validate checks all, as an import does.
func validate(c *Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return c.API.Validate()
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string // parts of the error; none: it is accepted
	}{
		"valid":            {func(c *Config) {}, nil},
		"no source":        {func(c *Config) { c.Source.Paths = nil }, []string{"--source", "source.paths"}},
		"nothing set":      {func(c *Config) { c.API = API{Timeout: time.Second} }, []string{"--base-url", "--project-id", "$COGNIGY_API_KEY", "--sandbox"}},
		"no key":           {func(c *Config) { c.API.Key = "" }, []string{"$COGNIGY_API_KEY", "api.api_key_file"}},
		"key of two lines": {func(c *Config) { c.API.Key = "a\nb" }, []string{"$COGNIGY_API_KEY"}},
		"project of 23":    {func(c *Config) { c.API.ProjectID = strings.Repeat("a", 23) }, []string{"--project-id", "24 characters"}},
		"workers":          {func(c *Config) { c.Workers = 0 }, []string{"--workers", "1 to"}},
		"retries":          {func(c *Config) { c.Retries = -1 }, []string{"--retries"}},
		"timeout":          {func(c *Config) { c.API.Timeout = 0 }, []string{"--timeout"}},
		"stamp":            {func(c *Config) { c.Stamp.Field = "import key" }, []string{"stamp.field"}},
	} {
		cfg := valid()
		c.change(&cfg)
		err := validate(&cfg)
		var wrong *Error
		if len(c.want) == 0 && err != nil || len(c.want) > 0 && !errors.As(err, &wrong) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not contain %q", name, err, part)
			}
		}
	}
}

func TestProjectAsPasted(t *testing.T) {
	const id = "65f0000000000000000000aa"
	for _, pasted := range []string{" " + id + "\t\n", `"` + id + `"`, "https://trial.cognigy.ai/project/" + id, "https://trial.cognigy.ai/project/" + id + "/65f0000000000000000000bb/contacts?x=1"} {
		cfg := valid()
		cfg.API.ProjectID = pasted
		if err := validate(&cfg); err != nil || cfg.API.ProjectID != id {
			t.Errorf("%q: %q, %v", pasted, cfg.API.ProjectID, err)
		}
	}
	cfg := valid()
	cfg.API.ProjectID = "https://trial.cognigy.ai/projects"
	if err := validate(&cfg); err == nil || !strings.Contains(err.Error(), "https://trial.cognigy.ai/projects") {
		t.Errorf("an address without a project: %v", err)
	}
}

// A key that ends as a name does is left as it is.
func TestKeysAreNotCut(t *testing.T) {
	for _, key := range []string{"aGVsbG8=", "abckey=", "a=b", "key"} {
		if got := keyIn(key); string(got) != key {
			t.Errorf("%q: %q", key, string(got))
		}
	}
}

func TestDefaultRate(t *testing.T) {
	c := valid()
	if err := c.Validate(); err != nil || c.Rate != DefaultRate {
		t.Errorf("the default rate is %q, %v", c.Rate, err)
	}
	c = valid()
	c.Sandbox = true
	if err := c.Validate(); err != nil || c.Rate != "unlimited" {
		t.Errorf("the default rate of a sandbox is %q, %v", c.Rate, err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for name, c := range map[string]struct {
		content string
		ok      bool
	}{
		"with a line end":              {"s3cret-key\r\n", true},
		"empty":                        {"\n", false},
		"two words":                    {"s3cret-key other", false},
		"UTF-8 with a mark":            {"\ufeffs3cret-key\n", true},
		"UTF-16":                       {"\xff\xfes\x003\x00c\x00r\x00e\x00t\x00-\x00k\x00e\x00y\x00\r\x00\n\x00", true},
		"UTF-16, the other":            {"\xfe\xff\x00s\x003\x00c\x00r\x00e\x00t\x00-\x00k\x00e\x00y", true},
		"in quotes":                    {`"s3cret-key"`, true},
		"in single quotes":             {"'s3cret-key' \n", true},
		"of a shell":                   {"export COGNIGY_API_KEY='s3cret-key'\n", true},
		"with its name":                {"KEY=s3cret-key\r\n", true},
		"as a header":                  {"X-API-Key: s3cret-key\n", true},
		"of a script":                  {"export COGNIGY_API_KEY=s3cret-key\nexport OTHER=1\n", false},
		"with a blank of another kind": {"s3cret\u00a0key", false},
		"large":                        {strings.Repeat("s3cret-key", 1000), false},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := valid()
		cfg.API.Key, cfg.API.APIKeyFile = "", path
		err := validate(&cfg)
		if c.ok != (err == nil) || c.ok && string(cfg.API.Key) != "s3cret-key" {
			t.Errorf("%s: key %q, %v", name, string(cfg.API.Key), err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the message shows the API key: %s", name, err)
		}
		for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg)} {
			if strings.Contains(printed, "s3cret") {
				t.Errorf("%s: the key is printed with the settings", name)
			}
		}
	}
}

// The example documents every key, and loads through the real loader.
func TestExample(t *testing.T) {
	const example = "../../config.example.yaml"
	c, err := Load(example, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"NULL", "N/A"}; !slices.Equal(c.Source.NullValues, want) {
		t.Errorf("null_values are %q", c.Source.NullValues)
	}
	c.API.APIKeyFile, c.API.Key = "", "k"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys {
		name := key.Name[strings.LastIndex(key.Name, ".")+1:]
		if !strings.Contains(string(text), name+":") {
			t.Errorf("%s does not document %s", example, key.Name)
		}
	}
}
