package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// given are the flags of a command line.
func given(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	c := Default()
	flags := Flags(&c)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func TestWhereTheStoreIsNamed(t *testing.T) {
	const file, env, flag = "store: postgres://file/db\nlease: 7s\nrate_pool: office\n", "postgres://env/db", "postgres://flag/db"
	for _, tt := range []struct {
		name, file, env string
		args            []string
		want            string
		lease           time.Duration
	}{
		{"nowhere", "", "", nil, "", 30 * time.Second},
		{"the file", file, "", nil, "postgres://file/db", 7 * time.Second},
		{"the environment over the file", file, env, nil, env, 7 * time.Second},
		{"the flag over both", file, env, []string{"--store", flag, "--lease", "3s"}, flag, 3 * time.Second},
		{"a flag that says none", file, env, []string{"--store="}, "", 7 * time.Second},
		{"blanks around it", "", " " + env + "\n", nil, env, 30 * time.Second},
	} {
		path := writeConfig(t, tt.file)
		c, err := Settings(given(t, append(tt.args, "--source", "c.csv", "--config", path)...), nil, func(name string) string {
			return map[string]string{"IMPORTER_STORE": tt.env}[name]
		})
		if err != nil || string(c.Store) != tt.want || c.Lease != tt.lease || c.StoreGiven != (len(tt.args) > 0) {
			t.Errorf("%s: %q, lease %v, given %t, %v", tt.name, string(c.Store), c.Lease, c.StoreGiven, err)
		}
	}
}

func TestLease(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string // part of the error; empty: accepted
	}{
		{[]string{"--store", "postgres://db", "--lease", "1s"}, ""},
		{[]string{"--store", "postgres://db", "--lease", "999ms"}, "--lease (lease) is 999ms; want 1s to 1h0m0s"},
		{[]string{"--store", "postgres://db", "--lease", "2h"}, "--lease (lease)"},
		{[]string{"--lease", "10s"}, "--store URL"},
	} {
		_, err := Settings(given(t, append(tt.args, "--source", "c.csv", "--config", writeConfig(t, ""))...), nil, func(string) string { return "" })
		wrong := (*Error)(nil)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: %v", tt.args, err)
		}
	}
}

func TestRatePool(t *testing.T) {
	for pool, ok := range map[string]bool{"office": true, "": true, "203.0.113.7": true, " office": false, "a\x1b[31m": false, strings.Repeat("a", 201): false} {
		c := valid()
		c.RatePool = pool
		if err := c.Validate(); ok != (err == nil) || !ok && !strings.Contains(err.Error(), "rate_pool") {
			t.Errorf("%q: %v", pool, err)
		}
	}
}

// What is wrong in a configuration is shown with its lines, and a password in them is not.
func TestNoErrorShowsAPassword(t *testing.T) {
	for name, text := range map[string]string{
		"the line before":   "store: postgres://u:s3cret@db/x\nworkerz: 1\n",
		"the line behind":   "workerz: 1\nstore: postgres://u:s3cret@db/x\n",
		"of the line":       "workers: postgres://u:s3cret@db/x\n",
		"of a duration":     "lease: postgres://u:s3cret@db/x\n",
		"key=value":         "workerz: 1\nstore: \"host=db password='s3cret w0rds-s3cret'\"\n",
		"in the query":      "workerz: 1\nstore: postgres://db/x?password=s3cret\n",
		"in two lines":      "workerz: 1\nstore: >-\n  postgres://u:s3cret\n  s3cret@db/x\n",
		"quotes at its end": "store: \"postgres://u:s3cret@db/x\nworkers: 1\n",
		"a list":            "store: [postgres://u:s3cret@db/x]\n",
		"flow":              "{store: postgres://u:s3cret@db/x, workerz: 1}\n",
		"flow, unfinished":  "{store: postgres://u:s3cret@db/x, workers: 1\n",
		"quoted key":        "\"store\": postgres://u:s3cret@db/x\nworkerz: 1\n",
		"strange password":  "store: postgres://u:s3cret/@#s3cret@db/x\nworkerz: 1\n",
		"a source":          "source:\n  paths: ['https://u:s3cret@example.com/c.csv']\nworkerz: 1\n",
		"a webhook":         "notify:\n  url: https://chat.example.com/hooks/s3cret\nworkerz: 1\n",
		"an alias":          "store: *s3cret\n",
		"a tag":             "store: !s3cret postgres://u:s3cret@db\nworkerz: 1\n",
		"a repeated key":    "store: postgres://u:s3cret@db\nstore: postgres://u:s3cret@db\n",
	} {
		_, err := load(t, text, nil)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		if shown := Shown([]byte(text)); len(shown) != len(text) || bytes.Count(shown, []byte("\n")) != strings.Count(text, "\n") {
			t.Errorf("%s: shown as %q", name, shown)
		}
	}
	_, err := load(t, "workers: 1\nstore: postgres://u:s3cret@db/x\nworkerz: 1\n", nil)
	if err == nil || !strings.Contains(err.Error(), "3 | workerz: 1") || !strings.Contains(err.Error(), "workers: 1") {
		t.Errorf("the lines are not shown: %v", err)
	}
}

func TestTheStoreIsNotPrintedWithTheSettings(t *testing.T) {
	c := valid()
	c.Store = "postgres://u:s3cret@db/x"
	for _, printed := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%q", c.Store)} {
		if strings.Contains(printed, "s3cret") {
			t.Errorf("printed as %s", printed)
		}
	}
}

// An address that nothing can be read from is refused without what may be a password.
func TestAddressesAreNoSources(t *testing.T) {
	for _, path := range []string{"mysql://u:s3cret@db/x", "ftp://u:s3cret@example.com/c.csv", "gs://s3cret"} {
		c := valid()
		c.Source.Paths = []string{"c.csv", path}
		scheme, _, _ := strings.Cut(path, "//")
		if err := c.Validate(); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), scheme) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A configuration with a password in it is for its owner's eyes.
func TestWhoReadsTheStoreOfAConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name, env string
		mode      os.FileMode
		args      []string
		warns     bool
	}{
		{"for others to read", "", 0o644, nil, true},
		{"for its owner", "", 0o600, nil, false},
		{"the environment's", "postgres://env/db", 0o644, nil, false},
		{"the flag's", "", 0o644, []string{"--store", "postgres://flag/db"}, false},
	} {
		path := writeConfig(t, "store: postgres://u:s3cret@db/x\n")
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		c, err := Unchecked(given(t, append(tt.args, "--config", path)...), nil, func(name string) string {
			return map[string]string{"IMPORTER_STORE": tt.env}[name]
		})
		if warning := c.StoreReaders(); err != nil || tt.warns != strings.Contains(warning, path) || strings.Contains(warning, "s3cret") {
			t.Errorf("%s: %q, %v", tt.name, warning, err)
		}
	}
}
