package config

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"importer/internal/plain"
	"importer/internal/yamlwords"
)

// A Job says under which name an import is kept in a store, and when it runs.
type Job struct {
	Name     string          `yaml:"name"`      // also of its report
	Schedule string          `yaml:"schedule"`  // as cron has it: five fields, or @daily and the like; empty: once
	TimeZone string          `yaml:"time_zone"` // of the schedule, as the IANA names it; empty: UTC
	Tags     yamlwords.Words `yaml:"tags"`      // by which workers select
}

// OfJob reads the settings of a job, which stand in no file of this machine: they are
// told of by a name. Nothing of the environment goes over them, and no API key is looked up.
// Every error is an *Error.
func OfJob(name string, text []byte) (Config, error) {
	c := Default()
	if len(text) > maxFile {
		return Config{}, Errorf("%s is longer than %d MiB, which no settings need", name, maxFile>>20)
	}
	if err := decode(name, text, &c); err != nil {
		return Config{}, err
	}
	c.File, c.Text, c.SourceInFile = name, text, c.Source
	if c.Job.isZero() {
		return Config{}, Errorf("%s has no section job: add one, as in job: {name: acme-nightly, schedule: \"0 3 * * *\"}", name)
	}
	if err := c.Validate(); err != nil {
		return Config{}, Errorf("%s: %w", name, err)
	}
	return c, nil
}

// ReadFile reads a file that is no longer than settings may be.
func ReadFile(path string) ([]byte, error) {
	text, err := read(path, os.Open)
	if err != nil {
		return nil, Errorf("%w", err)
	}
	return text, nil
}

var (
	jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	// asideName ends as what was set aside.
	asideName = regexp.MustCompile(`\.[0-9]+$`)
	jobTag    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$`)
	// jobVerbs are what importer jobs does with a job, and no names.
	jobVerbs = []string{"pause", "resume", "run", "remove"}
)

// maxTags bounds the tags of a job.
const maxTags = 20

func (j *Job) isZero() bool {
	return j.Name == "" && j.Schedule == "" && j.TimeZone == "" && len(j.Tags) == 0
}

func (j *Job) validate() error {
	switch {
	case j.Name == "":
		return Errorf("job.name is not set: name the job, as in job: {name: acme-nightly}")
	case !jobName.MatchString(j.Name) || asideName.MatchString(j.Name) || strings.HasSuffix(j.Name, ".report.ndjson"):
		return Errorf("job.name is %q; want up to 100 letters, digits, and . _ - between them, and no number behind the last point", plain.Line(j.Name))
	case slices.Contains(jobVerbs, j.Name):
		return Errorf("job.name is %s, which is a word of importer jobs: choose another", j.Name)
	case len(j.Tags) > maxTags:
		return Errorf("job.tags has %d tags; want %d at most", len(j.Tags), maxTags)
	}
	for _, tag := range j.Tags {
		if !jobTag.MatchString(tag) {
			return Errorf("job.tags has %q; want up to 50 letters, digits, and . _ - between them", plain.Line(tag))
		}
	}
	_, err := j.Timetable()
	return err
}

// A Timetable says when a job is due.
type Timetable struct {
	schedule cron.Schedule // nil: never by itself
	zone     *time.Location
}

// Timetable reads schedule and time zone. Its error names the setting.
func (j *Job) Timetable() (Timetable, error) {
	if strings.Contains(j.Schedule, "TZ=") {
		return Timetable{}, Errorf("job.schedule is %q; the time zone goes into job.time_zone", plain.Line(j.Schedule))
	}
	zone, err := time.LoadLocation(cmp.Or(j.TimeZone, "UTC"))
	switch {
	case err != nil || j.TimeZone == "Local":
		return Timetable{}, Errorf("job.time_zone is %q; want a name such as Europe/Berlin", plain.Line(j.TimeZone))
	case j.Schedule == "" && j.TimeZone != "":
		return Timetable{}, Errorf("job.time_zone is set, and job.schedule is not: a job without a schedule runs once, as soon as a worker is free")
	case j.Schedule == "":
		return Timetable{}, nil
	case len(j.Schedule) > maxSchedule:
		return Timetable{}, Errorf("job.schedule is longer than %d characters", maxSchedule)
	}
	schedule, err := cron.ParseStandard(j.Schedule)
	if err != nil {
		return Timetable{}, Errorf("job.schedule is %q (%s); want five fields, minute hour day month weekday, as in \"0 3 * * *\"", plain.Line(j.Schedule), plain.Line(err.Error()))
	}
	if every, ok := schedule.(cron.ConstantDelaySchedule); ok && every.Delay < time.Minute {
		return Timetable{}, Errorf("job.schedule is %q; want @every 1m or longer", plain.Line(j.Schedule))
	}
	t := Timetable{schedule, zone}
	if t.After(time.Now()).IsZero() {
		return Timetable{}, Errorf("job.schedule is %q, which no day ever matches", plain.Line(j.Schedule))
	}
	return t, nil
}

// maxSchedule bounds a schedule, in characters.
const maxSchedule = 200

// After is the first time at which the job is due behind that one; zero: never.
func (t Timetable) After(now time.Time) time.Time {
	if t.schedule == nil {
		return time.Time{}
	}
	return t.schedule.Next(now.In(t.zone))
}
