package jobcommands

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/help"
	"importer/internal/jobs"
	"importer/internal/session"
	"importer/internal/store"
	"importer/internal/words"
)

// jobVerbs are what is done with a job, beside looking at it.
var jobVerbs = map[string]func(context.Context, io.Writer, *jobs.Jobs, string) error{
	"pause":  pauseJob,
	"resume": resumeJob,
	"run":    runJob,
	"remove": removeJob,
}

// NewJobs is the command that shows jobs, and changes how they stand.
func NewJobs(env session.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs [pause|resume|run|remove] [NAME]",
		Short: "Show the jobs of a store, and how they stand; pause, resume, run or remove one",
		Long: `Show the jobs that a store holds, and how they stand. What a run says of itself is
in its report: importer report NAME.

  jobs              all of them, one a line
  jobs NAME         one of them, with what its last run came to
  jobs pause NAME   it does not begin by itself; a run that lasts is handed back
  jobs resume NAME  the pause is over; a run that it interrupted goes on
  jobs run NAME     it runs as soon as a worker is free, whatever its schedule
  jobs remove NAME  it is gone, with the reports of its runs, unless the last is not
                    complete: what only that knows stays; so does the state of a sync

--json prints one object a line and job.`,
		Example: `  importer jobs --store postgres://importer@db.example.com/importer
  importer jobs run acme-nightly --store postgres://importer@db.example.com/importer`,
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, name, err := readJobArgs(args)
			if err != nil {
				return err
			}
			asJSON := cmd.Flags().Changed("json") && cmd.Flags().Lookup("json").Value.String() == "true"
			if verb != "" && asJSON {
				return config.Errorf("importer jobs %s prints no object: leave out --json", verb)
			}
			return withJobs(cmd, env, "jobs", 1, func(s *session.Session, j *jobs.Jobs) error {
				if verb != "" {
					return jobVerbs[verb](cmd.Context(), env.Stdout, j, name)
				}
				return showJobs(cmd.Context(), env, j, name, asJSON)
			})
		},
	}
	addJobFlags(cmd)
	help.AddFlags(cmd, "json")
	cmd.Flags().Lookup("json").Usage = "print one JSON object a line and job"
	return cmd
}

// readJobArgs takes the arguments apart.
func readJobArgs(args []string) (verb, name string, err error) {
	if len(args) > 0 {
		if _, is := jobVerbs[args[0]]; is {
			verb, args = args[0], args[1:]
		}
	}
	switch {
	case verb != "" && len(args) != 1:
		return "", "", config.Errorf("importer jobs %s takes the name of one job; got %d", verb, len(args))
	case len(args) > 1:
		return "", "", config.Errorf("importer jobs takes the name of a job, or one of pause, resume, run, remove before it; got %q", args[0])
	case len(args) == 1:
		name = args[0]
	}
	return verb, name, nil
}

// showJobs lists the jobs, or one of them.
func showJobs(ctx context.Context, env session.Env, j *jobs.Jobs, name string, asJSON bool) error {
	all, err := j.List(ctx, name)
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		*env.Printed = true
		return writeJobs(env.Stdout, all)
	case name != "":
		_, err := io.WriteString(env.Stdout, aboutJob(all[0]))
		return err
	case len(all) == 0:
		_, err := fmt.Fprintf(env.Stdout, "The store %s has no jobs. importer submit puts some there.\n", j.Store)
		return err
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSCHEDULE\tNEXT\tRUNNING ON\tLAST\tLAST SUCCESS")
	for _, b := range all {
		fmt.Fprintln(w, strings.Join([]string{contact.Printable(b.Name), contact.Printable(cmp.Or(b.Schedule, "once")), nextOf(b), contact.Printable(cmp.Or(b.RunningOn, "-")), lastOf(b), timeOf(b.LastSuccess)}, "\t"))
	}
	return w.Flush()
}

// nextOf says when a job runs next.
func nextOf(b jobs.Job) string {
	switch {
	case b.Paused:
		return "paused"
	case b.Lasts && b.RunningOn == "":
		return "waits for a worker"
	case b.Asked:
		return "now"
	}
	return timeOf(b.Next)
}

func lastOf(b jobs.Job) string {
	if b.LastStatus == "" {
		return "-"
	}
	return fmt.Sprintf("%s (%d)", contact.Printable(b.LastStatus), b.LastExit)
}

func timeOf(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// aboutJob is all that there is to say of a job.
func aboutJob(b jobs.Job) string {
	var out strings.Builder
	for _, line := range [][2]string{
		{"name", b.Name}, {"schedule", cmp.Or(b.Schedule, "once")}, {"time zone", b.TimeZone}, {"tags", strings.Join(b.Tags, ", ")},
		{"next", nextOf(b)}, {"running on", b.RunningOn}, {"last run", lastOf(b)}, {"began", timeOf(b.LastStarted)}, {"ended", timeOf(b.LastEnded)},
		{"last success", timeOf(b.LastSuccess)}, {"because", b.LastReason}, {"project", b.ProjectID}, {"at", b.BaseURL},
	} {
		if line[1] != "" && line[1] != "-" {
			fmt.Fprintf(&out, "%-12s %s\n", line[0], contact.Printable(line[1]))
		}
	}
	var counts map[string]json.RawMessage
	if json.Unmarshal(b.LastSummary, &counts) == nil {
		for _, name := range []string{"read", "created", "updated", "unchanged", "existing", "absent", "duplicate", "deactivated", "deleted", "invalid", "rejected", "failed", "unknown", "done_before", "pending"} {
			if n, err := strconv.ParseInt(string(counts[name]), 10, 64); err == nil && n > 0 {
				fmt.Fprintf(&out, "  %-12s %10s\n", strings.ReplaceAll(name, "_", " "), words.Comma(n))
			}
		}
	}
	return out.String()
}

// writeJobs writes one object a line and job.
func writeJobs(to io.Writer, all []jobs.Job) error {
	enc := json.NewEncoder(to)
	for _, b := range all {
		summary := b.LastSummary
		if len(summary) == 0 || string(summary) == "null" {
			summary = json.RawMessage("{}")
		}
		next := ""
		if !b.Next.IsZero() && !b.Paused {
			next = b.Next.UTC().Format(time.RFC3339)
		}
		err := enc.Encode(struct {
			Name        string          `json:"name"`
			Schedule    string          `json:"schedule"`
			Next        string          `json:"next"`
			RunningOn   string          `json:"running_on"`
			LastStatus  string          `json:"last_status"`
			LastSummary json.RawMessage `json:"last_summary"`
		}{b.Name, b.Schedule, next, b.RunningOn, b.LastStatus, summary})
		if err != nil {
			return err
		}
	}
	return nil
}

func pauseJob(ctx context.Context, to io.Writer, j *jobs.Jobs, name string) error {
	if err := j.Pause(ctx, name); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "%s: paused; importer jobs resume %[1]s has it go on\n", name)
	return err
}

func resumeJob(ctx context.Context, to io.Writer, j *jobs.Jobs, name string) error {
	if err := j.Resume(ctx, name); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "%s: not paused\n", name)
	return err
}

func runJob(ctx context.Context, to io.Writer, j *jobs.Jobs, name string) error {
	if err := j.RunNow(ctx, name); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "%s: runs as soon as a worker is free\n", name)
	return err
}

// removeJob removes a job and the reports of its runs. What only an unfinished one knows
// stays.
func removeJob(ctx context.Context, to io.Writer, j *jobs.Jobs, name string) error {
	all, err := j.List(ctx, name)
	if err != nil {
		return err
	}
	if err := j.Remove(ctx, name); err != nil {
		return err
	}
	removed, kept := 0, []string{}
	if b := withProject(all[0]); b.BaseURL != "" {
		removed, kept, err = removeReports(ctx, j.Store, b)
		if err != nil {
			return fmt.Errorf("the job %s is removed, and not all of its reports: %w", name, err)
		}
	}
	if _, err := fmt.Fprintf(to, "%s: removed, with %s\n", name, words.Plural(int64(removed), "report", "reports")); err != nil {
		return err
	}
	for _, report := range kept {
		if _, err := fmt.Fprintf(to, "the report %s stays, because its run did not come to its end, and it alone knows which contacts are in: importer report %[1]s shows it\n", report); err != nil {
			return err
		}
	}
	return nil
}

// withProject is a job with the project that its settings name, where no run of it has ended.
func withProject(b jobs.Job) jobs.Job {
	if b.BaseURL != "" {
		return b
	}
	if c, err := config.OfJob(b.Name, []byte(b.Settings)); err == nil {
		if base, err := cognigy.NormalizeBaseURL(c.API.BaseURL); err == nil {
			b.BaseURL, b.ProjectID = base, c.API.ProjectID
		}
	}
	return b
}

// removeReports removes the reports of a job, those that were set aside as well.
func removeReports(ctx context.Context, s *store.Store, b jobs.Job) (removed int, kept []string, err error) {
	aside, err := s.Reports(b.BaseURL, b.ProjectID).Aside(b.Name)
	if err != nil {
		return 0, nil, err
	}
	for _, name := range slices.Concat(aside, []string{b.Name}) {
		found, err := s.Find(ctx, store.KindReport, name, b.BaseURL, b.ProjectID)
		if err == nil && len(found) > 0 {
			err = s.Remove(ctx, found[0].ID, false)
			var unfinished *store.UnfinishedError
			switch {
			case errors.As(err, &unfinished):
				kept, err = append(kept, name), nil
			case err == nil:
				removed++
			}
		}
		if err != nil {
			return removed, kept, err
		}
	}
	return removed, kept, nil
}
