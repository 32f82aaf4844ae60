package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"importer/internal/config"
	"importer/internal/store"
)

// Args are those of a job of River: which run is to be carried out.
type Args struct {
	Name string `json:"name" river:"unique"`
	Run  int64  `json:"run"` // as importer_job.runs counts them
}

// Kind implements river.JobArgs.
func (Args) Kind() string { return "importer" }

// live are the states of River in which a job is still to be carried out.
var live = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}

// WorkerName names a process that carries jobs out, for River.
func WorkerName(host string, pid int) string {
	if len(host) > 60 {
		host = host[:60]
	}
	return host + "/" + strconv.Itoa(pid) + "/" + ulid.Make().String()
}

// placeOf is a worker as people are told of it: host and process.
func placeOf(worker string) string {
	host, rest, ok := strings.Cut(worker, "/")
	if pid, _, more := strings.Cut(rest, "/"); ok && more {
		return host + ":" + pid
	}
	return worker
}

// QueueOf is the queue of River for jobs of these tags. Jobs of the same tags share one,
// so that a worker can take those that it selects and no others.
func QueueOf(tags []string) string {
	if len(tags) == 0 {
		return "imports"
	}
	sum := sha256.Sum256([]byte(strings.Join(tagsOf(tags), "\n")))
	return "imports_" + hex.EncodeToString(sum[:8])
}

// Worker says that this process carries out jobs, until the claim is released or its lease
// has ended: then what it had is given to others.
func (j *Jobs) Worker(ctx context.Context, name string) (*store.Claim, error) {
	return j.Store.Claim(ctx, store.ID{Kind: store.KindWorker, Name: name})
}

// Queues are those of the jobs with a tag; of all, where it is empty.
func (j *Jobs) Queues(ctx context.Context, tag string) (queues []string, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select distinct tags from importer_job where $1 = '' or $1 = any(tags)", tag)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
		queues = nil
		for _, tags := range all {
			queues = append(queues, QueueOf(tags))
		}
		return err
	})
	return queues, err
}

// release makes available what workers had whose lease is over. River would take an hour.
const release = `update river_job r set state = 'available', scheduled_at = clock_timestamp(), attempt = greatest(attempt - 1, 0)
	where kind = 'importer' and state = 'running' and not exists (select from importer_run w where w.kind = 'worker'
		and w.name = r.attempted_by[array_length(r.attempted_by, 1)] and w.lease_until > clock_timestamp())`

// forget removes what workers left that were killed.
const forget = `delete from importer_run where kind = 'worker' and lease_until < clock_timestamp() - interval '10 minutes'`

// dueNow are the jobs of which a run may have to begin. Another worker may be at some.
const dueNow = `select name, schedule, time_zone, tags, runs, runs > ended from importer_job
	where not paused and (next_at <= $1 or asked_at is not null) and not (schedule = '' and runs > ended) order by next_at, name limit 200 for update skip locked`

// lost are the runs that River does not know of any more.
const lost = `select name, tags, runs from importer_job j where runs > ended and not paused and not exists (
	select from river_job r where r.kind = 'importer' and r.args->>'name' = j.name and r.state in ('available', 'pending', 'retryable', 'running', 'scheduled'))
	limit 200 for update skip locked`

// Swept is what a sweep did.
type Swept struct {
	Released int64    // runs that dead workers had
	Began    []string // jobs of which a run began
	Skipped  []string // jobs that were due while their last run lasts
}

// Sweep begins the runs that are due, gives what dead workers had to others, and hands to
// River what it lost. A run that is late begins once, whatever it missed; of a job whose
// last run lasts no other begins. Any number of processes may sweep at once.
func (j *Jobs) Sweep(ctx context.Context) (swept Swept, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		swept = Swept{}
		tag, err := tx.Exec(ctx, release)
		if err != nil {
			return err
		}
		swept.Released = tag.RowsAffected()
		if _, err = tx.Exec(ctx, forget); err != nil {
			return err
		}
		if err := j.begin(ctx, tx, &swept); err != nil {
			return err
		}
		return j.handAgain(ctx, tx)
	})
	return swept, err
}

// A due job is one that may have to begin.
type due struct {
	config.Job
	runs  int64
	lasts bool
}

func (j *Jobs) begin(ctx context.Context, tx pgx.Tx, swept *Swept) error {
	now, err := j.now(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, dueNow, now)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d due, err error) {
		err = row.Scan(&d.Name, &d.Schedule, &d.TimeZone, (*[]string)(&d.Tags), &d.runs, &d.lasts)
		return d, err
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.lasts {
			swept.Skipped = append(swept.Skipped, d.Name)
		} else {
			d.runs++
			swept.Began = append(swept.Began, d.Name)
			if err := j.hand(ctx, tx, Args{d.Name, d.runs}, d.Tags); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `update importer_job set runs = $2, next_at = $3, asked_at = null,
			last_started = case when $4 then last_started end, begun = case when $4 then begun else settings end where name = $1`,
			d.Name, d.runs, d.next(now), d.lasts); err != nil {
			return err
		}
	}
	return nil
}

// next is when the job is due after now; nil: not by itself. A row that somebody else wrote
// may hold anything: what cannot be read is never due, and its run says why.
func (d *due) next(now time.Time) *time.Time {
	times, err := d.Timetable()
	if err != nil {
		return nil
	}
	if next := times.After(now); !next.IsZero() {
		return &next
	}
	return nil
}

// handAgain gives River the runs that it lost, such as those that were paused.
func (j *Jobs) handAgain(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, lost)
	if err != nil {
		return err
	}
	type one struct {
		args Args
		tags []string
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o one, err error) {
		err = row.Scan(&o.args.Name, &o.tags, &o.args.Run)
		return o, err
	})
	for _, o := range all {
		if err == nil {
			err = j.hand(ctx, tx, o.args, o.tags)
		}
	}
	return err
}

// hand has River hand out a run, unless it does so already.
func (j *Jobs) hand(ctx context.Context, tx pgx.Tx, a Args, tags []string) error {
	_, err := j.river.InsertTx(ctx, tx, a, &river.InsertOpts{
		Queue: QueueOf(tags), MaxAttempts: 1000, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: live},
	})
	return err
}

// Begin takes up a run for a slice of it, and returns the settings; false where there is
// nothing to do: the job was removed or paused, or the run has ended.
func (j *Jobs) Begin(ctx context.Context, a Args) (settings string, ok bool, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `update importer_job set last_started = coalesce(last_started, clock_timestamp())
			where name = $1 and runs = $2 and ended < runs and not paused returning coalesce(begun, settings)`, a.Name, a.Run).Scan(&settings)
		if ok = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return settings, ok, err
}

// A Result is how a run ended.
type Result struct {
	Exit               int
	Status             string // complete, interrupted, stopped
	Reason             string
	Summary            json.RawMessage // nil: it did not come to one
	BaseURL, ProjectID string
}

// End says how a run ended. It may be said again.
func (j *Jobs) End(ctx context.Context, a Args, r Result) error {
	summary := []byte(r.Summary)
	if strings.Contains(string(summary), `\u0000`) { // which no jsonb can hold
		summary = nil
	}
	return j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update importer_job set ended = $2, last_status = $3, last_exit = $4, last_reason = $5, last_summary = $6, base_url = $7, project_id = $8,
			last_ended = clock_timestamp(), last_success = case when $4 = 0 then clock_timestamp() else last_success end where name = $1 and ended < $2`,
			a.Name, a.Run, r.Status, r.Exit, strings.ReplaceAll(r.Reason, "\x00", ""), summary, r.BaseURL, r.ProjectID)
		return err
	})
}

// Wanted tells whether a run that lasts is to go on, and whether others are in the queues that
// no worker has just now. Some of them may be taken in a moment.
func (j *Jobs) Wanted(ctx context.Context, a Args, queues []string) (wanted, waiting bool, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select exists (select from importer_job where name = $1 and runs = $2 and ended < runs and not paused),
			exists (select from river_job where kind = 'importer' and state = 'available' and queue = any($3))`,
			a.Name, a.Run, queues).Scan(&wanted, &waiting)
	})
	return wanted, waiting, err
}

// Idle tells whether there is nothing left to do of the jobs with a tag, for a worker of that
// name: none is due, and what lasts is with other workers.
func (j *Jobs) Idle(ctx context.Context, tag, worker string) (idle bool, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now, err := j.now(ctx, tx)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select not exists (select from importer_job j where ($1 = '' or $1 = any(tags)) and not paused
			and (next_at <= $3 or asked_at is not null or runs > ended and coalesce(`+running+`, $2) = $2))`, tag, worker, now).Scan(&idle)
	})
	return idle, err
}
