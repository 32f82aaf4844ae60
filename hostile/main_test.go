//go:build linux

// Package hostile holds the program to its bounds against files that are made to take
// its memory or its time: none of up to 10 MB takes more than 256 MiB, nor more than 10 s
// for each MB of what it holds unpacked, in any command, and nothing that a file holds is
// worse than n log n.
//
// The tests make the files, run the command as a release builds it, and measure the
// process by what the kernel says of it (getrusage). They come in a short form, and in full,
// with files of 10 MB, with HOSTILE=full. HOSTILE_ONLY is a regular expression for the
// names of the inputs that are run, and HOSTILE_SIZE another size in bytes.
package hostile

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// full is the long form of the tests.
var full = os.Getenv("HOSTILE") == "full"

var only = regexp.MustCompile(os.Getenv("HOSTILE_ONLY"))

// command is the path of the importer, as a release builds it.
var command string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "importer-hostile-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		command = filepath.Join(dir, "importer")
		build := exec.Command("go", "build", "-o", command, "importer")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the importer: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// What a process may take.
const (
	maxMemory     = 256 << 20        // bytes
	maxTimePerMB  = 10 * time.Second // of processor time, for each MB of input as it is unpacked
	maxAddressing = 8 << 30          // bytes: what goes beyond is stopped before it takes the machine
)

// A usage is what a process took.
type usage struct {
	memory int64         // the most bytes that were resident at once
	time   time.Duration // of the processors, by the process and by the kernel for it
	code   int           // with which it ended
	out    string        // its output and its errors
}

// run runs the command in a folder, for so much processor time at most, and measures it. What the test's own process had in
// memory when it started the other counts as memory of that one as well: so it gives back
// what it can, and forgets the most that it ever had (clear_refs of Linux).
func run(t *testing.T, dir string, limit time.Duration, args ...string) usage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // on a busy machine
	defer cancel()
	shell := fmt.Sprintf(`ulimit -v %d; ulimit -t %d; exec "$0" "$@"`, maxAddressing>>10, 1+int(limit.Seconds()))
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", shell, command}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "COGNIGY_API_KEY=sandbox"}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	both := &capped{&out} // one writer: then one goroutine writes
	cmd.Stdout, cmd.Stderr = both, both
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // without it the figures are only too high
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{
		memory: used.Maxrss << 10,
		time:   cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		code:   cmd.ProcessState.ExitCode(),
		out:    out.String(),
	}
}

// capped keeps the beginning of what is written.
type capped struct{ *bytes.Buffer }

func (c capped) Write(p []byte) (int, error) {
	if room := 4<<10 - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// write makes the file of an input with n of what it has many of. It returns how many
// bytes that is when it is unpacked.
func (in *input) write(t *testing.T, dir string, n int) (unpacked int64) {
	t.Helper()
	if in.config != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(in.config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, in.file)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	packed, pack := packer(in.file, f)
	count := &counter{w: packed}
	w := bufio.NewWriterSize(count, 64<<10)
	in.fill(w, n)
	if err := errors.Join(w.Flush(), pack(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if z, err := zip.OpenReader(path); err == nil {
		count.n = 0
		for _, part := range z.File {
			count.n += int64(part.UncompressedSize64)
		}
		z.Close()
	}
	return count.n
}

// packer packs what is written by the ending of a name.
func packer(name string, w io.Writer) (io.Writer, func() error) {
	switch filepath.Ext(name) {
	case ".gz":
		z := gzip.NewWriter(w)
		return z, z.Close
	case ".zst":
		z, _ := zstd.NewWriter(w, zstd.WithWindowSize(64<<20)) // the options are right
		return z, z.Close
	case ".xz":
		z, err := xz.NewWriter(w)
		if err != nil {
			return w, func() error { return err }
		}
		return z, z.Close
	}
	return w, func() error { return nil }
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

// first is the first line of an output that is not empty.
func first(out string) string {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" {
			return line[:min(len(line), 150)]
		}
	}
	return ""
}
