package cli

import (
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// What a probe found out is used by the runs that follow, by the forecast as well, and
// they say so: a changed row costs one request where the API merges, and two where it
// replaces.
func TestRunsGoByWhatAProbeFoundOut(t *testing.T) {
	for patch, requests := range map[string]int{sandbox.PatchMerge: 1, sandbox.PatchReplace: 2} {
		p := newPatient(t, sandbox.Options{Patch: patch})
		if x := p.run(t.Context(), "--probe"); x.code != exitOK || p.server.Counts().Profiles != 0 {
			t.Fatal(x.code, x.text)
		}
		sync := []string{"--mode", "upsert", "--source", p.path("a.csv"), "--report", p.path("r.report.ndjson"), "--state", p.path("s.db"), "--rate", "unlimited", "--json"}
		for _, name := range []string{"Ada", "Eve"} {
			p.write("a.csv", "email,first name\na@example.com,"+name+"\n")
			p.args = append([]string{"check"}, sync...)
			plan := p.run(t.Context())
			before := p.server.Counts().Requests
			p.args = sync
			x := p.run(t.Context())
			if x.code != exitOK || !strings.Contains(x.text, `"patch":"`+patch+`"`) {
				t.Fatalf("%s: exit code %d %s", patch, x.code, x.text)
			}
			if name == "Ada" {
				continue
			}
			after := p.server.Counts().Requests
			if n := after["get"] - before["get"] + after["update"] - before["update"]; n != requests || after["update"] == before["update"] {
				t.Errorf("%s: %d requests for a changed row, want %d", patch, n, requests)
			}
			if want := `"requests":` + string(rune('0'+requests)); !strings.Contains(plan.text, want) {
				t.Errorf("%s: the plan is not %s: %s", patch, want, plan.text)
			}
		}
	}
}
