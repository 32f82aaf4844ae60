package pgtest

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs is the folder of PostgreSQL's programs. Without PostgreSQL it ends the test.
func programs(t testing.TB) string {
	t.Helper()
	bin, err := findPrograms()
	if err != nil {
		missing(t, err.Error())
	}
	return bin
}

// missing skips a test that needs what is not installed. In CI it fails it.
func missing(t testing.TB, why string) {
	t.Helper()
	if ci := os.Getenv("CI"); ci != "" && ci != "0" && ci != "false" {
		t.Fatalf("%s; .ci/run installs it", why)
	} else {
		t.Skipf("%s: not tested (apt-get install postgresql pgbouncer)", why)
	}
}

// findPrograms looks in $PATH, where Debian puts the programs, and where pg_config says they
// are. The newest version comes first.
var findPrograms = sync.OnceValues(func() (string, error) {
	var dirs []string
	if found, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(found); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(dir string) float64 {
		v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		return v
	}
	slices.SortFunc(debian, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	dirs = append(dirs, debian...)
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, dir := range dirs {
		found := true
		for _, name := range []string{"initdb", "postgres", "psql"} {
			_, err := exec.LookPath(filepath.Join(dir, name))
			found = found && err == nil
		}
		if found {
			return dir, nil
		}
	}
	return "", errors.New("there is no PostgreSQL on this machine")
})

// folder makes a folder that belongs to whom the servers run as, and removes it after the
// test. The test's own folder is closed to others.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest-")
	if err == nil {
		t.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
		err = give(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyTemplate makes a data folder. initdb takes a second, so that its result is kept in the
// user's folder for caches, by the version of PostgreSQL and how initdb is called.
func copyTemplate(bin, data string) error {
	template, err := findTemplate(bin)
	if err != nil {
		return err
	}
	if err := os.CopyFS(data, os.DirFS(template)); err != nil {
		return fmt.Errorf("%w (remove %s)", err, template)
	}
	if err := os.Chmod(data, 0o700); err != nil {
		return err
	}
	return filepath.WalkDir(data, func(name string, _ os.DirEntry, err error) error { return errors.Join(err, give(name)) })
}

var initdb = []string{"--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--wal-segsize=1"}

const firstStatements = "create user importer;\ncreate database importer owner importer;\n"

// userCache is looked up before a test sets another home.
var userCache = func() string {
	if dir, err := os.UserCacheDir(); err == nil {
		return dir
	}
	return os.TempDir()
}()

var template struct {
	sync.Mutex
	dir string
}

// findTemplate is the folder that data folders are copies of. It is made if it is not there;
// two test processes may do so at once, and the first wins.
func findTemplate(bin string) (string, error) {
	template.Lock()
	defer template.Unlock()
	if template.dir != "" {
		return template.dir, nil
	}
	version, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", err
	}
	cache := filepath.Join(userCache, "importer-pgtest")
	key := sha256.Sum256([]byte(bin + string(version) + strings.Join(initdb, " ") + firstStatements))
	dir := filepath.Join(cache, fmt.Sprintf("%x", key[:8]))
	if _, err := os.Stat(dir); err != nil {
		if err := makeTemplate(bin, cache, dir); err != nil {
			return "", err
		}
	}
	template.dir = dir
	return dir, nil
}

func makeTemplate(bin, cache, dir string) error {
	work, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	data := filepath.Join(work, "data")
	if err := give(work); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(bin, "initdb"), append(initdb, "-D", data)...)
	unprivileged(cmd)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	for _, statement := range strings.Split(strings.TrimSpace(firstStatements), "\n") {
		cmd := exec.Command(filepath.Join(bin, "postgres"), "--single", "-F", "-D", data, "postgres")
		unprivileged(cmd)
		cmd.Dir = work
		cmd.Stdin = strings.NewReader(statement + "\n")
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "ERROR:") {
			return fmt.Errorf("%s: %w: %s", statement, err, out)
		}
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	made, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	if err := os.CopyFS(filepath.Join(made, "data"), os.DirFS(data)); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(made, "data"), dir); err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// A process is a server that a test started.
type process struct {
	pid   int
	ended chan struct{} // closed by the goroutine that waits for it
}

// start starts a program as an unprivileged user. What it says is appended to the file log.
// It ends with the test's process, however that ends.
func start(log, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(log), out, out
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	unprivileged(cmd)
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.ended)
		release := bindToThread(cmd)
		defer release()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	return p, <-started
}

// end sends a signal and waits for the end of the process.
func (p *process) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	sendSignal(p.pid, signal)
	select {
	case <-p.ended:
	case <-time.After(60 * time.Second):
		sendSignal(p.pid, syscall.SIGKILL)
		<-p.ended
		t.Errorf("process %d did not end within a minute after signal %d, and was killed", p.pid, signal)
	}
}
