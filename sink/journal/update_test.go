package journal

import (
	"strings"
	"testing"

	"importer/importer/contact"
)

// An update in the report of an import takes nobody out of it: whoever it could not update
// is in all the same, and whoever is not there is to be created.
func TestUpdateInTheReportOfAnImport(t *testing.T) {
	update := strings.TrimSpace(strings.Replace(newScript().run().String(), `"mode":"create"`, `"mode":"update"`, 1))
	report := newScript().run().sending("a", "b", "c").row("a", contact.Created).row("b", contact.Created).row("c", contact.Created).
		line(update).row("a", contact.Updated).row("b", contact.Rejected).row("c", contact.Failed).row("d", contact.Updated).row("e", contact.Absent)
	c, err := replay("r", &report.Buffer, 0, testStart)
	must(t, err)
	for id, want := range map[string]contact.Status{"a": contact.Updated, "b": contact.Created, "c": contact.Created, "d": contact.Updated, "e": 0} {
		if got := c.keys.Status(key(id)); got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
	for mode, want := range map[string]string{"create": "", "update": "", "upsert": "mode", "mirror": "mode"} {
		o := options()
		o.Header.Mode, o.Successor = mode, mode != "create"
		o.Header.ProjectID, o.Header.BaseURL = c.first.ProjectID, c.first.BaseURL
		what := ""
		if m, ok := c.matches(o).(*MismatchError); ok {
			what = m.What
		}
		if what != want {
			t.Errorf("a run of mode %s differs by %q, want %q", mode, what, want)
		}
	}
}
