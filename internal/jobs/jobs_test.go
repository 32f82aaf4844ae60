package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/internal/config"
	"importer/internal/pgtest"
	"importer/internal/store"
)

// A rig is the jobs of a store with a clock that stands still.
type rig struct {
	*Jobs
	t        *testing.T // of the subtest
	server   *pgtest.Server
	database string
	now      time.Time
}

func newRig(t *testing.T, server *pgtest.Server, database string) *rig {
	t.Helper()
	r := &rig{server: server, database: database, now: time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)}
	s, err := store.Open(t.Context(), store.Options{URL: server.Database(database), Lease: 30 * time.Second, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if r.Jobs, err = Open(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) submit(job config.Job) time.Time {
	r.t.Helper()
	next, _, err := r.Submit(r.t.Context(), job, []byte("settings of "+job.Name+" "+job.Schedule))
	if err != nil {
		r.t.Fatal(err)
	}
	return next
}

// at sweeps at a time, and wants these jobs to begin.
func (r *rig) at(now time.Time, began ...string) Swept {
	r.t.Helper()
	r.now = now
	swept, err := r.Sweep(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(swept.Began)
	if !slices.Equal(swept.Began, began) {
		r.t.Errorf("at %s %v began; want %v", now, swept.Began, began)
	}
	return swept
}

func (r *rig) job(name string) Job {
	r.t.Helper()
	all, err := r.List(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return all[0]
}

// end ends the run of a job, as a worker does.
func (r *rig) end(name string, run int64, exit int) {
	r.t.Helper()
	if _, ok, err := r.Begin(r.t.Context(), Args{name, run}); err != nil || !ok {
		r.t.Fatalf("the run %d of %s is not to be done: %v", run, name, err)
	}
	if err := r.End(r.t.Context(), Args{name, run}, Result{Exit: exit, Status: "complete", Summary: []byte(`{"read":1}`)}); err != nil {
		r.t.Fatal(err)
	}
	r.sql("update river_job set state = 'completed', finalized_at = now() where args->>'name' = '" + name + "'")
}

func (r *rig) sql(text string) string { return strings.TrimSpace(r.server.ExecIn(r.database, text)) }

// handed are the runs that River has to hand out.
func (r *rig) handed() string {
	return r.sql("select coalesce(string_agg(args->>'name' || ' ' || (args->>'run'), ', ' order by id), '') from river_job where state in ('available', 'running')")
}

func TestJobs(t *testing.T) {
	server := pgtest.Start(t)
	r := newRig(t, server, "jobs")
	for name, try := range map[string]func(*testing.T, *rig){
		"once": onceOnly, "late": late, "overlapping": overlapping, "time zone": timeZone, "paused": paused, "asked": asked, "settings": settingsOfTheNextRun,
		"lost": lostByRiver, "killed": killedWorker, "many sweep": manySweep, "hostile": hostileRows, "opened twice": openedTwice,
	} {
		t.Run(name, func(t *testing.T) {
			r.sql("truncate importer_job, river_job, importer_run cascade")
			fresh := *r
			fresh.t = t
			fresh.Jobs = &Jobs{Store: r.Store, river: r.river}
			fresh.Now = func() time.Time { return fresh.now }
			try(t, &fresh)
		})
	}
}

// A job without a schedule runs once, stays listed, and again when it is submitted again.
func onceOnly(t *testing.T, r *rig) {
	r.submit(config.Job{Name: "a"})
	r.at(r.now, "a")
	if b := r.job("a"); !b.Lasts || !b.Next.IsZero() {
		t.Errorf("%+v", b)
	}
	r.submit(config.Job{Name: "a"}) // while it lasts: after that
	r.at(r.now.Add(time.Minute))
	r.end("a", 1, 3)
	if b := r.job("a"); b.LastExit != 3 || b.LastStatus != "complete" || !b.LastSuccess.IsZero() || b.Lasts {
		t.Errorf("%+v", b)
	}
	r.at(r.now, "a")
	r.end("a", 2, 0)
	r.at(r.now.Add(24 * time.Hour))
	if b := r.job("a"); b.LastSuccess.IsZero() || b.LastExit != 0 {
		t.Errorf("%+v", b)
	}
}

// A run that is late begins once, whatever it missed.
func late(t *testing.T, r *rig) {
	if next := r.submit(config.Job{Name: "a", Schedule: "0 3 * * *"}); !next.Equal(time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("due at %s", next)
	}
	r.at(r.now.Add(119 * time.Minute))
	r.at(time.Date(2026, 11, 29, 14, 30, 0, 0, time.UTC), "a") // three nights later
	if b := r.job("a"); !b.Next.Equal(time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("due at %s", b.Next)
	}
	r.end("a", 1, 0)
	r.at(r.now.Add(time.Hour))
	if handed := r.handed(); handed != "" {
		t.Errorf("handed out: %s", handed)
	}
}

// A job whose last run lasts does not begin again, and the next time it is due it does. One
// that fails waits for its schedule.
func overlapping(t *testing.T, r *rig) {
	r.submit(config.Job{Name: "a", Schedule: "@hourly"})
	r.at(r.now.Add(time.Hour), "a")
	if swept := r.at(r.now.Add(time.Hour)); !slices.Equal(swept.Skipped, []string{"a"}) {
		t.Errorf("skipped: %v", swept.Skipped)
	}
	if swept := r.at(r.now.Add(time.Minute)); len(swept.Skipped) > 0 {
		t.Errorf("skipped again: %v", swept.Skipped)
	}
	if handed := r.handed(); handed != "a 1" {
		t.Errorf("handed out: %s", handed)
	}
	r.end("a", 1, 1)
	for range 58 {
		r.at(r.now.Add(time.Minute))
	}
	r.at(r.now.Add(time.Minute), "a")
}

// The schedule is one of its time zone, when the clocks change too.
func timeZone(t *testing.T, r *rig) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r.now = time.Date(2027, 3, 26, 12, 0, 0, 0, time.UTC)
	r.submit(config.Job{Name: "a", Schedule: "30 3 * * *", TimeZone: "Europe/Berlin"})
	for n, day := range []int{27, 28, 29} {
		due := time.Date(2027, 3, day, 3, 30, 0, 0, berlin)
		r.at(due.Add(-time.Second))
		r.at(due, "a")
		r.end("a", int64(n+1), 0)
	}
}

// A paused job does not begin, nor goes on with a run; when the pause is over it does both.
func paused(t *testing.T, r *rig) {
	r.submit(config.Job{Name: "a", Schedule: "@hourly"})
	r.at(r.now.Add(time.Hour), "a")
	ctx := t.Context()
	if err := r.Pause(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if wanted, _, err := r.Wanted(ctx, Args{"a", 1}, nil); wanted || err != nil {
		t.Errorf("it is wanted (%v)", err)
	}
	if _, ok, err := r.Begin(ctx, Args{"a", 1}); ok || err != nil {
		t.Errorf("it goes on (%v)", err)
	}
	r.sql("update river_job set state = 'completed', finalized_at = now()") // as a worker does, which found nothing to do
	r.at(r.now.Add(2 * time.Hour))
	if handed := r.handed(); handed != "" {
		t.Errorf("handed out: %s", handed)
	}
	if err := r.RunNow(ctx, "a"); err == nil || !strings.Contains(err.Error(), "paused") {
		t.Errorf("run: %v", err)
	}
	if err := r.Resume(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	r.at(r.now)
	if handed := r.handed(); handed != "a 1" {
		t.Errorf("handed out: %s", handed)
	}
	r.end("a", 1, 0)
	r.at(r.now.Add(time.Hour), "a")
	for _, change := range []func(context.Context, string) error{r.Pause, r.Resume, r.RunNow, r.Remove} {
		if err := change(ctx, "nobody"); err == nil || !strings.Contains(err.Error(), "has no job nobody") {
			t.Errorf("of a job that is not there: %v", err)
		}
	}
}

// A job runs when somebody asks for it, once, and its schedule stays.
func asked(t *testing.T, r *rig) {
	next := r.submit(config.Job{Name: "a", Schedule: "0 3 * * *"})
	if err := r.RunNow(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	r.at(r.now, "a")
	if b := r.job("a"); !b.Next.Equal(next) || b.Asked {
		t.Errorf("%+v", b)
	}
	var held *Error
	if err := r.RunNow(t.Context(), "a"); !errors.As(err, &held) || !held.Held {
		t.Errorf("while it runs: %v", err)
	}
	r.end("a", 1, 0)
	r.at(r.now.Add(time.Minute))
	if err := r.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if left := r.sql("select count(*) from importer_job"); left != "0" {
		t.Errorf("%s jobs are left", left)
	}
}

// New settings hold from the next run on.
func settingsOfTheNextRun(t *testing.T, r *rig) {
	r.submit(config.Job{Name: "a", Schedule: "@hourly"})
	r.at(r.now.Add(time.Hour), "a")
	r.submit(config.Job{Name: "a", Schedule: "@daily"})
	settings, ok, err := r.Begin(t.Context(), Args{"a", 1})
	if err != nil || !ok || !strings.HasSuffix(settings, "@hourly") {
		t.Errorf("the run that lasts: %q, %v", settings, err)
	}
	r.end("a", 1, 0)
	r.at(r.now.Add(24*time.Hour), "a")
	if settings, _, err := r.Begin(t.Context(), Args{"a", 2}); err != nil || !strings.HasSuffix(settings, "@daily") {
		t.Errorf("the next: %q, %v", settings, err)
	}
}

// A run that River does not know of any more is handed to it again, and one that has ended is
// not done twice.
func lostByRiver(t *testing.T, r *rig) {
	r.submit(config.Job{Name: "a"})
	r.at(r.now, "a")
	r.at(r.now)
	if handed := r.handed(); handed != "a 1" {
		t.Errorf("handed out: %s", handed)
	}
	r.sql("delete from river_job")
	r.at(r.now)
	if handed := r.handed(); handed != "a 1" {
		t.Errorf("handed out after it was lost: %s", handed)
	}
	r.end("a", 1, 0)
	if _, ok, err := r.Begin(t.Context(), Args{"a", 1}); ok || err != nil {
		t.Errorf("it is done again (%v)", err)
	}
}

// What a worker has is given to others when its lease has ended, and not before.
func killedWorker(t *testing.T, r *rig) {
	claim, err := r.Worker(t.Context(), "host/1/A")
	if err != nil {
		t.Fatal(err)
	}
	r.submit(config.Job{Name: "a"})
	r.at(r.now, "a")
	r.sql("update river_job set state = 'running', attempt = 1, attempted_by = '{host/9/X,host/1/A}'")
	if swept := r.at(r.now); swept.Released != 0 {
		t.Error("what a worker has was given to others")
	}
	if b := r.job("a"); b.RunningOn != "host:1" {
		t.Errorf("it runs on %q", b.RunningOn)
	}
	if err := r.Remove(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "runs on host:1") {
		t.Errorf("removed while it runs: %v", err)
	}
	r.sql("update importer_run set lease_until = clock_timestamp() - interval '1 second' where kind = 'worker'")
	if swept := r.at(r.now); swept.Released != 1 || r.handed() != "a 1" {
		t.Errorf("%+v, handed out: %s", swept, r.handed())
	}
	_ = claim.Release()
	if left := r.sql("select count(*) from importer_run"); left != "0" && left != "1" {
		t.Errorf("%s claims", left)
	}
}

// Of many processes that sweep at once, each due job begins in one.
func manySweep(t *testing.T, r *rig) {
	for n := range 40 {
		r.submit(config.Job{Name: fmt.Sprint("a", n)})
	}
	var mu sync.Mutex
	var began []string
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 3 {
				swept, err := r.Sweep(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				began = append(began, swept.Began...)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(began)
	if twice := len(slices.Compact(slices.Clone(began))); len(began) != 40 || twice != 40 {
		t.Errorf("%d began, %d of them apart", len(began), twice)
	}
	if n := r.sql("select count(*) from river_job"); n != "40" {
		t.Errorf("River has %s", n)
	}
}

// Rows that somebody else wrote stop nobody: what cannot be read is never due again.
func hostileRows(t *testing.T, r *rig) {
	r.submit(config.Job{Name: "good", Schedule: "@hourly"})
	for n, schedule := range []string{"@every 1ns", "* * * * * *", "nonsense", strings.Repeat("*", 5000), "TZ=../../etc/passwd 0 3 * * *", "0 0 31 2 *"} {
		r.sql(fmt.Sprintf("insert into importer_job (name, settings, schedule, time_zone, next_at) values ('bad%d', 'x', '%s', '../../../etc/localtime', '2000-01-01')", n, schedule))
	}
	r.sql(`insert into importer_job (name, settings, tags, next_at) values (E'\x1b[2J"; drop table importer_job; --', 'x', array[E'\x1b[2J', repeat('x', 10000)], '-infinity')`)
	r.sql(`insert into river_job (kind, args, max_attempts, state, queue) values ('importer', '[]', 1, 'running', 'imports'), ('importer', '{"name": 1}', 1, 'running', 'imports'), ('evil', '{}', 1, 'running', 'x')`)
	r.now = r.now.Add(time.Hour)
	swept, err := r.Sweep(t.Context())
	if err != nil || len(swept.Began) != 8 || !slices.Contains(swept.Began, "good") {
		t.Fatalf("%+v, %v", swept, err)
	}
	if next := r.sql("select count(*) from importer_job where next_at is not null"); next != "1" {
		t.Errorf("%s are due again", next)
	}
	r.sql("update importer_job set next_at = 'infinity', last_ended = '-infinity' where name = 'bad1'")
	if all, err := r.List(t.Context(), ""); err != nil || len(all) != 8 {
		t.Error(len(all), err)
	}
	if queues, err := r.Queues(t.Context(), ""); err != nil || len(queues) != 2 {
		t.Errorf("%v, %v", queues, err)
	}
	if state := r.sql("select state from river_job where kind = 'evil'"); state != "running" {
		t.Errorf("the job of somebody else is %s", state)
	}
}

// Of several programs that open a store for the first time, all find its tables.
func openedTwice(t *testing.T, r *rig) {
	url := r.server.Database("fresh")
	var all sync.WaitGroup
	for range 3 {
		s, err := store.Open(t.Context(), store.Options{URL: url, Lease: 30 * time.Second, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if _, err := Open(t.Context(), s); err != nil {
				t.Error(err)
			}
			_ = s.Close()
		})
	}
	all.Wait()
	r.server.ExecIn("fresh", "update importer_job_version set version = 99")
	s, err := store.Open(t.Context(), store.Options{URL: url, Lease: 30 * time.Second, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), "update this program") {
		t.Errorf("a later version: %v", err)
	}
}
