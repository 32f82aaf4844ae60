package doctor

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/config"
	"importer/internal/files"
	"importer/internal/words"
)

// variables are the environment variables that decide something, and what. The value
// of none is ever shown: a key, or the password of a proxy, may stand in it.
var variables = []struct{ name, flag, sets string }{
	{"COGNIGY_BASE_URL", "base-url", "the base URL"},
	{"COGNIGY_PROJECT_ID", "project-id", "the project"},
	{"COGNIGY_API_KEY", "", "the API key"},
	{"IMPORTER_STORE", "store", "the store"},
	{"HTTPS_PROXY", "", "the proxy"}, {"https_proxy", "", "the proxy"},
	{"HTTP_PROXY", "", "the proxy of http://"}, {"http_proxy", "", "the proxy of http://"},
	{"NO_PROXY", "", "what goes past the proxy"}, {"no_proxy", "", "what goes past the proxy"},
	{"SSL_CERT_FILE", "", "whom TLS trusts"}, {"SSL_CERT_DIR", "", "whom TLS trusts"},
}

// ofStore are those that decide something where there is a store.
var ofStore = []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGOPTIONS", "PGTARGETSESSIONATTRS"}

// Settings says where the settings come from, and what of them is left to be desired.
// given tells whether a flag was; err is why they cannot be used.
func Settings(c config.Config, getenv func(string) string, given func(flag string) bool, err error) Check {
	parts := []string{"no configuration file"}
	if c.File != "" {
		parts[0] = "from " + c.File
	}
	if c.Found {
		parts[0] += ", which was found in this folder"
	}
	if c.File != "" && !given("config") && getenv("IMPORTER_CONFIG") != "" {
		parts[0] += ", which $IMPORTER_CONFIG names"
	}
	for _, v := range variables {
		if v.name == config.DefaultKeyEnv {
			v.name = cmp.Or(c.API.APIKeyEnv, v.name)
		}
		switch {
		case getenv(v.name) == "":
		case v.flag != "" && given(v.flag):
			parts = append(parts, fmt.Sprintf("--%s over $%s", v.flag, v.name))
		default:
			parts = append(parts, fmt.Sprintf("$%s sets %s", v.name, v.sets))
		}
	}
	for _, name := range ofStore {
		if c.Store != "" && getenv(name) != "" {
			parts = append(parts, fmt.Sprintf("$%s sets how the store is reached", name))
		}
	}
	check := Check{Name: "settings", Status: OK}
	if getenv(cmp.Or(c.API.APIKeyEnv, config.DefaultKeyEnv)) == "" && c.API.APIKeyFile != "" {
		parts = append(parts, "the API key from "+c.API.APIKeyFile)
		check.Hint = config.KeyFileReaders(c.API.APIKeyFile)
	}
	if hint := writers(c.File); hint != "" {
		check.Hint = strings.TrimPrefix(check.Hint+"; "+hint, "; ")
	}
	if check.Hint != "" {
		check.Status = Warn
	}
	check.Detail = strings.Join(parts, ", ")
	if err != nil {
		check.Status = Fail
		check.Detail = oneLine(err.Error()) + " (" + check.Detail + ")"
		check.Hint = "config.example.yaml documents every setting, importer --help every flag"
	}
	return check
}

// oneLine is the text of an error that may show lines of the configuration, or a list.
func oneLine(s string) string {
	return contact.Printable(strings.Join(strings.Fields(s), " "))
}

// writers says who else may change a configuration; empty: nobody.
func writers(path string) string {
	info, err := os.Stat(path)
	if path == "" || err != nil || !info.Mode().IsRegular() {
		return ""
	}
	others := files.Others(info, 2)
	if others == "" {
		return ""
	}
	return fmt.Sprintf("%s may be written by %s (%v), who can send the key elsewhere: chmod 600 it", path, others, info.Mode().Perm())
}

// Quota looks at the ledger in which runs share the quota, and says where those are; nil:
// there is none, for the reason err or because nothing is shared. left is how many
// requests may leave now.
func Quota(rate pace.Rate, l *ledger.Ledger, sharers string, err error) (c Check, left int) {
	switch {
	case err != nil:
		return Check{"quota", Warn, oneLine(err.Error()), "a run paces its requests for itself alone until that is fixed, and several at once exceed the quota"}, 1
	case l == nil && rate.Unlimited():
		return ok("quota", "the rate is unlimited"), 1
	case l == nil:
		return ok("quota", "%s, and nothing is shared with other runs", rate), 1
	case rate.Quota == 0:
		return ok("quota", "%s, shared by %s", rate, words.Plural(l.Runs(), "run", "runs")), 1
	}
	left, others := l.Available(0), l.Runs()-1
	c = ok("quota", "%s, of which %s were used lately %s; %s", rate, words.Comma(max(0, rate.Quota-left)), sharers, words.Plural(others, "other run is at work", "other runs are at work"))
	if left == 0 {
		c.Status, c.Hint = Warn, fmt.Sprintf("it is used up, and the API is not asked: wait up to %v, and run this again", rate.Window)
	}
	return c, left
}
