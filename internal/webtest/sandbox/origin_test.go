package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"importer/internal/sandbox"
)

// Whatever a page of another origin asks for, and whoever asks for another host than this
// machine, is refused before anything is done.
func TestStrangersPagesAreRefused(t *testing.T) {
	const friend = "http://friend.example:3000"
	s := start(t, sandbox.Options{AllowOrigins: []string{friend, "https://other.example"}})
	s.router = nil
	own := s.URL
	for _, c := range []struct {
		name, host, origin string
		status             int
		readable           string // by the page of that origin
	}{
		{"no browser", "", "", 200, ""},
		{"its own page", "", own, 200, ""},
		{"its own page by name", strings.Replace(own, "http://127.0.0.1", "localhost", 1), strings.Replace(own, "127.0.0.1", "localhost", 1), 200, ""},
		{"another page", "", "https://evil.example", 403, ""},
		{"another page of this machine", "", "http://localhost:3000", 403, ""},
		{"another port", "", "http://127.0.0.1:1", 403, ""},
		{"a page with https", "", strings.Replace(own, "http:", "https:", 1), 403, ""},
		{"a file", "", "null", 403, ""},
		{"an extension", "", "chrome-extension://abcdef", 403, ""},
		{"a page that begins like one that may", "", friend + ".evil.example", 403, ""},
		{"a page that may", "", friend, 200, friend},
		{"another one", "", "https://other.example", 200, "https://other.example"},
		{"a name that leads here", "evil.example", "http://evil.example", 421, ""},
		{"a name that leads here, without Origin", "evil.example:8787", "", 421, ""},
		{"a name below localhost", "evil.localhost", "", 421, ""},
		{"a name that ends in a dot", "localhost.", "", 421, ""},
		{"another address", "192.0.2.1:8787", "", 421, ""},
		{"the host of a page that may", "friend.example:3000", "", 200, ""},
		{"an address of loopback", "[::1]:1", "", 200, ""},
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "HEAD"} {
			for _, path := range []string{"/new/v2.0/profiles", "/v2.0/profiles?api_key=sandbox", "/openapi/openapi-viewer.json", "/"} {
				before := len(s.Requests())
				r, err := http.NewRequest(method, own+path, strings.NewReader(""))
				if err != nil {
					t.Fatal(err)
				}
				r.Host = c.host
				r.Header.Set("X-API-Key", "sandbox")
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				resp, err := s.client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				refused := resp.StatusCode == 403 || resp.StatusCode == 421
				if c.status != 200 && (resp.StatusCode != c.status || len(s.Requests()) != before || method != "HEAD" && !strings.Contains(string(body), "--allow-origin")) || c.status == 200 && refused {
					t.Errorf("%s: %s %s: %s %s", c.name, method, path, resp.Status, body)
				}
				if got := resp.Header.Get("Access-Control-Allow-Origin"); got != c.readable {
					t.Errorf("%s: %s %s: the answer may be read by %q, want %q", c.name, method, path, got, c.readable)
				}
				if c.readable != "" && method == "OPTIONS" && strings.Contains(path, "profiles") && !strings.Contains(strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers")), "x-api-key") {
					t.Errorf("%s: the page may not send the key: %v", c.name, resp.Header)
				}
			}
		}
	}
	for _, c := range []struct {
		site, mode string
		status     int
	}{
		{"cross-site", "no-cors", 403}, // a picture, a script
		{"same-site", "no-cors", 403},
		{"cross-site", "navigate", 200}, // a link that a person follows
		{"same-origin", "cors", 200},
		{"none", "navigate", 200}, // typed
		{"", "", 200},
	} {
		resp, _ := page(t, s, "/new/v2.0/profiles?api_key=sandbox", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", c.site)
			r.Header.Set("Sec-Fetch-Mode", c.mode)
		})
		if resp.StatusCode != c.status {
			t.Errorf("Sec-Fetch-Site %q, Sec-Fetch-Mode %q: %s, want %d", c.site, c.mode, resp.Status, c.status)
		}
	}
	for _, origin := range []string{"*", "null", "", "friend.example", "ftp://x", "http://", "http://x/path", "http://u@x", "http://x?y"} {
		if _, err := sandbox.New(sandbox.Options{AllowOrigins: []string{origin}}); err == nil {
			t.Errorf("the origin %q was taken", origin)
		}
	}
}

// From another machine it is asked for by an address or by the name of this one.
func TestNamesOfThisMachine(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.To4() == nil {
			continue
		}
		server, err := sandbox.Listen("0.0.0.0:0", sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), "]:")
		if port == "" {
			port = server.URL[strings.LastIndexByte(server.URL, ':')+1:]
		}
		for host, want := range map[string]int{"": 200, "192.0.2.1": 200, "localhost": 200, "evil.example": 421} {
			r, err := http.NewRequest("GET", "http://"+net.JoinHostPort(ip.IP.String(), port)+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("asked for %q: %s, want %d", host, resp.Status, want)
			}
		}
		return
	}
	t.Skip("this machine has no address but loopback")
}

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// In a browser: a page of another origin, and one whose name leads here, learn nothing,
// and change nothing; the sandbox's own page works, and one that was let in.
func TestStrangersPagesInABrowser(t *testing.T) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium")
	}
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>stranger</title>")
	}))
	defer stranger.Close()
	friend := httptest.NewServer(stranger.Config.Handler)
	defer friend.Close()
	s := start(t, sandbox.Options{AllowOrigins: []string{friend.URL}})
	s.create("jane@example.com")
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"))...)
	defer cancel()
	ctx, cancel := chromedp.NewContext(allocator)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	defer cancel()
	const read = `(async () => { try { const a = await fetch(%q, {headers: {"X-API-Key": "sandbox"}}); return a.status + " " + await a.text() } catch (e) { return "failed: " + e } })()`
	const create = `(async () => { try { await fetch(%q, {method: "POST", mode: "no-cors", body: %q}); return "sent" } catch (e) { return "failed: " + e } })()`
	list := "/new/v2.0/profiles?projectId=" + s.ProjectID() + "&api_key=sandbox"
	for _, c := range []struct {
		name, page, api string
		reads           bool
	}{
		{"a stranger", stranger.URL, s.URL, false},
		{"a name that leads here", "http://evil.example:" + port, "http://evil.example:" + port, false},
		{"its own page", s.URL, s.URL, false}, // whose policy lets no script ask for anything
		{"a friend", friend.URL, s.URL, true},
	} {
		var got, sent string
		err := chromedp.Run(ctx, chromedp.Navigate(c.page),
			chromedp.Evaluate(fmt.Sprintf(read, c.api+list), &got, awaited),
			chromedp.Evaluate(fmt.Sprintf(create, c.api+list, s.createBody([]string{"made-by@" + strings.ReplaceAll(c.name, " ", "-")}, nil)), &sent, awaited))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if reads := strings.Contains(got, "jane@example.com"); reads != c.reads {
			t.Errorf("%s reads %q", c.name, got)
		}
	}
	// Nor is a picture of a stranger's page asked for.
	asked := len(s.Requests())
	const picture = `(async () => { const i = new Image(); const done = new Promise(r => { i.onerror = i.onload = r }); i.src = %q; await done; return "asked" })()`
	var got string
	if err := chromedp.Run(ctx, chromedp.Navigate(stranger.URL), chromedp.Evaluate(fmt.Sprintf(picture, s.URL+list), &got, awaited)); err != nil || len(s.Requests()) != asked {
		t.Errorf("a stranger's picture made %d requests: %v", len(s.Requests())-asked, err)
	}
	for _, p := range s.Profiles() {
		if id := p.ContactIDs[0]; strings.HasPrefix(id, "made-by@") && id != "made-by@a-friend" {
			t.Errorf("%s was created", id)
		}
	}
	var title, text string
	if err := chromedp.Run(ctx, chromedp.Navigate(s.URL), chromedp.Title(&title), chromedp.Text("body", &text)); err != nil || !strings.Contains(title, "Sandbox") || !strings.Contains(text, "jane@example.com") {
		t.Errorf("the sandbox's own page says %q, %v", text, err)
	}
	if err := chromedp.Run(ctx, chromedp.Navigate("http://evil.example:"+port), chromedp.Text("body", &text)); err != nil || strings.Contains(text, "jane@example.com") || !strings.Contains(text, "this machine only") {
		t.Errorf("by another name it says %q, %v", text, err)
	}
}
