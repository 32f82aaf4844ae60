package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// A job is checked as strictly as an import, before anything is handed to a store.
func TestSubmitRefuses(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	good := "source: {paths: [a.csv]}\napi: {base_url: 'https://api-trial.cognigy.ai', project_id: 65f0000000000000000000aa}\n"
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "job.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]string{
		good:                                                                                          "has no section job",
		"job: {schedule: '0 3 * * *'}\n" + good:                                                       "job.name is not set",
		"job: {name: ../x}\n" + good:                                                                  "job.name is",
		"job: {name: pause}\n" + good:                                                                 "a word of importer jobs",
		"job: {name: a.1}\n" + good:                                                                   "no number behind the last point",
		"job: {name: a, tag: [x]}\n" + good:                                                           "tag",
		"job: {name: a, tags: ['x y']}\n" + good:                                                      "job.tags has",
		"job: {name: a, schedule: '0 25 * * *'}\n" + good:                                             "job.schedule is",
		"job: {name: a, schedule: '* * * * * *'}\n" + good:                                            "want five fields",
		"job: {name: a, schedule: '0 0 31 2 *'}\n" + good:                                             "no day ever matches",
		"job: {name: a, schedule: '@every 1s'}\n" + good:                                              "@every 1m or longer",
		"job: {name: a, schedule: 'TZ=Europe/Berlin 0 3 * * *'}\n" + good:                             "job.time_zone",
		"job: {name: a, schedule: '@daily', time_zone: Mars/Olympus}\n" + good:                        "job.time_zone is",
		"job: {name: a, time_zone: Europe/Berlin}\n" + good:                                           "without a schedule",
		"job: {name: a}\nmode: delete\n" + good:                                                       "mode",
		"job: {name: a}\nrate: fast\n" + good:                                                         "rate",
		"job: {name: a}\nunknown: 1\n" + good:                                                         "unknown",
		"job: {name: a}\nmapping: {columns: {x: {fields: y}}}\n" + good:                               "mapping",
		"job: {name: a}\nstore: 'postgres://u:s3cr3t@h/d'\n" + good:                                   "store cannot be set",
		"job: {name: a}\nnotify: {url: 'https://u:s3cr3t@h/d'}\n" + good:                              "holds no secret",
		"job: {name: a}\nmetrics: {textfile: x}\n" + good:                                             "metrics.textfile cannot be set",
		"job: {name: a}\nreport: {path: x}\n" + good:                                                  "report.path cannot be set",
		"job: {name: a}\n" + strings.Replace(good, "project_id", "api_key", 1):                        "must not stand in the configuration",
		"job: {name: a}\n" + strings.Replace(good, "65f", "65", 1):                                    "api.project_id is",
		"job: {name: a}\n" + strings.Replace(good, "[a.csv]", "['-']", 1):                             "no standard input",
		"job: {name: a}\nsource: {paths: [a.csv]}\n":                                                  "set api.base_url and api.project_id",
		"job: {name: a}\n" + strings.Replace(good, "https", "ftp", 1):                                 "base URL",
		"job: {name: a}\n" + strings.Replace(good, "project_id", "api_key_env: 'a b', project_id", 1): "api.api_key_env",
	} {
		r, _ := j.command("submit", file(text), "--store", "postgres://nobody@127.0.0.1:1/none")
		if r.code != exitUsage || !strings.Contains(r.stderr, want) || strings.Contains(r.stderr, "s3cr3t") {
			t.Errorf("%s\nwant %q: %s", text, want, r)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"submit", "--store", "postgres://h/d"}, exitUsage, "takes the files of jobs"},
		{[]string{"submit", file("job: {name: a}\n" + good)}, exitUsage, "--store URL"},
		{[]string{"submit", "postgres://u:s3cr3t@h/d"}, exitUsage, "an address that begins with postgres://"},
		{[]string{"submit", file("job: {name: a}\n" + good), file("job: {name: a}\n" + good), "--store", "postgres://h/d"}, exitUsage, "both of the job a"},
		{[]string{"submit", file("job: {name: a}\n" + good), "--store", "postgres://nobody@127.0.0.1:1/none"}, exitStopped, "is PostgreSQL running there"},
		{[]string{"work"}, exitUsage, "--store URL"},
		{[]string{"work", "--jobs", "0", "--store", "postgres://h/d"}, exitUsage, "--jobs is 0"},
		{[]string{"work", "x", "--store", "postgres://h/d"}, exitUsage, "takes no argument"},
		{[]string{"jobs"}, exitUsage, "--store URL"},
		{[]string{"jobs", "pause", "a", "--json", "--store", "postgres://h/d"}, exitUsage, "leave out --json"},
	} {
		if r, _ := j.command(c.args...); r.code != c.code || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "s3cr3t") {
			t.Errorf("%q: want %q: %s", c.args, c.want, r)
		}
	}
}
