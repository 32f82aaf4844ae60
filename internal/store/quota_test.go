package store

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/pgtest"
)

const pool = "https://api.example.com"

// What leaves the server as it is shares one.
func TestQuota(t *testing.T) {
	pg := pgtest.Start(t)
	for name, test := range map[string]func(t *testing.T, pg db){"three": testQuotaOfThreeWorkers, "stopped": testQuotaOfAStoppedWorker, "hand": testQuotaPageByHand} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, schema(pg, name))
		})
	}
}

func join(t *testing.T, s *Store, rate pace.Rate) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Join(t.Context(), s.Quota(pool), rate, ledger.Options{Lease: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A counter refuses what is over a quota, as the API does: every window may hold so many.
type counter struct {
	rate    pace.Rate
	mu      sync.Mutex
	arrived []time.Time
	refused int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	from, _ := slices.BinarySearchFunc(c.arrived, now.Add(-c.rate.Window), time.Time.Compare)
	if len(c.arrived)-from >= c.rate.Quota {
		c.refused++
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	c.arrived = append(c.arrived, now)
}

// send has a run send n requests.
func (c *counter) send(t *testing.T, url string, l *ledger.Ledger, n int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	p := pace.NewPacer(c.rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) { t.Error(err) }})
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range left {
				bought, err := p.Wait(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Get(url)
				if err != nil {
					t.Error(err)
				} else {
					resp.Body.Close()
				}
				p.Done(bought, nil)
			}
		})
	}
	wg.Wait()
}

// play has runs with a ledger each send n requests together, and returns how long that took.
func (c *counter) play(t *testing.T, ledgers []*ledger.Ledger, n int) time.Duration {
	server := httptest.NewServer(c)
	defer server.Close()
	began := time.Now()
	var wg sync.WaitGroup
	for _, l := range ledgers {
		wg.Go(func() {
			c.send(t, server.URL, l, n/len(ledgers))
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// Three workers, each with a store of its own, and three runs on one quota: nothing is refused.
// With CHAOS=full, on a machine that nothing else keeps busy, at least 99 % of the quota is
// used, and that takes 1 % more than one run takes that shares it with nobody, at most. In
// virtual time that holds on any machine: see TestThreeAsFastAsOne of package ledger.
func testQuotaOfThreeWorkers(t *testing.T, pg db) {
	rate := pace.Rate{Quota: 100, Window: time.Second}
	windows, full := 2, os.Getenv("CHAOS") == "full"
	if full {
		rate.Window, windows = 3*time.Second, 6
	}
	alone, err := ledger.OpenIn(t.TempDir(), pool, rate)
	if err != nil {
		t.Fatal(err)
	}
	workers := [][]*ledger.Ledger{{alone}, {}}
	for range 3 {
		workers[1] = append(workers[1], join(t, open(t, pg.URL()), rate))
	}
	var took [2]time.Duration
	for i, ledgers := range workers {
		c := &counter{rate: rate}
		took[i] = c.play(t, ledgers, windows*rate.Quota)
		if c.refused > 0 || len(c.arrived) != windows*rate.Quota/len(ledgers)*len(ledgers) {
			t.Errorf("%d workers: %d requests were refused and %d accepted; want 0 and all", len(ledgers), c.refused, len(c.arrived))
		}
		if asked, used := time.Duration(windows-1)*rate.Window, c.arrived[len(c.arrived)-1].Sub(c.arrived[0]); full && i == 1 && used > asked*100/99 {
			t.Errorf("what the quota asks %v for took %v", asked, used)
		}
	}
	t.Logf("%d requests at %v: one worker %v, three %v", windows*rate.Quota, rate, took[0], took[1])
	if full && took[1] > took[0]*101/100 {
		t.Errorf("three workers took %v; want 1 %% more than the %v of one at most", took[1], took[0])
	}
}

// take takes n tokens.
func take(t *testing.T, l *ledger.Ledger, n int) {
	t.Helper()
	for began := time.Now(); n > 0; {
		wait, err := l.Take(1)
		if err != nil || time.Since(began) > 10*time.Second {
			t.Fatalf("%d tokens are still to be had: %v", n, err)
		}
		if wait == 0 {
			n--
			continue
		}
		time.Sleep(min(wait, time.Millisecond))
	}
}

// vain takes tokens until none was to be had for a while, and returns how many there were.
func vain(t *testing.T, l *ledger.Ledger) (n int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
		wait, err := l.Take(1)
		if err != nil {
			t.Fatal(err)
		}
		if wait == 0 {
			n, began = n+1, time.Now()
			continue
		}
		time.Sleep(min(wait, time.Millisecond))
	}
	return n
}

// exactly takes n tokens, and finds no more.
func exactly(t *testing.T, l *ledger.Ledger, n int) {
	t.Helper()
	take(t, l, n)
	if more := vain(t, l); more != 0 {
		t.Errorf("%d tokens were to be had; want %d", n+more, n)
	}
}

var slow = pace.Rate{Quota: 100, Window: time.Hour}

// A worker that stands still in the middle of an exchange keeps the others from the page for
// two seconds.
func testQuotaOfAStoppedWorker(t *testing.T, pg db) {
	l := join(t, open(t, pg.URL()), slow)
	stopped := open(t, pg.URL()).Quota(pool)
	began, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- stopped.Exchange(context.Background(), func(v ledger.View) ([]byte, error) {
			close(began)
			<-goOn
			return []byte("{}"), nil
		})
	}()
	<-began
	at := time.Now()
	take(t, l, 1)
	if waited := time.Since(at); waited < time.Second || waited > 4*time.Second {
		t.Errorf("a token was to be had after %v; want 2 s", waited)
	}
	close(goOn)
	if err := <-ended; err == nil {
		t.Error("the exchange of the stopped worker went well, and the page had changed meanwhile")
	}
	exactly(t, l, 99)
}

// The server ends at once, and comes back; a commit is made and its answer lost. Nobody waits
// inside of the ledger, and each request counts once.
func TestQuotaOfAServerThatIsAway(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Durable())
	proxy := pgtest.NewProxy(t, pg.Addr())
	l := join(t, open(t, pg.URLAt(proxy.Addr(), "importer", "importer")), slow)
	other := join(t, open(t, pg.URL()), slow)
	take(t, l, 40)
	for range 20 {
		l.Done(true)
	}
	lost := proxy.CutAnswer("update importer_quota")
	for range 10 {
		l.Done(true)
	}
	<-lost
	pg.Stop(true)
	at := time.Now()
	n := vain(t, l) // what it still holds
	if took := time.Since(at); took > 2*time.Second {
		t.Errorf("taking %d tokens took %v while the server is away", n, took)
	}
	pg.Start()
	for range 10 + n {
		l.Done(true)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	exactly(t, other, 60-n)
}

// A page that nobody can read counts as a quota used up when it was written; one that was
// removed is begun anew.
func testQuotaPageByHand(t *testing.T, pg db) {
	s := open(t, pg.URL())
	l := join(t, s, slow)
	pg.Exec("update importer_quota set page = 'x', at = clock_timestamp()")
	if n := vain(t, l); n != 0 {
		t.Errorf("%d tokens beside an invalid page; want none", n)
	}
	pg.Exec("update importer_quota set page = 'x', at = clock_timestamp() - interval '2 hours'")
	exactly(t, join(t, s, slow), 100)
	pg.Exec("delete from importer_quota")
	take(t, join(t, s, slow), 1)
}

func BenchmarkQuota(b *testing.B) {
	pg := pgtest.Start(b, pgtest.Durable())
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var qs []*Quota
			for range n {
				s, err := Open(b.Context(), options(pg.URL()))
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				q := s.Quota(pool)
				if err := q.Exchange(b.Context(), func(v ledger.View) ([]byte, error) { return []byte(strings.Repeat("x", 1500)), nil }); err != nil {
					b.Fatal(err)
				}
				qs = append(qs, q)
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for _, q := range qs {
				wg.Go(func() {
					for range b.N {
						if err := q.Exchange(context.Background(), func(v ledger.View) ([]byte, error) { return v.Page, nil }); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
