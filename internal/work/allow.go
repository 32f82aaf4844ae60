package work

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"importer/internal/address"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/names"
	"importer/internal/plain"
)

// Allow is what a worker lets the jobs of a store use of its machine. Whoever can write to
// the store can write a job.
type Allow struct {
	// Hosts are those that jobs may connect to: a name, a name with a port, *.domain for
	// the names below it, or the word loopback. Of a source that is no file it is the
	// beginning of the address, such as s3://bucket.
	Hosts []string
	// Env are the variables that may be read; NAME* for those that begin with it.
	Env []string
	// Folders are those whose files may be read, with all that is below them.
	Folders []string
}

// The allowances of a worker that is told of none. At the vendor's domains it is the API alone
// that is sent to: whoever has an account there can have an endpoint of his own.
var (
	DefaultHosts   = []string{"*.cognigy.ai", "*.cognigy.cloud", "loopback"}
	DefaultEnv     = []string{config.DefaultKeyEnv, config.DefaultKeyEnv + "_*"}
	DefaultFolders = []string{"."}
)

// A need is what a key of a job wants of a worker's machine.
type need int

const (
	nothing  need = iota // it says how, and not where
	own                  // it is for the worker to say: a job that sets it is refused
	host                 // the host of an address that is sent to
	api                  // the same of the API's, which gets the key
	variable             // a variable of the environment
	file                 // a file that is read
	sources              // what is imported: files, globs, addresses
	headers              // texts that name variables, as in Bearer $TOKEN
	endpoint             // the address of an object store
	region               // a part of the name of its host
)

// needs says of each key of a configuration what it needs. A key that is not here is refused.
var needs = map[string]need{
	"source.paths": sources, "source.format": nothing, "source.delimiter": nothing, "source.encoding": nothing, "source.lazy_quotes": nothing,
	"source.headers": headers, "source.query": nothing, "source.s3.endpoint": endpoint, "source.s3.region": region,
	"source.sheet": nothing, "source.header_row": nothing, "source.null_values": nothing,
	"mapping":      nothing, // columns and expressions, which reach nothing outside of their row
	"api.base_url": api, "api.project_id": nothing, "api.timeout": nothing,
	"api.api_key_file": file, "api.api_key_env": variable, "api.ca_file": file, "api.client_cert_file": file, "api.client_key_file": file,
	"mode":               nothing,
	"sync.state":         nothing, // a name in the store
	"sync.refresh_after": nothing, "sync.missing": nothing, "sync.adopted": nothing, "sync.patch": nothing, "sync.guard.max": nothing, "sync.guard.percent": nothing,
	"rate": nothing, "duplicates": nothing, "rate_shared": nothing, "rate_pool": nothing,
	"store": own, "lease": own,
	"workers": nothing, "retries": nothing, "max_errors": nothing, "give_up_after": nothing, "give_up_at_start": nothing, "existing": nothing, "on_conflict": nothing,
	"in_doubt.settle": nothing, "stamp.field": nothing,
	"report.path":   own, // it has the name of the job
	"report.redact": nothing, "report.keep_previous": nothing, "report.keep_nights": nothing,
	"progress": own, "metrics.textfile": own, "metrics.listen": own, "log.level": own, "log.format": own,
	"notify.url": host, "notify.on": nothing, "tolerate": nothing,
	"limit":    own, // of one run, and a run of a job has many slices
	"job.name": nothing, "job.schedule": nothing, "job.time_zone": nothing, "job.tags": nothing,
}

// A set key is one that a job sets to something else than the default.
type setKey struct {
	name   string
	values []string // where it is a text, or texts
}

// setKeys are the keys that differ between two configurations.
func setKeys(c, byDefault reflect.Value, prefix string) (all []setKey) {
	for i := range c.NumField() {
		name, _, _ := strings.Cut(c.Type().Field(i).Tag.Get("yaml"), ",")
		value := c.Field(i)
		switch {
		case name == "-":
		case value.Kind() == reflect.Struct:
			all = append(all, setKeys(value, byDefault.Field(i), prefix+name+".")...)
		case reflect.DeepEqual(value.Interface(), byDefault.Field(i).Interface()):
		case value.Kind() == reflect.String:
			all = append(all, setKey{prefix + name, []string{value.String()}})
		case value.Kind() == reflect.Map && value.Type().Elem().Kind() == reflect.String:
			k := setKey{name: prefix + name}
			for _, key := range value.MapKeys() {
				k.values = append(k.values, value.MapIndex(key).String())
			}
			all = append(all, k)
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.String:
			k := setKey{name: prefix + name}
			for j := range value.Len() {
				k.values = append(k.values, value.Index(j).String())
			}
			all = append(all, k)
		default:
			all = append(all, setKey{name: prefix + name})
		}
	}
	return all
}

// keysOf are the keys that a job sets.
func keysOf(c config.Config) []setKey {
	return setKeys(reflect.ValueOf(c), reflect.ValueOf(config.Default()), "")
}

// CheckJob refuses settings that no worker carries out: those that are a worker's own, and
// those that hold a secret. It looks at nothing of this machine.
func CheckJob(c config.Config) error {
	for _, k := range keysOf(c) {
		n, known := needs[k.name]
		switch {
		case !known:
			return config.Errorf("%s cannot be set in a job: leave it out", k.name)
		case n == own && k.name == "report.path":
			return config.Errorf("report.path cannot be set in a job: its report has the name of the job")
		case n == own && k.name == "limit":
			return config.Errorf("limit cannot be set in a job: try the first rows with an import of its own, importer --limit N --store URL")
		case n == own:
			return config.Errorf("%s cannot be set in a job: it is a setting of the worker that carries it out; leave it out", k.name)
		case n == host || n == sources:
			for _, v := range k.values {
				if u, err := url.Parse(v); err == nil && address.Scheme(v) != "" && u.User != nil {
					if _, has := u.User.Password(); has || n == host {
						return config.Errorf("%s holds a user or a password, and a job holds no secret: everybody who reads the store sees it", k.name)
					}
				}
			}
		}
	}
	switch {
	case c.API.BaseURL == "" || c.API.ProjectID == "":
		return config.Errorf("a job names where it goes: set api.base_url and api.project_id in it ($COGNIGY_BASE_URL and $COGNIGY_PROJECT_ID are not those of the worker)")
	case !names.IsProject(c.API.ProjectID):
		return config.Errorf("api.project_id is %q; want 24 characters, a to z and 0 to 9", plain.Line(c.API.ProjectID))
	case slices.Contains(c.Source.Paths, "-"):
		return config.Errorf("source.paths is -, and a worker has no standard input: name a file")
	}
	return nil
}

// Check refuses a job that wants something of this machine that is not allowed. It reads no
// variable. What it says of a file is the same whether that is there or not, unless it is
// in a folder that is allowed.
func (a Allow) Check(c config.Config) error {
	if err := CheckJob(c); err != nil {
		return err
	}
	keys := keysOf(c)
	if c.API.APIKeyFile == "" && c.API.APIKeyEnv == "" {
		keys = append(keys, setKey{"api.api_key_env", []string{config.DefaultKeyEnv}})
	}
	for _, k := range keys {
		for _, value := range k.values {
			var err error
			switch needs[k.name] {
			case api:
				err = a.apiHost(value)
			case host:
				err = a.anyHost(k.name, value)
			case variable:
				err = a.variable(k.name, value)
			case headers:
				err = a.variablesIn(k.name, value)
			case endpoint:
				err = a.anyHost(k.name, value)
			case region:
				if !regionName.MatchString(value) {
					err = config.Errorf("%s is %q; want a name such as eu-central-1", k.name, plain.Line(value))
				}
			case file:
				_, err = a.within(k.name, value)
			case sources:
				err = a.source(k.name, value)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// apiHost refuses an address of an API that is not allowed. It gets the key.
func (a Allow) apiHost(baseURL string) error {
	baseURL, err := cognigy.NormalizeBaseURL(baseURL)
	if err != nil {
		return config.Errorf("api.base_url: %w", err)
	}
	u, err := url.Parse(baseURL)
	if err != nil {
		return config.Errorf("api.base_url cannot be read")
	}
	by := a.allowedBy(u)
	vendors := slices.Contains(DefaultHosts, by) && by != "loopback"
	if by == "" || vendors && (u.Scheme != "https" || u.Port() != "" || u.Path != "" || !strings.HasPrefix(u.Hostname(), "api")) {
		return refusedHost("api.base_url", u)
	}
	return nil
}

// anyHost refuses an address that is not allowed.
func (a Allow) anyHost(key, to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" {
		return config.Errorf("%s is no address that can be read", key) // it is not shown: it may be a password
	}
	if a.allowedBy(u) == "" {
		return refusedHost(key, u)
	}
	return nil
}

func refusedHost(key string, u *url.URL) error {
	return config.Errorf("%s leads to %s, which this worker is not allowed to send to: if it is to be, start it with --allow-host %[2]s", key, plain.Line(u.Host))
}

// allowedBy is the allowance of a host by which an address may be sent to; empty: none.
func (a Allow) allowedBy(u *url.URL) string {
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	for _, allowed := range a.Hosts {
		below, wild := strings.CutPrefix(strings.ToLower(allowed), "*.")
		switch {
		case name == "":
		case allowed == "loopback" && names.IsLoopback(name),
			wild && strings.HasSuffix(name, "."+below),
			!wild && (strings.EqualFold(allowed, name) || strings.EqualFold(allowed, u.Host)):
			return allowed
		}
	}
	return ""
}

var (
	regionName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	variables  = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)
)

// variablesIn refuses a text that names a variable that is not allowed.
func (a Allow) variablesIn(key, text string) error {
	for _, found := range variables.FindAllStringSubmatch(text, -1) {
		if err := a.variable(key, found[1]+found[2]); err != nil {
			return err
		}
	}
	return nil
}

// variable refuses a variable that is not allowed.
func (a Allow) variable(key, name string) error {
	for _, allowed := range a.Env {
		prefix, wild := strings.CutSuffix(allowed, "*")
		if name == allowed || wild && strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	return config.Errorf("%s names $%s, which this worker is not allowed to read: if it is to be, start it with --allow-env %[2]s", key, plain.Line(name))
}

// within returns where a file really lies, links resolved, and refuses one that is not in a
// folder that is allowed.
func (a Allow) within(key, path string) (string, error) {
	refused := config.Errorf("%s is %s, which is in no folder that this worker is allowed to read: if it is to be, start it with --allow-folder DIR", key, plain.Line(path))
	full, err := filepath.Abs(path)
	if err != nil || strings.ContainsRune(path, 0) || climbs(path) {
		return "", refused
	}
	for _, folder := range a.Folders {
		top, err := filepath.Abs(folder)
		if err != nil {
			continue
		}
		resolved, err := filepath.EvalSymlinks(top)
		if err != nil || !below(full, top) && !below(full, resolved) {
			continue
		}
		real, err := filepath.EvalSymlinks(full)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", config.Errorf("%s is %s, which is not there on this worker", key, plain.Line(path))
		case err == nil && below(real, resolved):
			return real, nil
		}
	}
	return "", refused
}

// climbs tells whether a path leads up somewhere on its way.
func climbs(path string) bool {
	return slices.Contains(strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == filepath.Separator }), "..")
}

// below tells whether a path is a folder, or leads below it.
func below(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// source refuses a source that is not allowed. Of a glob it looks at each file.
func (a Allow) source(key, path string) error {
	if strings.Contains(path, "://") {
		return a.far(key, path)
	}
	if _, err := os.Lstat(path); err == nil || !strings.ContainsAny(path, "*?[") {
		return a.plainSource(key, path)
	}
	// Nothing is looked for in a folder that is not allowed.
	if climbs(path) {
		return config.Errorf("%s is %s, and a glob of a job leads nowhere up", key, plain.Line(path))
	}
	if _, err := a.within(key, fixed(path)); err != nil {
		return err
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return config.Errorf("%s is %s, which is no valid glob", key, plain.Line(path))
	}
	for _, match := range matches {
		if err := a.plainSource(key, match); err != nil {
			return err
		}
	}
	return nil
}

// fixed is the folder that a glob begins with.
func fixed(glob string) string {
	return filepath.Dir(glob[:strings.IndexAny(glob, "*?[")] + "x")
}

// far refuses a source that is no file and not allowed. What it takes to read it may be
// the worker's own, such as the keys of an object store.
func (a Allow) far(key, source string) error {
	u, err := url.Parse(source)
	switch {
	case err != nil || u.Host == "" || address.KindOf(source) == address.None:
		return config.Errorf("%s holds an address that cannot be read", key)
	case address.KindOf(source) == address.Web:
		if by := a.allowedBy(u); by == "" || by != "loopback" && slices.Contains(DefaultHosts, by) { // others have endpoints there
			return refusedHost(key, u)
		}
		return nil
	case u.Scheme == "s3" && slices.Contains(a.Hosts, strings.Join(strings.SplitN(source, "/", 4)[:3], "/")):
		return nil // by its bucket, to the letter
	case u.Scheme != "s3" && slices.Contains(a.Hosts, u.Scheme+"://"+u.Host):
		return parameters(key, u)
	}
	return config.Errorf("%s leads to %s, which this worker is not allowed to read from: if it is to be, start it with --allow-host %[2]s", key, plain.Line(u.Scheme+"://"+u.Host))
}

// harmless are the parameters of the address of a database that lead nowhere else: others
// name files of this machine, or another host.
var harmless = []string{"sslmode", "connect_timeout", "application_name"}

func parameters(key string, u *url.URL) error {
	for name := range u.Query() {
		if !slices.Contains(harmless, name) {
			return config.Errorf("%s has an address with the parameter %s, which a job may not set: leave it out", key, plain.Line(name))
		}
	}
	return nil
}

// plainSource refuses a file that is not allowed, and one that is a secret: what is wrong in
// a source stands in the report, which whoever reads the store can read.
func (a Allow) plainSource(key, path string) error {
	real, err := a.within(key, path)
	if err != nil {
		return err
	}
	if isSecret(real) {
		return config.Errorf("%s is %s, which looks like a key, a password or settings, and nothing to import: keep such files in a folder of their own, and name the sources more narrowly", key, plain.Line(path))
	}
	return nil
}
