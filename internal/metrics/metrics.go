// Package metrics tells Prometheus how a run stands, over HTTP while it lasts and
// as a textfile for node_exporter, which also remembers it afterwards.
package metrics

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/files"
)

// Metrics are those of one run. Their methods may be called from several
// goroutines.
type Metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lastSuccess prometheus.Gauge
	running     prometheus.Gauge
}

const lastSuccessName = "importer_last_success_timestamp_seconds"

// New returns the metrics of a run whose counters are read from p and pacer when
// they are asked for.
func New(version string, p *contact.Progress, pacer *pace.Pacer) *Metrics {
	registry := prometheus.NewRegistry()
	register := promauto.With(registry)
	gauge := func(name, help string, labels prometheus.Labels) prometheus.Gauge {
		return register.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	}
	gauge("importer_build_info", "Always 1; the labels tell what runs.", prometheus.Labels{"version": version, "goversion": runtime.Version()}).Set(1)
	gauge("importer_run_start_timestamp_seconds", "When the run began, in Unix time.", nil).SetToCurrentTime()
	m := &Metrics{
		registry: registry,
		requests: register.NewCounterVec(prometheus.CounterOpts{
			Name: "importer_requests_total",
			Help: "Requests to the API by operation and HTTP status; code 0 is no answer.",
		}, []string{"op", "code"}),
		duration: register.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "importer_request_duration_seconds",
			Help:    "How long requests took, from before the connection was taken to the end of the answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"op"}),
		lastSuccess: gauge(lastSuccessName, "When a run last ended with every row in, in Unix time; 0 where none did.", nil),
		running:     gauge("importer_run_in_progress", "1 while a run lasts.", nil),
	}
	m.running.Set(1)
	follow(register, p, pacer)
	return m
}

// follow registers what is read from p and pacer.
func follow(register promauto.Factory, p *contact.Progress, pacer *pace.Pacer) {
	counter := func(name, help string, labels prometheus.Labels, read func() int64) {
		register.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(read()) })
	}
	gauge := func(name, help string, read func() int64) {
		register.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) })
	}
	for i, c := range p.Snapshot().Outcomes() {
		outcome := prometheus.Labels{"outcome": strings.ReplaceAll(c.Name, " ", "_")}
		counter("importer_rows_total", "Rows by what became of them.", outcome, func() int64 { return p.Snapshot().Outcomes()[i].N })
	}
	counter("importer_rows_read_total", "Rows read from the source.", nil, func() int64 { return p.Snapshot().Read })
	counter("importer_retries_total", "Create requests after the first of a row.", nil, p.Retries.Load)
	counter("importer_throttled_total", "Answers 429.", nil, p.Throttled.Load)
	gauge("importer_requests_in_flight", "Requests sent and not answered yet.", p.InFlight.Load)
	gauge("importer_rows_in_doubt", "Rows that wait for a look-up or are being looked up.", p.InDoubt.Load)
	gauge("importer_quota_window_used", "Requests that the window of the quota holds; no quota: 0.", func() int64 { return int64(pacer.State().Used) })
	gauge("importer_quota_window_limit", "Requests that the window of the quota may hold at present; no quota: 0.", func() int64 { return int64(pacer.State().Quota) })
	gauge("importer_store_away_seconds", "For how long nothing new has been sent because the store does not answer; 0: it does.", func() int64 {
		if away := p.Snapshot().Away; away != nil {
			return int64(time.Since(away.Since).Seconds())
		}
		return 0
	})
	gauge("importer_throttle_closed", "1 while nothing is sent because the API asked to wait.", func() int64 {
		if pacer.State().Throttled {
			return 1
		}
		return 0
	})
}

// Observe counts one request: its operation, the status of its answer, 0 for
// none, and how long it took.
func (m *Metrics) Observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// End says that the run is over, and whether every row is in.
func (m *Metrics) End(success bool) {
	m.running.Set(0)
	if success {
		m.lastSuccess.SetToCurrentTime()
	}
}

// Handler serves the metrics in the formats that Prometheus asks for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// WriteTextfile writes the metrics to path, or to where the links of that name lead, at
// once: no reader sees half of them. Nothing about a contact is in them, and the file can
// be read by everybody under any umask, because node_exporter runs as another user.
func (m *Metrics) WriteTextfile(path string) error {
	families, err := m.registry.Gather()
	if err == nil {
		err = files.Publish(files.Real(path), func(w io.Writer) error {
			for _, family := range families {
				if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	return nil
}

// Remember takes over from the textfile of an earlier run when a run last
// succeeded: one that fails must not make that forgotten. A file that is not
// there is no error.
func (m *Metrics) Remember(path string) error {
	f, err := files.OpenOrdinary(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the metrics of the last run: %w", err)
	}
	defer f.Close() // of a file that was read
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(f)
	if err != nil {
		return fmt.Errorf("reading the metrics of the last run in %s: %w; remove the file if it is not ours", path, err)
	}
	for _, metric := range families[lastSuccessName].GetMetric() {
		m.lastSuccess.Set(metric.GetGauge().GetValue())
	}
	return nil
}
