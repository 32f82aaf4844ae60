package sandbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// page is the page for people as a browser gets it.
func page(t *testing.T, s *tenant, target string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("GET", s.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

func TestPage(t *testing.T) {
	s := start(t, sandbox.Options{APIKey: "the-key", Rate: sandbox.Rate{Requests: 1000, Window: 300e9}, Faults: faults(t, "500-after:1")})
	s.send("POST", "", s.createBody([]string{`<script>alert("x")</script>`}, nil))
	resp, html := page(t, s, "/", nil)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	for _, want := range []string{"This is not Cognigy.AI", "500-after:1", ">1000/5m<", s.ProjectID(), s.Profiles()[0].ID, "&lt;script&gt;", "<td>create</td>"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(html, "<script") || strings.Contains(html, "the-key") {
		t.Errorf("the page has a script, or the key: %s", html)
	}
}

// The page with the contacts is shown to those who ask this machine by its address; never
// to a web site that had its name point here, whether it knows the key or not.
func TestPageKeepsContactsFromOthers(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.create("jane@example.com")
	host := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := strings.Cut(host, ":")
	for name, shown := range map[string]bool{host: true, "localhost:" + port: true, "[::1]:" + port: true, "evil.example:" + port: false, "evil.example": false} {
		for _, target := range []string{"/", "/?api_key=sandbox"} {
			resp, html := page(t, s, target, func(r *http.Request) { r.Host = name })
			if strings.Contains(html, "jane@example.com") != shown || (resp.StatusCode == http.StatusMisdirectedRequest) == shown {
				t.Errorf("asked for %s as %s: %s, contacts shown %v, want %v", target, name, resp.Status, !shown, shown)
			}
		}
	}
	if resp, _ := page(t, s, "/favicon.ico", nil); resp.StatusCode != 401 {
		t.Errorf("/favicon.ico: %s", resp.Status)
	}
}
