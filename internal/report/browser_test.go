package report

import (
	"context"
	"fmt"
	"importer/importer/contact"
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

// writeRows writes a report of n rows with hostile text in every field.
func writeRows(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hostile.report.ndjson")
	w := begin(t, path, hostile)
	var meter contact.TrafficMeter
	meter.Begin(time.Now().Add(-time.Minute))
	keys := make([]contact.Key, 0, n)
	for i := range n {
		keys = append(keys, contact.KeyOf([]string{fmt.Sprint(i)}))
	}
	must(t, w.report.Sending(keys))
	for i, key := range keys {
		o := &contact.Outcome{Status: contact.Created, ID: hostile, Attempts: 1, At: time.Now(), Row: contact.Row{
			Source: hostile, Line: i + 2, Number: int64(i + 1), Key: key, Profile: contact.Profile{ContactIDs: []string{fmt.Sprint(i), hostile}},
		}}
		if i%500 == 0 { // the only row of the run of one too
			o.Status, o.ID, o.Doubt = contact.Unknown, "", hostile
			o.Failure = &contact.Failure{HTTP: 500, Code: i, Field: hostile + string(rune('a'+i/500%26)), Detail: hostile, TraceID: hostile, Hint: hostile}
		}
		must(t, w.report.Append(o))
		meter.Observe("create", 201+i%7/6*228, time.Duration(20+i%400)*time.Millisecond)
	}
	if n > 0 {
		meter.Observe(hostile, 0, time.Second)
		traffic, _ := meter.Cut(time.Now())
		must(t, w.report.Traffic(traffic))
	}
	w.end(contact.Summary{Run: hostile, Status: contact.Stopped, Reason: hostile, Counts: contact.Counts{Read: int64(n)}})
	return path
}

// The pages are opened in a browser, narrow and wide, with what strangers may
// write in every field. With $PAGES set to a folder, pictures are left there.
func TestPagesInABrowser(t *testing.T) {
	browser := newBrowser(t)
	for _, n := range []int{0, 1, 100_000} {
		a, err := Read(writeRows(t, n))
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
	w := begin(t, path, "01A")
	live := NewLive(path, func() Now { return Now{Share: 0.5, Counts: hostile, Pace: "1 row/s", Quota: "quota 1 of 2"} })
	defer live.Close()
	server := httptest.NewServer(live)
	defer server.Close()

	tab := newTab(t, newBrowser(t))
	shows := func(want string) {
		t.Helper()
		must(t, chromedp.Run(tab.ctx, chromedp.Poll(fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, want), nil, chromedp.WithPollingInterval(200*time.Millisecond), chromedp.WithPollingTimeout(20*time.Second))))
	}
	must(t, chromedp.Run(tab.ctx, chromedp.EmulateViewport(375, 900), chromedp.Navigate(server.URL+"/")))
	shows("nothing was settled yet")
	w.row("a", contact.Created, nil)
	w.row("b", contact.Rejected, because(contact.Failure{HTTP: 400, Field: hostile, Detail: hostile, Hint: hostile}))
	shows("profiles that the API made")
	shows("1 × rejected")
	tab.check(t, server.URL+"/")
	picture(t, tab, "live.png")

	w.end(contact.Summary{Status: contact.Complete})
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
