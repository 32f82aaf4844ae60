package work

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"importer/internal/jobs"
	"importer/internal/plain"
)

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// A jobCollector tells Prometheus how the jobs stand, the first maxShown of them.
type jobCollector struct {
	look func(context.Context) ([]jobs.Job, error)

	success, ended, exit, running, paused, next, rows, unseen *prometheus.Desc
}

// metrics serves the metrics of the jobs.
func (b *board) metrics(version string) http.Handler {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("importer_job_"+name, help, labels, nil)
	}
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "importer_build_info", Help: "Always 1; the labels tell what runs.", ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()}})
	build.Set(1)
	registry.MustRegister(build, &jobCollector{
		look:    b.look,
		success: desc("last_success_timestamp_seconds", "When a run of the job last ended with every row in, in Unix time; 0 where none did.", "job"),
		ended:   desc("last_end_timestamp_seconds", "When a run of the job last ended, in Unix time; 0 where none did.", "job"),
		exit:    desc("last_exit_code", "The exit code of its last run.", "job"),
		running: desc("running", "1 while a worker has a run of the job.", "job"),
		paused:  desc("paused", "1 while the job is paused.", "job"),
		next:    desc("next_timestamp_seconds", "When the job is due, in Unix time; 0: not by itself.", "job"),
		rows:    desc("last_rows", "Rows of its last run, by outcome.", "job", "outcome"),
		unseen:  prometheus.NewDesc("importer_jobs_without_metrics", "Jobs beyond the first 1,000 by name, which have no metrics of their own.", nil, nil),
	})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Describe implements prometheus.Collector.
func (c *jobCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.success, c.ended, c.exit, c.running, c.paused, c.next, c.rows, c.unseen} {
		to <- d
	}
}

// outcomes are those of a summary that have a metric.
var outcomes = []string{"read", "created", "updated", "unchanged", "existing", "absent", "duplicate", "deactivated", "deleted", "invalid", "rejected", "failed", "unknown", "done_before", "pending"}

// Collect implements prometheus.Collector.
func (c *jobCollector) Collect(to chan<- prometheus.Metric) {
	all, err := c.look(context.Background())
	if err != nil {
		to <- prometheus.NewInvalidMetric(c.unseen, err)
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.unseen, float64(max(0, len(all)-maxShown)))
	seen := map[string]bool{}
	for _, j := range all[:min(len(all), maxShown)] {
		name := plain.Line(j.Name)
		if seen[name] { // of names that differ in what is not shown
			continue
		}
		seen[name] = true
		gauge(c.success, seconds(j.LastSuccess.IsZero(), j.LastSuccess.Unix()), name)
		gauge(c.ended, seconds(j.LastEnded.IsZero(), j.LastEnded.Unix()), name)
		gauge(c.next, seconds(j.Next.IsZero(), j.Next.Unix()), name)
		gauge(c.exit, float64(j.LastExit), name)
		gauge(c.running, count(j.RunningOn != ""), name)
		gauge(c.paused, count(j.Paused), name)
		var summary map[string]any
		if json.Unmarshal(j.LastSummary, &summary) != nil {
			continue
		}
		for _, outcome := range outcomes {
			if n, ok := summary[outcome].(float64); ok && n > 0 {
				gauge(c.rows, n, name, outcome)
			}
		}
	}
}

// seconds is a time in Unix time; 0 of none.
func seconds(none bool, at int64) float64 {
	if none {
		return 0
	}
	return float64(at)
}

func count(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
