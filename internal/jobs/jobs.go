// Package jobs is what a store holds of imports that workers carry out: their settings,
// when they are due, and how they stand.
//
//	Submit     puts a job there, or new settings of one
//	Sweep      begins the runs that are due, and gives back what dead workers had
//	Begin      takes a run up, for one slice of it
//	End        says how a run ended
//
// River hands the runs out, one of its jobs for each run that lasts. A worker carries out a
// slice and snoozes it until the run has ended. What is in the table importer_job decides:
// a run lasts while runs is greater than ended, and one that River lost is handed to it
// again. That two do not send for one run is kept by its lease, as of any run in a store.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"importer/internal/config"
	"importer/internal/store"
)

// Jobs are those of a store. Its methods are safe for concurrent use.
type Jobs struct {
	Store *store.Store
	// Now is the clock that decides what is due, for tests; nil: that of the database.
	Now func() time.Time

	river *river.Client[pgx.Tx] // inserts only
}

// migrations lead to the version of the table importer_job that this program works with,
// as those of the store. One that was released is never changed.
var migrations = []string{1: `
create table importer_job (
	name         text primary key,
	settings     text not null,               -- the job file
	begun        text,                        -- the settings of the run that lasts, or lasted last
	schedule     text not null default '',    -- empty: once
	time_zone    text not null default '',
	tags         text[] not null default '{}',
	paused       boolean not null default false,
	next_at      timestamptz,                 -- when it is due; null: not by itself
	asked_at     timestamptz,                 -- somebody wants a run since then
	runs         bigint not null default 0,   -- that began
	ended        bigint not null default 0,   -- the last that ended; below runs: one lasts
	base_url     text not null default '',    -- of the last run, where its report is found
	project_id   text not null default '',
	last_status  text not null default '',    -- complete, interrupted, stopped
	last_exit    int not null default 0,      -- as the same import by itself would have ended
	last_reason  text not null default '',
	last_summary jsonb,
	last_started timestamptz,
	last_ended   timestamptz,
	last_success timestamptz,                 -- the last that ended with 0
	created_at   timestamptz not null default clock_timestamp(),
	changed_at   timestamptz not null default clock_timestamp()
);
create table importer_job_version (version int not null);
insert into importer_job_version values (0);
`}

// Open makes or updates the tables of jobs and of River in a store, and returns its jobs.
func Open(ctx context.Context, s *store.Store) (*Jobs, error) {
	if err := s.Lead(ctx, migrate); err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(s.Pool())
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	there, err := migrator.ExistingVersions(ctx)
	if err == nil && len(there) < len(migrator.AllVersions()) {
		// River commits each of them by itself, while the lock is held beside it.
		err = s.Lead(ctx, func(ctx context.Context, _ pgx.Tx) error {
			_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("the tables of River, which hands out jobs: %w", err)
	}
	client, err := river.NewClient(driver, &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return &Jobs{Store: s, river: client}, nil
}

// migrate makes the newest version of the tables.
func migrate(ctx context.Context, tx pgx.Tx) error {
	var there bool
	version := 0
	if err := tx.QueryRow(ctx, "select to_regclass('importer_job_version') is not null").Scan(&there); err != nil {
		return err
	}
	if there {
		if err := tx.QueryRow(ctx, "select version from importer_job_version").Scan(&version); err != nil {
			return err
		}
	}
	switch newest := len(migrations) - 1; {
	case version > newest:
		return fmt.Errorf("its jobs are of version %d, which a later version of this program made, and this one knows %d: update this program", version, newest)
	case version == newest:
		return nil
	}
	for _, m := range migrations[version+1:] {
		if _, err := tx.Exec(ctx, m, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "update importer_job_version set version = $1", len(migrations)-1)
	return err
}

// do makes an attempt in a transaction. An error that is of the job and not of the store
// comes back as it is.
func (j *Jobs) do(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	var own *Error
	err := j.Store.Retry(ctx, func(ctx context.Context) error {
		own = nil
		err := pgx.BeginFunc(ctx, j.Store.Pool(), func(tx pgx.Tx) error { return f(ctx, tx) })
		if errors.As(err, &own) {
			return nil
		}
		return err
	})
	if err == nil && own != nil {
		return own
	}
	return err
}

// An Error says why something cannot be done with a job.
type Error struct {
	Text string
	Held bool // because a worker has it just now
}

func (e *Error) Error() string { return e.Text }

// Submit puts a job into the store, or gives one that is there new settings, which hold from
// its next run on. It returns when the job is due, and whether it was there.
func (j *Jobs) Submit(ctx context.Context, c config.Job, text []byte) (next time.Time, there bool, err error) {
	times, err := c.Timetable()
	if err != nil {
		return next, false, err
	}
	if strings.ContainsRune(string(text), 0) {
		return next, false, config.Errorf("the job %s holds a NUL, which no text does", c.Name)
	}
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now, err := j.now(ctx, tx)
		if err != nil {
			return err
		}
		if next = now; c.Schedule != "" {
			next = times.After(now)
		}
		return tx.QueryRow(ctx, `insert into importer_job (name, settings, schedule, time_zone, tags, next_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (name) do update set settings = excluded.settings, schedule = excluded.schedule, time_zone = excluded.time_zone, tags = excluded.tags,
				next_at = excluded.next_at, changed_at = clock_timestamp() returning xmax <> 0`,
			c.Name, string(text), c.Schedule, c.TimeZone, tagsOf(c.Tags), next).Scan(&there)
	})
	return next, there, err
}

// tagsOf are tags, each once and in order.
func tagsOf(tags []string) []string {
	all := slices.Clone(tags)
	slices.Sort(all)
	return append([]string{}, slices.Compact(all)...)
}

// now is the time by the clock that decides what is due.
func (j *Jobs) now(ctx context.Context, tx pgx.Tx) (now time.Time, err error) {
	if j.Now != nil {
		return j.Now(), nil
	}
	err = tx.QueryRow(ctx, "select clock_timestamp()").Scan(&now)
	return now, err
}

// A Job is one as it stands.
type Job struct {
	Name, Schedule, TimeZone string
	Tags                     []string
	Paused, Asked, Lasts     bool // Lasts: a run has begun and not ended
	RunningOn                string
	Next                     time.Time // zero: not by itself
	LastStatus               string
	LastExit                 int
	LastReason               string
	LastSummary              json.RawMessage
	LastStarted, LastEnded   time.Time
	LastSuccess              time.Time
	BaseURL, ProjectID       string // of the last run
	Settings                 string
}

// running is the worker that has a run of importer_job j just now.
const running = `(select r.attempted_by[array_length(r.attempted_by, 1)] from river_job r
	where r.kind = 'importer' and r.state = 'running' and r.args->>'name' = j.name limit 1)`

// List lists the jobs, or the one of that name.
func (j *Jobs) List(ctx context.Context, name string) (all []Job, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select name, schedule, time_zone, tags, paused, asked_at is not null, runs > ended, case when runs > ended then coalesce(`+running+`, '') else '' end, `+finite("next_at")+`,
			last_status, last_exit, last_reason, last_summary, `+finite("last_started")+`, `+finite("last_ended")+`, `+finite("last_success")+`, base_url, project_id, settings
			from importer_job j where $1 = '' or name = $1 order by name`, name)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scanJob)
		return err
	})
	if err == nil && name != "" && len(all) == 0 {
		err = j.none(name)
	}
	return all, err
}

// finite is a column of times that may be null, and null where somebody wrote infinity.
func finite(column string) string {
	return "case when isfinite(" + column + ") then " + column + " end"
}

func scanJob(row pgx.CollectableRow) (b Job, err error) {
	var next, started, ended, success *time.Time
	var worker string
	err = row.Scan(&b.Name, &b.Schedule, &b.TimeZone, &b.Tags, &b.Paused, &b.Asked, &b.Lasts, &worker, &next,
		&b.LastStatus, &b.LastExit, &b.LastReason, &b.LastSummary, &started, &ended, &success, &b.BaseURL, &b.ProjectID, &b.Settings)
	b.RunningOn = placeOf(worker)
	for from, to := range map[*time.Time]*time.Time{next: &b.Next, started: &b.LastStarted, ended: &b.LastEnded, success: &b.LastSuccess} {
		if from != nil {
			*to = *from
		}
	}
	return b, err
}

func (j *Jobs) none(name string) *Error {
	return &Error{Text: fmt.Sprintf("the store %s has no job %s: importer jobs lists those that it has", j.Store, name)}
}

// Pause has a job not begin by itself, and hands back a run that lasts.
func (j *Jobs) Pause(ctx context.Context, name string) error {
	return j.change(ctx, name, "update importer_job set paused = true, changed_at = clock_timestamp() where name = $1")
}

// Resume ends a pause. A run that it interrupted goes on, and one that was due meanwhile
// begins.
func (j *Jobs) Resume(ctx context.Context, name string) error {
	return j.change(ctx, name, "update importer_job set paused = false, changed_at = clock_timestamp() where name = $1")
}

// RunNow has a job run as soon as a worker is free. It is an error where it is paused, or
// where a run lasts.
func (j *Jobs) RunNow(ctx context.Context, name string) error {
	return j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var paused, lasts bool
		err := tx.QueryRow(ctx, "select paused, runs > ended from importer_job where name = $1 for update", name).Scan(&paused, &lasts)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return j.none(name)
		case err != nil:
			return err
		case paused:
			return &Error{Text: fmt.Sprintf("the job %s is paused: importer jobs resume %[1]s has it go on", name)}
		case lasts:
			return &Error{Text: fmt.Sprintf("a run of the job %s lasts already", name), Held: true}
		}
		_, err = tx.Exec(ctx, "update importer_job set asked_at = clock_timestamp(), changed_at = clock_timestamp() where name = $1", name)
		return err
	})
}

// Remove takes a job out of the store. What its runs left behind is not touched. A worker
// that has it just now is an *Error.
func (j *Jobs) Remove(ctx context.Context, name string) error {
	return j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var worker string
		err := tx.QueryRow(ctx, "select case when runs > ended then coalesce("+running+", '') else '' end from importer_job j where name = $1 for update", name).Scan(&worker)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return j.none(name)
		case err != nil:
			return err
		case worker != "":
			return &Error{Text: fmt.Sprintf("the job %s runs on %s: importer jobs pause %[1]s has it handed back, and then it can be removed", name, placeOf(worker)), Held: true}
		}
		if _, err := tx.Exec(ctx, "delete from river_job where kind = 'importer' and args->>'name' = $1 and state <> 'running'", name); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "delete from importer_job where name = $1", name)
		return err
	})
}

func (j *Jobs) change(ctx context.Context, name, sql string) error {
	return j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = j.none(name)
		}
		return err
	})
}
