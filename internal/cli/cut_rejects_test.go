package cli

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// withoutColumns takes columns out of a CSV file, as a spreadsheet does.
func (j *job) withoutColumns(path string, names ...string) {
	j.t.Helper()
	records, err := csv.NewReader(strings.NewReader(j.text("r.rejects.csv"))).ReadAll()
	if err != nil {
		j.t.Fatal(err)
	}
	for i := len(records[0]) - 1; i >= 0; i-- {
		if slices.Contains(names, records[0][i]) {
			for k := range records {
				records[k] = slices.Delete(records[k], i, i+1)
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		j.t.Fatal(err)
	}
	if err := csv.NewWriter(f).WriteAll(records); err != nil {
		j.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		j.t.Fatal(err)
	}
}

// Of the columns that contact ids come from, some may be taken out of a reject file: it
// goes by the rule of its report. Without any it is refused, and says why.
func TestARejectFileWithoutColumnsOfContactIDs(t *testing.T) {
	const source = `contactIds,E-Mail,Mobile Phone,First Name,Age
,ada@example.com,,Ada,36
,bad1@example.com,+44 7700 900002,Bob,old
,bad2@example.com,+44 7700 900003,Eve,old
`
	for name, c := range map[string]struct {
		columns []string
		config  string
		ids     []string // of those that were corrected; none: refused
		says    string
	}{
		"the first":            {columns: []string{"contactIds"}, ids: []string{"bad1@example.com", "bad2@example.com"}},
		"the last":             {columns: []string{"Mobile Phone"}, ids: []string{"bad1@example.com", "bad2@example.com"}},
		"the second":           {columns: []string{"E-Mail"}, ids: []string{"+44 7700 900002", "+44 7700 900003"}},
		"the first and last":   {columns: []string{"contactIds", "Mobile Phone"}, ids: []string{"bad1@example.com", "bad2@example.com"}},
		"all":                  {columns: []string{"contactIds", "E-Mail", "Mobile Phone"}, says: "contact id"},
		"a configured one":     {columns: []string{"E-Mail"}, config: `mapping: {contact_ids: [{column: E-Mail, type: email}, {column: "Mobile Phone", type: phone}]}`, says: "E-Mail"},
		"both configured ones": {columns: []string{"E-Mail", "Mobile Phone"}, config: `mapping: {contact_ids: [{column: E-Mail, type: email}, {column: "Mobile Phone", type: phone}]}`, says: "E-Mail"},
	} {
		for _, mode := range []string{"create", "mirror"} {
			j := newJob(t, mode, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
			j.file("c.csv", source)
			config := j.file("c.yaml", c.config+"\n"+guardless)
			if r := j.again("--config", config); r.code != exitNotAllIn || r.Created != 1 || r.Invalid != 2 {
				t.Fatalf("%s, %s: %s", name, mode, r)
			}
			rejects := j.path("r.rejects.csv")
			j.withoutColumns(rejects, c.columns...)
			replaceIn(t, rejects, ",old,", ",31,", ",old,", ",32,")
			before := len(j.report())
			r := j.of(rejects, "--config", config)
			if c.ids == nil {
				if r.code != exitUsage || r.all() != 0 || len(j.report()) != before || !strings.Contains(r.stderr, c.says) || !strings.Contains(r.stderr, "r.rejects.csv") {
					t.Errorf("%s, %s: %s", name, mode, r)
				}
				continue
			}
			if r.code != exitOK || r.Created != 2 || len(j.server.Profiles()) != 3 {
				t.Errorf("%s, %s: %s", name, mode, r)
			}
			got := j.profiles()
			for _, id := range c.ids {
				if got[id].ID == "" {
					t.Errorf("%s, %s: nobody has %s in %v", name, mode, id, got)
				}
			}
			for range 2 {
				if r := j.again("--config", config); r.code != exitOK || r.writes() != 0 || r.DoneBefore < 2 {
					t.Errorf("%s, %s, the night after: %s", name, mode, r)
				}
			}
		}
	}
}
