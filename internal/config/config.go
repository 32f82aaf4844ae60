// Package config makes one value of all settings: defaults, then the file, then
// the environment, then the flags, each over the one before. The file is decoded
// strictly; the result is validated once.
package config

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/goccy/go-yaml"

	"importer/internal/names"
	"importer/internal/plain"
	"importer/internal/yamlwords"
)

// Config are the settings of an import, under the names of the configuration
// file. Flags and environment variables set the same fields.
type Config struct {
	Source        Source        `yaml:"source"`
	Mapping       any           `yaml:"mapping"` // read by mapping.Decode from Text
	API           API           `yaml:"api"`
	Mode          string        `yaml:"mode"` // create, update, upsert, mirror
	Sync          Sync          `yaml:"sync"`
	Rate          string        `yaml:"rate"`       // as pace.ParseRate reads it; empty: DefaultRate, or unlimited with Sandbox
	Duplicates    string        `yaml:"duplicates"` // as contact.ParseDuplicates reads it
	RateShared    bool          `yaml:"rate_shared"`
	RatePool      string        `yaml:"rate_pool"` // with Store: the address that requests leave from; empty: whichever it is
	Store         Secret        `yaml:"store"`     // may hold a password; empty: files
	Lease         time.Duration `yaml:"lease"`     // with Store
	Workers       int           `yaml:"workers"`
	Retries       int           `yaml:"retries"`
	Limit         int64         `yaml:"limit"`      // rows that need a request; 0: all
	MaxErrors     string        `yaml:"max_errors"` // as contact.ParseMaxErrors reads it
	Tolerate      string        `yaml:"tolerate"`   // as contact.ParseMaxErrors reads it
	GiveUpAfter   time.Duration `yaml:"give_up_after"`
	GiveUpAtStart time.Duration `yaml:"give_up_at_start"`
	Existing      string        `yaml:"existing"`    // as whose.ParseDiscovery reads it
	OnConflict    string        `yaml:"on_conflict"` // as whose.ParseOnConflict reads it
	InDoubt       InDoubt       `yaml:"in_doubt"`
	Stamp         Stamp         `yaml:"stamp"`
	Report        Report        `yaml:"report"`
	Progress      string        `yaml:"progress"`
	Metrics       Metrics       `yaml:"metrics"`
	Notify        Notify        `yaml:"notify"`
	Log           Log           `yaml:"log"`
	Job           Job           `yaml:"job"` // of a file that is handed to a store; else without a meaning

	// File is where the settings were read from, and Text what stands there; empty where
	// there is no file.
	File  string `yaml:"-"`
	Text  []byte `yaml:"-"`
	Found bool   `yaml:"-"` // nobody named the file: it was in the folder
	// StateNamed is that the file or a flag names the state, and not Default.
	StateNamed bool `yaml:"-"`
	// StoreGiven is that a flag names the store, where everybody on the machine sees it.
	StoreGiven bool `yaml:"-"`
	// StoreInFile is that the store is the one that the file names.
	StoreInFile bool `yaml:"-"`
	// SourceInFile is what the file alone says of the source.
	SourceInFile Source `yaml:"-"`

	// By flag only.
	Sandbox       bool     `yaml:"-"`
	Faults        []string `yaml:"-"` // of the sandbox
	Seed          uint64   `yaml:"-"` // of the faults
	RetryRejected bool     `yaml:"-"`
	Restart       bool     `yaml:"-"`
	Adopt         bool     `yaml:"-"`
	AllowRemovals bool     `yaml:"-"`
	DryRun        bool     `yaml:"-"`
	Verbose       bool     `yaml:"-"`
	CreateFields  bool     `yaml:"-"`
	Quiet         bool     `yaml:"-"`
	JSON          bool     `yaml:"-"`
	InsecureHTTP  bool     `yaml:"-"`
}

// Source says what is read, and how.
type Source struct {
	Paths  yamlwords.Words `yaml:"paths"`  // files, globs, addresses, or "-" for standard input
	Format string          `yaml:"format"` // auto, csv, ndjson, xlsx
	// Delimiter of CSV: auto, a character, or its name, as source.ParseDelimiter reads it.
	Delimiter string `yaml:"delimiter"`
	// Encoding is auto, or a name of the IANA registry.
	Encoding   string `yaml:"encoding"`
	LazyQuotes bool   `yaml:"lazy_quotes"`
	Sheet      string `yaml:"sheet"` // of a workbook; empty: the first visible one
	// HeaderRow is the line that holds the names of the columns, from 1, or auto.
	HeaderRow string `yaml:"header_row"`
	// NullValues are cells that mean nothing, such as NULL.
	NullValues yamlwords.Words `yaml:"null_values"`
	// Headers are those of every request for https://. A value names the variable of the
	// environment that holds it, as in "Bearer $TOKEN".
	Headers map[string]string `yaml:"headers"`
	Query   string            `yaml:"query"` // that postgres:// is asked: one SELECT
	S3      S3                `yaml:"s3"`
}

// S3 says where the buckets of s3:// are. Credentials come from the usual places.
type S3 struct {
	Endpoint string `yaml:"endpoint"` // empty: $AWS_ENDPOINT_URL_S3, else AWS
	Region   string `yaml:"region"`   // empty: $AWS_REGION
}

// Sync says what the modes update, upsert and mirror do.
type Sync struct {
	State        string        `yaml:"state"`
	RefreshAfter time.Duration `yaml:"refresh_after"` // how long after its last change a profile is touched
	Missing      string        `yaml:"missing"`       // keep, deactivate, delete
	Adopted      string        `yaml:"adopted"`       // keep, remove: of those missing, profiles that were there before
	Patch        string        `yaml:"patch"`         // auto, merge, replace: what an update of the API does
	Guard        Guard         `yaml:"guard"`
}

// Guard says how many contacts a mirror removes at most without being allowed to.
type Guard struct {
	Max     int     `yaml:"max"`
	Percent float64 `yaml:"percent"`
}

// API says where profiles go.
type API struct {
	BaseURL    string        `yaml:"base_url"`
	ProjectID  string        `yaml:"project_id"`
	APIKeyFile string        `yaml:"api_key_file"`
	APIKeyEnv  string        `yaml:"api_key_env"` // the variable that holds the key; empty: DefaultKeyEnv
	Timeout    time.Duration `yaml:"timeout"`     // of one request

	// PEM files; empty: the system's authorities, and no certificate of our own.
	CAFile         string `yaml:"ca_file"`
	ClientCertFile string `yaml:"client_cert_file"`
	ClientKeyFile  string `yaml:"client_key_file"`

	// Key comes from the variable that APIKeyEnv names or from APIKeyFile, never from the
	// configuration itself.
	Key Secret `yaml:"-"`
	// KeyWarning says who else may read APIKeyFile, where Validate took the key from it.
	KeyWarning string `yaml:"-"`
}

// InDoubt says how rows are treated whose answer was lost.
type InDoubt struct {
	Settle time.Duration `yaml:"settle"`
}

// Stamp names the profile field that carries the key of each row.
type Stamp struct {
	Field string `yaml:"field"`
}

// Report says where the report goes, and what stands in it.
type Report struct {
	Path   string `yaml:"path"` // empty: in the working directory, named after the first source
	Redact bool   `yaml:"redact"`
	// KeepPrevious writes into the report what updates take away.
	KeepPrevious bool `yaml:"keep_previous"`
	// KeepNights is how many runs keep their contact data; 0 for all.
	KeepNights int `yaml:"keep_nights"`
}

// Metrics says where Prometheus finds the metrics of a run.
type Metrics struct {
	Textfile string `yaml:"textfile"` // for node_exporter; empty: none
	Listen   string `yaml:"listen"`   // HOST:PORT of the live page and /metrics; empty: none
}

// Notify says who is told how a run ended.
type Notify struct {
	URL Secret `yaml:"url"` // of many webhooks it is the password; empty: nobody
	On  string `yaml:"on"`  // always, failure, change
}

// Log says what is logged to standard error.
type Log struct {
	Level  string `yaml:"level"`  // trace, debug, info, warn, error
	Format string `yaml:"format"` // auto, console, json
}

// A Secret prints as a placeholder, whatever it is printed with.
type Secret string

func (Secret) String() string               { return "[hidden]" }
func (Secret) GoString() string             { return "[hidden]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[hidden]"), nil }

// DefaultRate is the quota of shared SaaS: 1,000 requests in any 5 minutes, for
// each IP address.
const DefaultRate = "1000/5m"

// Default is what holds where nothing is set.
func Default() Config {
	return Config{
		Mode: "create",
		Sync: Sync{
			State: "importer.state.db", RefreshAfter: 25 * 24 * time.Hour, Missing: "deactivate", Adopted: "keep", Patch: "auto", Guard: Guard{Max: 100, Percent: 5},
		},
		Source:      Source{Format: "auto", Delimiter: "auto", Encoding: "auto", HeaderRow: "auto"},
		API:         API{Timeout: 30 * time.Second},
		Duplicates:  "first",
		RateShared:  true,
		Lease:       30 * time.Second,
		Workers:     16,
		Retries:     5,
		MaxErrors:   "100%",
		Tolerate:    "0",
		GiveUpAfter: 10 * time.Minute, GiveUpAtStart: 10 * time.Second,
		Existing:   "auto",
		OnConflict: "report",
		InDoubt:    InDoubt{Settle: 30 * time.Second},
		Progress:   "auto",
		Notify:     Notify{On: "always"},
		Log:        Log{Level: "info", Format: "auto"},
	}
}

// An Error is a setting that cannot be used. Nothing was sent.
type Error struct{ err error }

// Errorf makes an Error of a message.
func Errorf(format string, args ...any) *Error { return &Error{fmt.Errorf(format, args...)} }

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// DefaultFile is read where no other file is named, if it is there.
const DefaultFile = "config.yaml"

// Load reads the file over the defaults, and the environment over the file. The
// file is path, which must then exist, else $IMPORTER_CONFIG, else DefaultFile
// if it is there and nobody else may have written it. Every error is an *Error.
func Load(path string, getenv func(string) string) (Config, error) {
	c := Default()
	named := true
	if path == "" {
		path = getenv("IMPORTER_CONFIG")
	}
	if path == "" {
		path, named = DefaultFile, false
	}
	open := os.Open
	if !named {
		open = openFound
	}
	text, err := read(path, open)
	refused := (*Error)(nil)
	switch {
	case errors.As(err, &refused):
		return Config{}, err
	case err == nil:
		if err := decode(path, text, &c); err != nil {
			return Config{}, err
		}
		c.File, c.Text, c.Found, c.SourceInFile = path, text, !named, c.Source
	case named || !errors.Is(err, os.ErrNotExist):
		return Config{}, Errorf("configuration: %w; name another file with --config or $IMPORTER_CONFIG", err)
	}
	c.API.BaseURL = cmp.Or(getenv("COGNIGY_BASE_URL"), c.API.BaseURL)
	c.API.ProjectID = cmp.Or(getenv("COGNIGY_PROJECT_ID"), c.API.ProjectID)
	if err := c.API.ReadKey(getenv); err != nil {
		return Config{}, err
	}
	c.StoreInFile = c.Store != "" && getenv("IMPORTER_STORE") == ""
	c.Store = cmp.Or(Secret(getenv("IMPORTER_STORE")), c.Store)
	return c, nil
}

// keyInFile finds a key that stands in the file itself. It looks at the text
// and not at the decoded value, so that no error can show the line before it is
// found.
var keyInFile = regexp.MustCompile(`(?im)^[^#\n]*?\b(?:x[-_])?api[-_]?key["']?\s*:`)

func decode(path string, text []byte, c *Config) error {
	if at := keyInFile.FindIndex(text); at != nil {
		line := 1 + strings.Count(string(text[:at[1]]), "\n")
		return Errorf("%s:%d: the API key must not stand in the configuration: put it into a file of its own, readable by you alone, and name that file in api.api_key_file, or set $COGNIGY_API_KEY", path, line)
	}
	if err := checkBounds(path, text); err != nil {
		return err
	}
	if err := yaml.UnmarshalWithOptions(text, c, yaml.Strict()); err != nil {
		return explain(path, text, err)
	}
	var written map[string]any
	if err := yaml.Unmarshal(text, &written); err != nil {
		return explain(path, text, err)
	}
	if err := wrongWhole(path, text); err != nil {
		return err
	}
	if word := yamlwords.Lone(text, "$.source.null_values"); word != "" {
		return Errorf("%s: source.null_values is %s; want a list: [%[2]s]", path, word)
	}
	if sync, ok := written["sync"].(map[string]any); ok {
		c.StateNamed = sync["state"] != nil
	}
	keepDefaults(reflect.ValueOf(c).Elem(), reflect.ValueOf(Default()), written)
	return nil
}

// keepDefaults gives keys without a value, and a file without keys, the value
// they would have had if they had not been written at all: to the decoder they
// are zero.
func keepDefaults(c, byDefault reflect.Value, written map[string]any) {
	if written == nil {
		c.Set(byDefault)
		return
	}
	for i := range c.NumField() {
		name, _, _ := strings.Cut(c.Type().Field(i).Tag.Get("yaml"), ",")
		value, ok := written[name]
		section, _ := value.(map[string]any)
		switch {
		case !ok:
		case value == nil:
			c.Field(i).Set(byDefault.Field(i))
		case c.Field(i).Kind() == reflect.Struct:
			keepDefaults(c.Field(i), byDefault.Field(i), section)
		}
	}
}

// Validate checks the settings, but for those of the API, completes the rate, and
// takes the id of the project out of what was pasted.
// Every error is an *Error that names the flag, the key of the file or the
// variable to set.
func (c *Config) Validate() error {
	err := c.validate()
	if err != nil && c.Found {
		return Errorf("%w; %s, which was found in this folder, is part of the settings", err, c.File)
	}
	return err
}

func (c *Config) validate() error {
	if len(c.Source.Paths) == 0 {
		return Errorf("no source: name a file with --source FILE (source.paths), or - for standard input")
	}
	if err := c.checkChoices(); err != nil {
		return err
	}
	for _, err := range []error{
		c.Source.validate(),
		within("--limit (limit)", c.Limit, 0, 1_000_000_000_000),
		within("--workers (workers)", c.Workers, 1, 1024),
		within("--retries (retries)", c.Retries, 0, 100),
		within("report.keep_nights", c.Report.KeepNights, 0, 3650),
		within("sync.guard.max", c.Sync.Guard.Max, 0, 1_000_000_000),
		within("--timeout (api.timeout)", c.API.Timeout, 10*time.Millisecond, time.Hour),
		within("--lease (lease)", c.Lease, time.Second, time.Hour),
		within("--settle (in_doubt.settle)", c.InDoubt.Settle, 0, time.Hour),
		within("sync.refresh_after", c.Sync.RefreshAfter, 0, 365*24*time.Hour),
		within("give_up_after", c.GiveUpAfter, time.Second, 7*24*time.Hour),
		within("give_up_at_start", c.GiveUpAtStart, time.Second, 7*24*time.Hour),
		within("sync.guard.percent", c.Sync.Guard.Percent, 0, 100),
	} {
		if err != nil {
			return err
		}
	}
	c.API.ProjectID = unquoted(c.API.ProjectID)
	if found := inAddress.FindStringSubmatch(c.API.ProjectID); found != nil {
		c.API.ProjectID = found[1]
	}
	switch sync := c.Mode != "create"; {
	case sync && c.Sync.State == "":
		return Errorf("--state (sync.state) is empty; --mode %s needs a file for what the last run left", c.Mode)
	case c.AllowRemovals && c.Mode != "mirror":
		return Errorf("--allow-removals is for --mode mirror")
	case c.Mode == "update" && c.Existing == "ignore":
		return Errorf("--existing (existing) is ignore, and --mode update has to find who is there: use auto, list or lookup")
	case !sync && c.OnConflict == "merge":
		return Errorf("on_conflict is merge, and --mode create changes nothing that is there: use report or first")
	}
	if c.Rate == "" {
		c.Rate = DefaultRate
		if c.Sandbox {
			c.Rate = "unlimited"
		}
	}
	if p := c.RatePool; p != strings.TrimSpace(p) || p != plain.Line(p) || len(p) > maxPool {
		return Errorf("rate_pool is %q; want a name of at most %d bytes for the address that requests leave from, such as office", plain.Line(p), maxPool)
	}
	if err := c.API.checkKeyEnv(); err != nil {
		return err
	}
	if !c.Job.isZero() {
		if err := c.Job.validate(); err != nil {
			return err
		}
	}
	if f := c.Stamp.Field; f != "" && !names.IsField(f) {
		return Errorf("stamp.field is %q; want the internal name of a profile field: letters, digits and underscores", f)
	}
	if !c.Sandbox && (len(c.Faults) > 0 || c.Seed != 0) {
		return Errorf("--fault and --seed are for the sandbox: add --sandbox, or give them to importer sandbox")
	}
	return nil
}

func within[N int | int64 | float64 | time.Duration](name string, value, least, most N) error {
	if value >= least && value <= most { // which NaN is not
		return nil
	}
	return Errorf("%s is %v; want %v to %v", name, value, least, most)
}

// DefaultKeyEnv is the variable that holds the API key where no other is named.
const DefaultKeyEnv = "COGNIGY_API_KEY"

// variable is what the name of one may look like.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,199}$`)

// ReadKey reads the API key from the variable that the settings name, or from
// DefaultKeyEnv. Its error is an *Error.
func (a *API) ReadKey(getenv func(string) string) error {
	if err := a.checkKeyEnv(); err != nil {
		return err
	}
	a.Key = keyIn(getenv(cmp.Or(a.APIKeyEnv, DefaultKeyEnv)))
	return nil
}

// checkKeyEnv refuses what is no name of a variable. It is not shown: the key itself may
// stand there.
func (a *API) checkKeyEnv() error {
	if a.APIKeyEnv != "" && !variable.MatchString(a.APIKeyEnv) {
		return Errorf("api.api_key_env is no name of a variable, such as COGNIGY_API_KEY_ACME")
	}
	return nil
}

// Validate checks where profiles go, and reads the API key from its file. A
// command that sends nothing, or only to its own sandbox, does without. Every
// error is an *Error.
func (a *API) Validate() error {
	if a.Key == "" && a.APIKeyFile != "" {
		key, err := read(a.APIKeyFile, os.Open)
		if err != nil {
			return Errorf("api.api_key_file: %w", err)
		}
		a.Key = keyIn(string(key))
		if a.Key == "" {
			return Errorf("api.api_key_file: %s is empty", a.APIKeyFile)
		}
		a.KeyWarning = KeyFileReaders(a.APIKeyFile)
	}
	if len(a.Key) > maxKeyBytes || strings.ContainsFunc(string(a.Key), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Errorf("the API key of $%s or api.api_key_file is no single word of printable ASCII: look for a line break, a second line, or a letter of another alphabet in it", cmp.Or(a.APIKeyEnv, DefaultKeyEnv))
	}
	var missing []string
	if a.BaseURL == "" {
		missing = append(missing, "the API's URL: --base-url, api.base_url or $COGNIGY_BASE_URL, for example https://api-trial.cognigy.ai")
	}
	if a.ProjectID == "" {
		missing = append(missing, "the project: --project-id, api.project_id or $COGNIGY_PROJECT_ID, 24 characters from the project's address in the browser")
	}
	switch {
	case a.Key == "" && a.APIKeyEnv != "":
		missing = append(missing, "the API key: $"+a.APIKeyEnv+", which api.api_key_env names")
	case a.Key == "":
		missing = append(missing, "the API key: $COGNIGY_API_KEY, or a file that holds it in api.api_key_file")
	}
	if len(missing) > 0 {
		return Errorf("%w", plain.Lines("not set:\n  - "+strings.Join(missing, "\n  - ")+"\nTo try the import without a tenant, add --sandbox."))
	}
	if !names.IsProject(a.ProjectID) {
		return Errorf("--project-id (api.project_id, $COGNIGY_PROJECT_ID) is %q; want 24 characters, a to z and 0 to 9", a.ProjectID)
	}
	return nil
}

// keyName is what stands before a key in a file that a shell reads.
var keyName = regexp.MustCompile(`(?i)^(?:export\s+)?[a-z_-]*key\s*[=:]\s*`)

// keyIn is the key that a text holds, without what editors and shells put around it:
// blanks, a byte order mark, two bytes for each character, its name, quotes.
func keyIn(text string) Secret {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if b := []byte(text); len(b) >= 2 && order.Uint16(b) == 0xfeff {
			var wide []uint16
			for ; len(b) >= 2; b = b[2:] {
				wide = append(wide, order.Uint16(b))
			}
			text = string(utf16.Decode(wide))
		}
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if value := keyName.ReplaceAllString(text, ""); value != "" { // else the key ends like that
		text = value
	}
	return Secret(unquoted(text))
}

// unquoted is a text without blanks and a pair of quotes around it.
func unquoted(s string) string {
	if s = strings.TrimSpace(s); len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// maxPool bounds the name of a pool, in bytes.
const maxPool = 200

// inAddress finds the id of a project in its address in the browser.
var inAddress = regexp.MustCompile(`^https?://.*/project/([^/?#]+)`)

// maxKeyBytes bounds the API key: anything larger is not what was meant.
const maxKeyBytes = 4096
