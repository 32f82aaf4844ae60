package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"importer/importer/contact"
	"importer/internal/report"
	"importer/sink/journal"
)

// chromium finds a browser, or installs one where that is possible without
// asking: on a Debian where the tests run as root.
func chromium(t *testing.T) string {
	t.Helper()
	find := func() string {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		return ""
	}
	if path := find(); path != "" {
		return path
	}
	if apt, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 && !testing.Short() {
		for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "chromium"}} {
			if out, err := exec.Command(apt, args...).CombinedOutput(); err != nil {
				t.Logf("apt-get %v: %v: %.500s", args, err, out)
			}
		}
	}
	path := find()
	if path == "" {
		t.Skip("there is no Chromium, and none could be installed: the pages are not looked at in a browser")
	}
	return path
}

// A tab watches one page: what it asked for, and what went wrong in it.
type tab struct {
	ctx context.Context

	mu       sync.Mutex
	requests []string
	errors   []string
}

// newBrowser starts a browser that ends with the test.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	must(t, chromedp.Run(ctx))
	return ctx
}

// newTab opens an empty page of a browser.
func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	tab := &tab{ctx: ctx}
	chromedp.ListenTarget(ctx, func(ev any) {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			tab.requests = append(tab.requests, ev.Request.URL)
		case *runtime.EventExceptionThrown:
			tab.errors = append(tab.errors, ev.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if ev.Type == runtime.APITypeError {
				tab.errors = append(tab.errors, fmt.Sprint(ev.Args))
			}
		}
	})
	must(t, chromedp.Run(ctx, network.Enable(), runtime.Enable()))
	return tab
}

// check wants that nothing left the page but to where it came from, that no
// script failed, that no stranger's element is in it, and that it fits.
func (b *tab) check(t *testing.T, own string) {
	t.Helper()
	var found struct {
		Foreign int
		Alerted bool
		Wide    int
		Inner   int
	}
	must(t, chromedp.Run(b.ctx, chromedp.Evaluate(`({
		Foreign: document.querySelectorAll("img, iframe, object, main script, svg script, a[href], link:not([rel=icon])").length,
		Alerted: "alerted" in window,
		Wide: document.documentElement.scrollWidth,
		Inner: window.innerWidth,
	})`, &found)))
	if found.Foreign > 0 || found.Alerted {
		t.Errorf("a stranger's markup is in the page: %+v", found)
	}
	if found.Wide > found.Inner {
		t.Errorf("the page is %d pixels wide, and the window %d", found.Wide, found.Inner)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.requests, func(u string) bool { return strings.HasPrefix(u, own) }) {
		t.Errorf("the page itself was not seen to be asked for, so that nothing else would be: %v", b.requests)
	}
	for _, u := range b.requests {
		if !strings.HasPrefix(u, own) && !strings.HasPrefix(u, "data:") {
			t.Errorf("a request left the page: %s", u)
		}
	}
	if len(b.errors) > 0 {
		t.Errorf("errors in the page: %v", b.errors)
	}
}

// hostile is what a stranger may write into any field of a source, and a server
// into any field of an answer.
const hostile = `</script><script>alerted=1</script><img src=//evil.example/x onerror=alerted=1>"'` + "`${}{{.}}\x1b[2J\u202e\u0000&lt;"

// A line is one of a report, as the contract has it.
type line map[string]any

// appendLines writes lines behind those of the report at path.
func appendLines(t *testing.T, path string, lines ...line) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	e := json.NewEncoder(f)
	for _, l := range lines {
		if l["at"] == nil {
			l["at"] = time.Now()
		}
		must(t, e.Encode(l))
	}
	must(t, f.Close())
}

func runLine() line {
	return line{"kind": "run", "run": "01A", "version": "1", "mode": "create", "sources": []string{hostile + ".csv"},
		"base_url": "https://api.example", "project_id": "65f0000000000000000000aa"}
}

func keyOf(i int) string { return contact.KeyOf([]string{fmt.Sprint(i)}).String() }

// writeRows writes a report of n rows with hostile text in every field.
func writeRows(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hostile.report.ndjson")
	lines := []line{runLine()}
	for i := range n {
		row := line{"kind": "row", "key": keyOf(i), "source": hostile, "line": i + 2, "row": i + 1, "contactIds": []string{fmt.Sprint(i), hostile},
			"status": "created", "_id": "65f000000000000000000001", "attempts": 1}
		if i%500 == 0 { // the only row of the run of one too
			row["status"], row["doubt"] = "unknown", hostile
			row["error"] = line{"http": 500, "code": i, "field": hostile + string(rune('a'+i/500%26)), "detail": hostile, "traceId": hostile, "hint": hostile}
			delete(row, "_id")
		}
		lines = append(lines, row)
	}
	if n > 0 {
		latency := [][2]float64{}
		for ms := 20; ms < 420; ms += 10 {
			latency = append(latency, [2]float64{float64(ms), float64(n)})
		}
		lines = append(lines, line{"kind": "traffic", "from": time.Now().Add(-time.Minute), "latency_ms": latency, "requests": []line{
			{"op": "create", "code": 201, "n": 6 * n}, {"op": "create", "code": 429, "n": n}, {"op": hostile, "code": 0, "n": 1}}})
	}
	appendLines(t, path, append(lines, line{"kind": "end", "run": "01A", "status": "stopped",
		"summary": line{"run": hostile, "status": "stopped", "reason": hostile, "read": n, "duration_s": 1}})...)
	return path
}

// The pages are opened in a browser, narrow and wide, with what strangers may
// write in every field. With $PAGES set to a folder, pictures are left there.
func TestPagesInABrowser(t *testing.T) {
	browser := newBrowser(t)
	for _, n := range []int{0, 1, 100_000} {
		a, err := report.Read(journal.Files{}, writeRows(t, n))
		must(t, err)
		file := filepath.Join(t.TempDir(), "page.html")
		f, err := os.Create(file)
		must(t, err)
		must(t, a.WriteHTML(f, nil, ""))
		must(t, f.Close())
		own := (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()
		for _, width := range []int{375, 1280} {
			t.Run(fmt.Sprintf("%d rows, %d pixels", n, width), func(t *testing.T) {
				tab := newTab(t, browser)
				var text string
				must(t, chromedp.Run(tab.ctx, chromedp.EmulateViewport(int64(width), 900), chromedp.Navigate(own), chromedp.Text("main", &text)))
				tab.check(t, own)
				for _, want := range []string{"Requests", "Rows in doubt", "<script>alerted=1</script>"} {
					if !strings.Contains(text, want) {
						t.Errorf("the page does not show %q", want)
					}
				}
				if n > 0 {
					var charts int
					must(t, chromedp.Run(tab.ctx, chromedp.Evaluate(`[...document.querySelectorAll("figure svg")].filter(s => s.getBoundingClientRect().width > 200).length`, &charts)))
					if charts != 2 {
						t.Errorf("%d charts are to be seen, want 2", charts)
					}
				}
				picture(t, tab, fmt.Sprintf("page-%d-%d.png", n, width))
			})
		}
	}
}

// The live page shows what the run has written since, without being loaded again.
func TestLivePageInABrowser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.report.ndjson")
	appendLines(t, path, runLine())
	live := report.NewLive(journal.Files{}, path, "t0ken", func() report.Now {
		return report.Now{Share: 0.5, Counts: hostile, Pace: "1 row/s", Quota: "quota 1 of 2"}
	})
	defer live.Close()
	server := httptest.NewServer(live)
	defer server.Close()

	tab := newTab(t, newBrowser(t))
	shows := func(want string) {
		t.Helper()
		must(t, chromedp.Run(tab.ctx, chromedp.Poll(fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, want), nil, chromedp.WithPollingInterval(200*time.Millisecond), chromedp.WithPollingTimeout(20*time.Second))))
	}
	must(t, chromedp.Run(tab.ctx, chromedp.EmulateViewport(375, 900), chromedp.Navigate(server.URL+"/?token=t0ken")))
	shows("nothing was settled yet")
	appendLines(t, path,
		line{"kind": "sending", "keys": []string{keyOf(1), keyOf(2)}},
		line{"kind": "row", "key": keyOf(1), "source": hostile, "line": 2, "row": 1, "contactIds": []string{hostile}, "status": "created", "_id": "65f000000000000000000001", "attempts": 1},
		line{"kind": "row", "key": keyOf(2), "source": hostile, "line": 3, "row": 2, "contactIds": []string{hostile}, "status": "rejected", "attempts": 1,
			"error": line{"http": 400, "field": hostile, "detail": hostile, "hint": hostile}})
	shows("profiles that the API made")
	shows("1 × rejected")
	tab.check(t, server.URL+"/?token=t0ken") // the token goes along when it is refreshed
	picture(t, tab, "live.png")

	appendLines(t, path, line{"kind": "end", "run": "01A", "status": "complete", "summary": line{"status": "complete"}})
	server.Close()
	must(t, chromedp.Run(tab.ctx, chromedp.Poll(`!document.getElementById("gone").hidden`, nil, chromedp.WithPollingInterval(200*time.Millisecond), chromedp.WithPollingTimeout(20*time.Second))))
}

// picture leaves a picture of the page in the folder $PAGES, for people.
func picture(t *testing.T, tab *tab, name string) {
	t.Helper()
	dir := os.Getenv("PAGES")
	if dir == "" {
		return
	}
	var png []byte
	must(t, chromedp.Run(tab.ctx, chromedp.CaptureScreenshot(&png)))
	must(t, os.WriteFile(filepath.Join(dir, name), png, 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
