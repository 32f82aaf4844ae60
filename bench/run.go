package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A bench is one call of "bench run".
type bench struct {
	dir     string // of files that are made
	bin     string // of the programs
	self    string
	pin     bool // server and client each have a core
	node    string
	workers int
	rounds  int
	tables  map[string]map[string][]sample // by setting and tool
	sources map[int]string                 // by rows
}

// A sample is one run of one tool.
type sample struct {
	rows        int
	rate        float64 // rows a second
	cpu         float64 // µs a row, user and system
	memory      float64 // MiB, peak
	lost, twice int     // -1: the tool sends one row again and again
}

// A tool is a way of sending rows.
type tool struct {
	name string
	// share of the rows that others send: slow tools send fewer.
	share float64
	// constant: it sends one row again and again, and reads no file.
	constant bool
	fast     bool // also in the short form
	plain    bool // only without TLS and latency
	command  func(b *bench, t *targetProcess, rows int) *exec.Cmd
}

func tools() []tool {
	own := func(name string) func(*bench, *targetProcess, int) *exec.Cmd {
		return func(b *bench, t *targetProcess, rows int) *exec.Cmd {
			return exec.Command(b.self, name, "-base-url", t.url, "-source", b.sources[rows], "-n", strconv.Itoa(rows),
				"-workers", strconv.Itoa(b.workers), "-report", filepath.Join(b.dir, name+".report"))
		}
	}
	redpanda := func(args ...string) func(*bench, *targetProcess, int) *exec.Cmd {
		return func(b *bench, t *targetProcess, rows int) *exec.Cmd {
			args := append([]string{"-base-url", t.url, "-source", b.sources[rows], "-workers", strconv.Itoa(b.workers), "-ca", t.cert}, args...)
			return exec.Command(filepath.Join(b.bin, "benthos"), args...)
		}
	}
	return []tool{
		{name: "wrk, constant body", share: 1, constant: true, command: (*bench).wrk},
		{name: "bare loop, importer's transport", share: 1, constant: true, fast: true, command: own("bare")},
		{name: "importer", share: 1, fast: true, command: (*bench).importer},
		{name: "net/http, tuned", share: 1, command: own("tuned")},
		{name: "net/http, an afternoon", share: 1, fast: true, command: own("afternoon")},
		{name: "curl --parallel", share: 0.1, plain: true, command: (*bench).curl},
		{name: "Redpanda Connect's engine, tuned", share: 0.2, plain: true, command: redpanda("-tuned")},
		{name: "Redpanda Connect's engine, stock", share: 0.2, plain: true, command: redpanda()},
		{name: "vendor's Node client", share: 0.1, plain: true, command: (*bench).vendor},
	}
}

func run(args []string) (err error) {
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	short := flags.Bool("short", false, "a few seconds: fewer rows, one round, importer and its nearest only")
	rows := flags.Int("rows", 200_000, "rows without latency")
	million := flags.Bool("large", true, "10⁶ and 10⁷ rows too, and resuming")
	b := &bench{tables: map[string]map[string][]sample{}, sources: map[int]string{}}
	flags.StringVar(&b.bin, "bin", "bin", "where importer and benthos are")
	flags.StringVar(&b.node, "node", "", "folder in which the vendor's client is installed; empty: leave it out")
	flags.IntVar(&b.workers, "workers", 64, "requests in flight")
	flags.IntVar(&b.rounds, "rounds", 5, "of which the medians are shown")
	only := flags.String("only", "", "comma list of settings: plain, tls, slow, goals")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.node != "" {
		if b.node, err = filepath.Abs(b.node); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(b.node, "node_modules")); err != nil {
			b.node = ""
		}
	}
	_, noTaskset := exec.LookPath("taskset")
	b.pin = runtime.NumCPU() > 1 && noTaskset == nil
	slow := 40_000
	if *short {
		*rows, slow, b.rounds, *million = 20_000, 2_000, 1, false
	}
	want := func(name string) bool { return *only == "" || slices.Contains(strings.Split(*only, ","), name) }
	fmt.Printf("%d workers, medians of %d rounds in turn; server and client on cores of their own: %v; %s %s\n", b.workers, b.rounds, b.pin, runtime.Version(), cpuName())
	for _, s := range []struct {
		key, name string
		serve     []string
		rows      int
	}{
		{"plain", "no latency, plain HTTP", nil, *rows},
		{"tls", "no latency, TLS", []string{"-tls", filepath.Join(b.dir, "cert.pem")}, *rows},
		{"slow", "20 ms latency, plain HTTP", []string{"-latency", "20ms"}, slow},
	} {
		if !want(s.key) {
			continue
		}
		if err := b.setting(s.key, s.name, s.serve, s.rows, *short); err != nil {
			return err
		}
	}
	b.ratios()
	if want("goals") {
		return b.goals(*million)
	}
	return nil
}

// setting measures every tool in turn, several rounds, and prints the medians.
func (b *bench) setting(key, name string, serve []string, rows int, short bool) error {
	t, err := b.start(serve)
	if err != nil {
		return err
	}
	defer t.stop()
	table := map[string][]sample{}
	b.tables[key] = table
	skipped := map[string]string{}
	for range b.rounds {
		for _, tool := range tools() {
			if short && !tool.fast || tool.plain && key != "plain" || skipped[tool.name] != "" {
				continue
			}
			n := max(1, int(float64(rows)*tool.share))
			if key == "slow" {
				n = rows
			}
			if err := b.contacts(n); err != nil {
				return err
			}
			cmd := tool.command(b, t, n)
			if cmd == nil {
				skipped[tool.name] = "not installed"
				continue
			}
			s, out, err := b.measure(t, cmd, n, tool.constant)
			if err != nil {
				skipped[tool.name] = err.Error()
				continue
			}
			if r := wrkRate.FindStringSubmatch(out); tool.name == "wrk, constant body" && r != nil {
				s.rate, _ = strconv.ParseFloat(r[1], 64)
			}
			table[tool.name] = append(table[tool.name], s)
		}
	}
	fmt.Printf("\n### %s\n\n| tool | rows | rows/s | CPU µs a row | peak MiB | lost | twice |\n|---|---|---|---|---|---|---|\n", name)
	for _, tool := range tools() {
		all := table[tool.name]
		if len(all) == 0 {
			if why := skipped[tool.name]; why != "" {
				fmt.Printf("| %s | – | %s | | | | |\n", tool.name, why)
			}
			continue
		}
		lost, twice := "–", "–"
		if !tool.constant {
			lost = strconv.Itoa(slices.MaxFunc(all, func(a, b sample) int { return a.lost - b.lost }).lost)
			twice = strconv.Itoa(slices.MaxFunc(all, func(a, b sample) int { return a.twice - b.twice }).twice)
		}
		fmt.Printf("| %s | %d | %.0f | %.1f | %.1f | %s | %s |\n", tool.name, all[0].rows,
			median(all, func(s sample) float64 { return s.rate }), median(all, func(s sample) float64 { return s.cpu }),
			median(all, func(s sample) float64 { return s.memory }), lost, twice)
	}
	return nil
}

var wrkRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// ratios prints what is compared in the goals: medians of the ratios within each
// round, for what disturbs the machine disturbs a whole round.
func (b *bench) ratios() {
	fmt.Print("\n### Ratios\n\n| goal | wanted | measured |\n|---|---|---|\n")
	rate := func(s sample) float64 { return s.rate }
	cpu := func(s sample) float64 { return s.cpu }
	for _, r := range []struct {
		goal, setting, other string
		of                   func(sample) float64
		wanted               string
	}{
		{"rows/s to the afternoon program's", "plain", "net/http, an afternoon", rate, "≥ 1.2"},
		{"rows/s to tuned Redpanda Connect's", "plain", "Redpanda Connect's engine, tuned", rate, "≥ 2"},
		{"rows/s to the vendor's client's", "plain", "vendor's Node client", rate, "≥ 7"},
		{"CPU a row to the afternoon program's", "plain", "net/http, an afternoon", cpu, "–"},
		{"CPU a row to the bare loop's", "plain", "bare loop, importer's transport", cpu, "–"},
		{"rows/s to wrk's, 20 ms", "slow", "wrk, constant body", rate, "≥ 0.99"},
		{"CPU a row to the afternoon program's, 20 ms", "slow", "net/http, an afternoon", cpu, "–"},
		{"rows/s to the bare loop's, TLS", "tls", "bare loop, importer's transport", rate, "–"},
	} {
		ours, others := b.tables[r.setting]["importer"], b.tables[r.setting][r.other]
		var all []float64
		for i := range min(len(ours), len(others)) {
			all = append(all, r.of(ours[i])/r.of(others[i]))
		}
		if len(all) > 0 {
			slices.Sort(all)
			fmt.Printf("| %s | %s | %.2f (%.2f to %.2f) |\n", r.goal, r.wanted, all[len(all)/2], all[0], all[len(all)-1])
		}
	}
}

func median(all []sample, of func(sample) float64) float64 {
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// contacts makes the file of so many rows.
func (b *bench) contacts(n int) error {
	if b.sources[n] != "" {
		return nil
	}
	path := filepath.Join(b.dir, fmt.Sprintf("contacts%d.csv", n))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b.sources[n] = path
	return writeContacts(f, n, 1)
}

func (b *bench) importer(t *targetProcess, rows int) *exec.Cmd {
	report := filepath.Join(b.dir, fmt.Sprintf("importer%d.report.ndjson", rows))
	os.Remove(report)
	return b.importerOn(t, report, rows)
}

func (b *bench) importerOn(t *targetProcess, report string, rows int) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.bin, "importer"), "--source", b.sources[rows], "--base-url", t.url, "--project-id", projectID,
		"--rate", "unlimited", "--workers", strconv.Itoa(b.workers), "--report", report, "--progress", "none", "--json")
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "COGNIGY_API_KEY="+apiKey)
	return cmd
}

func (b *bench) wrk(t *targetProcess, rows int) *exec.Cmd {
	if _, err := exec.LookPath("wrk"); err != nil {
		return nil
	}
	script := filepath.Join(b.dir, "post.lua")
	const body = `{"projectId":"65f0000000000000000000aa","contactIds":["contact1.89abcdef@example.com"],"profile":{"accepted_gdpr":true,"age":36,` +
		`"email":"contact1.89abcdef@example.com","firstname":"Ada","gender":"female","lastname":"Lovelace","location":"London"}}`
	os.WriteFile(script, []byte(`wrk.method = "POST"
wrk.body = '`+body+`'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["X-API-Key"] = "bench"
`), 0o600)
	return exec.Command("wrk", "-t", "1", "-c", strconv.Itoa(b.workers), "-d", "3s", "-s", script, t.url+"/new/v2.0/profiles")
}

// curl sends each row as a request of its own configuration file.
func (b *bench) curl(t *targetProcess, rows int) *exec.Cmd {
	if _, err := exec.LookPath("curl"); err != nil {
		return nil
	}
	config := filepath.Join(b.dir, fmt.Sprintf("curl%d.config", rows))
	if _, err := os.Stat(config); err != nil {
		f, err := os.Create(config)
		if err != nil {
			return nil
		}
		defer f.Close()
		w := bufio.NewWriter(f)
		for i := range rows {
			if i > 0 {
				fmt.Fprintln(w, "next")
			}
			body := fmt.Sprintf(`{"projectId":"%s","contactIds":["curl%d@example.com"],"profile":{"email":"curl%d@example.com","firstname":"Ada","age":36}}`, projectID, i, i)
			fmt.Fprintf(w, "url = %q\noutput = /dev/null\nheader = \"Content-Type: application/json\"\nheader = \"X-API-Key: bench\"\ndata = %q\n", t.url+"/new/v2.0/profiles", body)
		}
		if err := w.Flush(); err != nil {
			return nil
		}
	}
	return exec.Command("curl", "--silent", "--parallel", "--parallel-max", strconv.Itoa(b.workers), "--config", config)
}

func (b *bench) vendor(t *targetProcess, rows int) *exec.Cmd {
	if b.node == "" {
		return nil
	}
	script, err := filepath.Abs("node/client.mjs")
	if err != nil {
		return nil
	}
	cmd := exec.Command("node", script, t.url, b.sources[rows], strconv.Itoa(b.workers))
	cmd.Dir = b.node
	return cmd
}

// A targetProcess is a running "bench serve".
type targetProcess struct {
	cmd  *exec.Cmd
	url  string
	cert string
	http *http.Client
}

func (b *bench) start(args []string) (*targetProcess, error) {
	t := &targetProcess{cmd: b.on(0, exec.Command(b.self, append([]string{"serve"}, args...)...))}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the target did not start: %w", err)
	}
	t.url = strings.TrimSpace(line)
	if i := slices.Index(args, "-tls"); i >= 0 {
		t.cert = args[i+1]
	}
	transport := &http.Transport{TLSClientConfig: insecureLoopback()}
	t.http = &http.Client{Transport: transport}
	return t, nil
}

func (t *targetProcess) stop() {
	t.cmd.Process.Kill()
	t.cmd.Wait()
}

func (t *targetProcess) reset() error {
	resp, err := t.http.Post(t.url+"/reset", "", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (t *targetProcess) stats() (s Stats, err error) {
	resp, err := t.http.Get(t.url + "/stats")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// on is a command on one core: 0 for the server, 1 for the client.
func (b *bench) on(core int, cmd *exec.Cmd) *exec.Cmd {
	if !b.pin {
		return cmd
	}
	pinned := exec.Command("taskset", append([]string{"-c", strconv.Itoa(core)}, cmd.Args...)...)
	pinned.Dir, pinned.Env = cmd.Dir, cmd.Env
	return pinned
}

// measure runs one tool.
func (b *bench) measure(t *targetProcess, cmd *exec.Cmd, rows int, constant bool) (sample, string, error) {
	if err := t.reset(); err != nil {
		return sample{}, "", err
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+t.cert, "NODE_EXTRA_CA_CERTS="+t.cert)
	cmd = b.on(1, cmd)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, "", err
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	took := time.Since(began)
	memory := <-peak
	if err != nil {
		text := out.String()
		return sample{}, "", fmt.Errorf("%w: %s", err, text[:min(len(text), 300)])
	}
	stats, err := t.stats()
	if err != nil {
		return sample{}, "", err
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	s := sample{rows: rows, memory: memory, lost: -1, twice: -1}
	if constant {
		s.rows = stats.Creates
	} else {
		s.lost, s.twice = rows-stats.Contacts, stats.Twice
	}
	s.rate = float64(s.rows) / took.Seconds()
	s.cpu = float64(cpu.Microseconds()) / float64(s.rows)
	return s, out.String(), nil
}

// watchMemory reads the peak memory of a process, in MiB, until it ends. The
// peak that the system reports afterwards may be that of the process which
// started it.
func watchMemory(pid int) <-chan float64 {
	peak := make(chan float64, 1)
	go func() {
		most := 0.0
		for {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, ok := strings.Cut(string(b), "VmHWM:")
			if err != nil || !ok {
				peak <- most
				return
			}
			kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, _ := strconv.ParseFloat(kib, 64)
			most = max(most, n/1024)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return peak
}

func cpuName() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, ok := strings.Cut(string(b), "model name")
	if !ok {
		return runtime.GOARCH
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimLeft(line, "\t: ")
}
