package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"importer/internal/help"
)

// A described thing is a file or a variable, and what it is for.
type described struct{ name, meaning string }

// environment are the variables that commands read.
var environment = []described{
	{"COGNIGY_BASE_URL", "URL of the API; --base-url outranks it"},
	{"COGNIGY_PROJECT_ID", "the project; --project-id outranks it"},
	{"COGNIGY_API_KEY", "the API key"},
	{"IMPORTER_CONFIG", "the configuration, where --config names none"},
	{"IMPORTER_STORE", "URL of a PostgreSQL that keeps report, state and quota; --store outranks it"},
	{"PGPASSWORD, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT", "the store, as psql reads them"},
	{"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "proxies"},
	{"SSL_CERT_FILE, SSL_CERT_DIR", "authorities that are trusted, in the place of the system's"},
	{"XDG_CACHE_HOME, XDG_STATE_HOME", "where the shared quota and what is known of an API are kept"},
	{"NO_COLOR", "where it is not empty, nothing is coloured"},
	{"GOGC, GOMEMLIMIT", "the garbage collector of Go; importer sets them where they are empty"},
}

// files are those that commands read and write.
var files = []described{
	{"config.yaml", "the configuration that is read where none is named, if nobody else may have written it"},
	{"SOURCE.report.ndjson", "the report, which a run resumes from; in the working directory"},
	{"SOURCE.report.ndjson.1", "a report that was set aside"},
	{"SOURCE.rejects.csv, SOURCE.rejects.ndjson", "the rows that were refused, to correct and import"},
	{"importer.state.db", "what the last sync left in the API"},
	{"~/.cache/importer/", "the quota that runs on this machine share"},
}

// sections are what the manual says of a command behind its flags.
func sections(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range help.ExitStatuses(cmd) {
		fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s\n", s.Code, roff(s.Meaning))
	}
	list := func(title string, all []described) {
		fmt.Fprintf(&b, ".SH %s\n", title)
		for _, d := range all {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s\n", roff(d.name), roff(d.meaning))
		}
	}
	list("FILES", files)
	list("ENVIRONMENT", environment)
	return b.String()
}

// roff writes a text that a page must not take for a request or for a hyphen.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// addSections puts them into the page of a command, before what it refers to.
func addSections(dir string, cmd *cobra.Command) error {
	page := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(string(text), "\n.SH SEE ALSO\n")
	before = strings.TrimRight(before, "\n") + "\n"
	if after != "" {
		after = ".SH SEE ALSO\n" + after
	}
	return os.WriteFile(page, []byte(before+sections(cmd)+after), 0o644)
}
