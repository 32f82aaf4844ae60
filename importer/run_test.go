package importer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
)

func TestEveryRowIsCreatedAndASecondRunSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		s := r.mustComplete(t, testRows(1000))
		if s.Created != 1000 || s.Requests != 1000 || s.Retries != 0 {
			t.Errorf("first run: %+v", s)
		}
		r.once(t, 1000)
		if r.api.most != 16 {
			t.Errorf("%d requests in flight at once, want 16", r.api.most)
		}
		s = r.mustComplete(t, testRows(1000))
		if s.DoneBefore != 1000 || s.Requests != 0 {
			t.Errorf("second run: %+v", s)
		}
	})
}

// The first promise rests on this order.
func TestNothingIsSentBeforeItIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.fault = func(_ string, attempt int, _ func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, &contact.APIError{Class: contact.Transient}, attempt == 1
		}
		r.mustComplete(t, testRows(2000))
		announced := map[string]bool{}
		creates := 0
		for _, entry := range r.api.log {
			what, key, _ := strings.Cut(entry, " ")
			switch {
			case what == "announced":
				announced[key] = true
			case !announced[key]:
				t.Fatalf("key %s was sent before it was announced", key)
			default:
				creates++
			}
		}
		if creates != 4000 {
			t.Errorf("%d creates, want 4000", creates)
		}
		if most := slices.Max(r.report.batches); most > maxBatch || most < 100 {
			t.Errorf("the largest batch had %d rows, want some hundreds", most)
		}
	})
}

func TestBatchFollowsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		rate, err := pace.ParseRate("20/s")
		if err != nil {
			t.Fatal(err)
		}
		r.o.Pacer = pace.NewPacer(rate, pace.PacerOptions{})
		start := time.Now()
		r.mustComplete(t, testRows(200))
		if most := slices.Max(r.report.batches); most > 25 {
			t.Errorf("a batch of %d rows at 20/s: more than about a second's worth is in doubt after a crash", most)
		}
		if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("200 rows at 20/s took %s", took)
		}
	})
}

func TestSlowSourceDoesNotWaitForAFullBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		rows := func(yield func(contact.Row, error) bool) {
			for i := 1; i <= 5; i++ {
				if !yield(testRow(i), nil) {
					return
				}
				time.Sleep(time.Minute)
			}
		}
		r.mustComplete(t, rows)
		for i, at := range r.api.requests {
			if late := at.Sub(r.api.requests[0]) - time.Duration(i)*time.Minute; late < -time.Second || late > time.Second {
				t.Errorf("row %d was sent %s after it was read", i+1, late)
			}
		}
	})
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name     string
		fails    int // attempts of row 1 that fail as transient
		want     contact.Status
		attempts int
	}{
		{"none", 0, contact.Created, 1},
		{"as many as allowed", 5, contact.Created, 6},
		{"one too many", 6, contact.Failed, 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.api.fault = func(id string, attempt int, _ func() string) (contact.CreateResult, error, bool) {
				return contact.CreateResult{}, &contact.APIError{Class: contact.Transient, Failure: contact.Failure{Detail: "refused"}}, id == "c1@example.com" && attempt <= c.fails
			}
			s := r.mustComplete(t, testRows(50))
			o := r.report.last[testRow(1).Key]
			if o.Status != c.want || o.Attempts != c.attempts {
				t.Errorf("%s: %s after %d attempts, want %s after %d", c.name, o.Status, o.Attempts, c.want, c.attempts)
			}
			if s.Retries != int64(c.attempts-1) {
				t.Errorf("%s: %d retries counted", c.name, s.Retries)
			}
			if c.want == contact.Failed {
				if o.Failure == nil || !strings.Contains(o.Failure.Detail, "refused") || o.Failure.Hint == "" {
					t.Errorf("%s: failure %+v", c.name, o.Failure)
				}
				// The next run tries it again.
				r.api.fault = nil
				if s := r.mustComplete(t, testRows(50)); s.Created != 1 || s.DoneBefore != 49 {
					t.Errorf("%s: second run %+v", c.name, s)
				}
			}
		})
	}
}

func TestRefusedRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.fault = func(id string, _ int, _ func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400, Field: "age", Detail: "no"}}, id == "c2@example.com"
		}
		rows := func(changed bool) contact.Rows {
			return func(yield func(contact.Row, error) bool) {
				for i := 1; i <= 4; i++ {
					row := testRow(i)
					if i == 2 && changed {
						row.Digest[0]++
					}
					if i == 3 {
						if !yield(contact.Row{}, &contact.RowError{Source: "t.csv", Line: 4, Number: 3, Field: "email", Reason: "bad"}) {
							return
						}
						continue
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		}
		check := func(name string, s contact.Summary, requests int64) {
			t.Helper()
			if s.Requests != requests || s.Rejected != 1 || s.Invalid != 1 {
				t.Errorf("%s: %+v, want %d requests", name, s, requests)
			}
			// Whoever looks at the reject file finds all that is not in.
			var lines []int
			for _, o := range r.rejects.rows {
				lines = append(lines, o.Row.Line)
				if o.Failure == nil || o.Failure.Detail == "" {
					t.Errorf("%s: line %d without a reason", name, o.Row.Line)
				}
			}
			slices.Sort(lines)
			if !slices.Equal(lines, []int{3, 4}) {
				t.Errorf("%s: the reject file holds lines %v", name, lines)
			}
		}
		check("first run", r.mustComplete(t, rows(false)), 3)
		check("unchanged", r.mustComplete(t, rows(false)), 0)
		check("changed", r.mustComplete(t, rows(true)), 1)
		r.o.RetryRejected = true
		check("unchanged, retry asked for", r.mustComplete(t, rows(true)), 1)
	})
}

func TestDuplicatesNameTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		rows := func(yield func(contact.Row, error) bool) {
			again := testRow(1)
			again.Line = 99
			_ = yield(testRow(1), nil) && yield(again, nil)
		}
		s := r.mustComplete(t, rows)
		if s.Created != 1 || s.Duplicate != 1 {
			t.Errorf("%+v", s)
		}
		i := slices.IndexFunc(r.report.outcomes, func(o *contact.Outcome) bool { return o.Status == contact.Duplicate })
		if o := r.report.outcomes[i]; o.First != (contact.Place{Source: "t.csv", Line: 2}) || o.Row.Line != 99 {
			t.Errorf("duplicate %+v", o)
		}
		r.once(t, 1)
	})
}

func TestFatalErrorStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, &contact.APIError{Class: contact.Fatal, Failure: contact.Failure{HTTP: 401, Detail: "key"}}, true
		}
		s, err := r.run(t.Context(), t, testRows(10_000))
		var problem *contact.APIError
		if !errors.As(err, &problem) || problem.HTTP != 401 || s.Status != contact.Stopped || s.Reason == "" {
			t.Errorf("run ended %s: %v", s.Status, err)
		}
		if s.Requests > int64(r.o.Workers) {
			t.Errorf("%d requests with %d workers", s.Requests, r.o.Workers)
		}
		if s.Pending != s.Read || len(r.report.doubtful) != 0 {
			t.Errorf("%d of %d rows pending, %d in doubt", s.Pending, s.Read, len(r.report.doubtful))
		}
	})
}

func TestInterruptAwaitsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.latency = 2 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		s, err := r.run(ctx, t, testRows(1000))
		if err != nil || s.Status != contact.Interrupted {
			t.Fatalf("run ended %s: %v", s.Status, err)
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("took %s, want the 4 s until the requests in flight are answered", took)
		}
		sent := int64(len(r.api.requests))
		if sent == 0 || s.Created != sent || len(r.report.doubtful) != 0 {
			t.Errorf("%d requests, %d created, %d in doubt", sent, s.Created, len(r.report.doubtful))
		}
		r.api.latency = time.Millisecond
		if s := r.mustComplete(t, testRows(1000)); s.Created != 1000-sent || s.LookedUp != 0 {
			t.Errorf("resumed: %+v", s)
		}
		r.once(t, 1000)
	})
}

func TestInterruptWhileTheSourceBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		rows := func(yield func(contact.Row, error) bool) {
			yield(testRow(1), nil)
			<-release // as a read of standard input would
		}
		s, err := r.run(ctx, t, rows)
		close(release)
		if err != nil || s.Status != contact.Interrupted || s.Created != 1 {
			t.Errorf("run ended %s: %v, %+v", s.Status, err, s)
		}
	})
}

func TestInputThatEndsInAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		broken := errors.New("disk on fire")
		rows := func(yield func(contact.Row, error) bool) {
			_ = yield(testRow(1), nil) && yield(testRow(2), nil) && yield(contact.Row{}, broken)
		}
		s, err := r.run(t.Context(), t, rows)
		if !errors.Is(err, broken) || s.Status != contact.Stopped || s.Created != 2 {
			t.Errorf("run ended %s: %v, %+v", s.Status, err, s)
		}
	})
}

func TestMaxErrorsStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.o.MaxErrors = must(contact.ParseMaxErrors("10"))
		r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400}}, true
		}
		s, err := r.run(t.Context(), t, testRows(10_000))
		if err == nil || s.Status != contact.Stopped || !strings.Contains(err.Error(), "--max-errors") {
			t.Errorf("run ended %s: %v", s.Status, err)
		}
		if s.Rejected < 11 || s.Rejected > 11+int64(r.o.Workers)*4 {
			t.Errorf("%d rejected", s.Rejected)
		}
	})
}

func TestReportThatFailsStopsSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		full := errors.New("no space left on device")
		writes := 0
		r.report.fail = func() error {
			if writes++; writes > 100 {
				return full
			}
			return nil
		}
		s, err := r.run(t.Context(), t, testRows(10_000))
		if !errors.Is(err, full) || s.Status != contact.Stopped {
			t.Errorf("run ended %s: %v", s.Status, err)
		}
		if n := len(r.api.requests); n > 100+3*r.o.Workers {
			t.Errorf("%d requests after 100 lines", n)
		}
		// The next run settles what was sent and not recorded.
		r.report.fail = nil
		r.mustComplete(t, testRows(10_000))
		r.once(t, 10_000)
	})
}

func TestNothingWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, &contact.APIError{Class: contact.Transient, Failure: contact.Failure{Detail: "connection refused"}}, true
		}
		start := time.Now()
		s, err := r.run(t.Context(), t, testRows(10_000))
		if err == nil || s.Status != contact.Stopped || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("run ended %s: %v", s.Status, err)
		}
		if took := time.Since(start); took < r.o.GiveUpAfter || took > r.o.GiveUpAfter+2*time.Minute {
			t.Errorf("gave up after %s", took)
		}
		if s.Failed > 0 {
			t.Errorf("%d rows failed because the network was down", s.Failed)
		}
		r.api.fault = nil
		if s := r.mustComplete(t, testRows(10_000)); s.Created != 10_000 {
			t.Errorf("resumed: %+v", s)
		}
	})
}

func TestOutageIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		start := time.Now()
		r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
			up := time.Since(start)
			return contact.CreateResult{}, &contact.APIError{Class: contact.Transient}, up > time.Second && up < 5*time.Minute
		}
		s := r.mustComplete(t, testRows(10_000))
		if s.Created != 10_000 {
			t.Errorf("%+v", s)
		}
	})
}
