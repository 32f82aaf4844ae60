package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Text from outside that is megabytes long is bounded wherever it is shown or kept, and
// what is said behind it is there; the report is one that can be read.
func TestLongOutsideText(t *testing.T) {
	long := strings.Repeat("x", 5<<19)
	const id, most = "65f000000000000000000001", 64 << 10
	tests := map[string]struct{ source, answer string }{
		"name of a member":    {`{"email":"nobody","` + long + `":1}`, `{}`},
		"name of a field":     {`{"contactIds":["a"],"profile":{"` + long + `":1}}`, `{}`},
		"contact id":          {`{"contactIds":["` + long + `"]}`, `{}`},
		"line that is no row": {long, `{}`},
		"detail":              {`{"email":"a@example.com"}`, `{"code":1005,"detail":"` + long + `"}`},
		"field at fault":      {`{"email":"a@example.com"}`, `{"code":1005,"detail":"no","details":{"field":"` + long + `"}}`},
		"trace id":            {`{"email":"a@example.com"}`, `{"code":1005,"detail":"no","traceId":"` + long + `"}`},
		"_id":                 {`{"email":"a@example.com"}`, `{"_id":"` + long + `","contactIds":["a@example.com"]}`},
		"cursor of a list":    {`{"email":"a@example.com"}`, `{"items":[{"_id":"` + id + `","contactIds":["b"],"profile":{}}],"nextCursor":"` + long + `"}`},
		"title of a page":     {`{"email":"a@example.com"}`, `<title>` + long + `</title>`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, dir := newOutside(t), t.TempDir()
			source, report, config := filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "r.report.ndjson"), filepath.Join(dir, "c.yaml")
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				if strings.Contains(tt.answer, `"code"`) {
					if r.Method == http.MethodGet {
						_, _ = io.WriteString(w, `{"items":[],"total":0,"schema":{}}`)
						return
					}
					w.WriteHeader(http.StatusBadRequest)
				}
				_, _ = io.WriteString(w, tt.answer)
			}))
			defer api.Close()
			o.write(source, tt.source+"\n")
			o.write(config, "{give_up_at_start: 1s, give_up_after: 1s, rate: unlimited, retries: 0, log: {level: debug}, in_doubt: {settle: 0s}}")
			o.env["COGNIGY_BASE_URL"], o.env["COGNIGY_PROJECT_ID"] = api.URL, "65f0000000000000000000aa"
			for _, args := range [][]string{
				{"--source", source, "--report", report, "--log-format", "json"},
				{"--source", source, "--report", filepath.Join(dir, "s.report.ndjson"), "--log-format", "console", "--existing", "list"},
				{"doctor", "--source", source, "--report", report},
				{"report", report}, {"report", report, "--format", "html"}, {"report", report, "--format", "csv"},
			} {
				if args[0] != "report" {
					args = append(args, "--config", config)
				}
				stdout, stderr := o.does(args...)
				if n := len(stdout) + len(stderr); n > most {
					t.Errorf("%q writes %d bytes: %.300s … %.300s", args, n, stdout, stderr)
				}
				if args[0] == "report" && strings.Contains(stderr, "importer: the report") {
					t.Errorf("%q: %s", args, stderr)
				}
			}
			if info, err := os.Stat(report); err == nil && info.Size() > 3<<20 {
				t.Errorf("the report has %d bytes", info.Size())
			}
		})
	}
}
