package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal: what is written to one end is typed at the other.
func terminal(t *testing.T) (person, process *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	process, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	return person, process
}

// On a terminal init asks, and writes what it was told; with one of its two ends elsewhere
// it asks nothing. Its first line names a schema that is there.
func TestInitAsksOnATerminal(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "contacts.csv")
	if err := os.WriteFile(source, []byte("email,Shoe Size\na@example.com,38\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	importer := filepath.Join(t.TempDir(), "importer")
	bin, err := filepath.Abs(os.Args[0]) // which is importer, when called by that name
	if err == nil {
		err = os.Symlink(bin, importer)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		in, out bool
		asks    bool
	}{"both": {true, true, true}, "no input": {false, true, false}, "no output": {true, false, false}} {
		t.Run(name, func(t *testing.T) {
			person, process := terminal(t)
			config := filepath.Join(t.TempDir(), "a.yaml")
			cmd := exec.Command(importer, "init", source, "-o", config)
			cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "TERM=xterm")
			var elsewhere bytes.Buffer
			cmd.Stderr = &elsewhere
			if tt.in {
				cmd.Stdin = process
			}
			if tt.out {
				cmd.Stderr = process
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			process.Close()
			if _, err := io.WriteString(person, "custom\n"); err != nil && tt.asks {
				t.Fatal(err)
			}
			shown, _ := io.ReadAll(person) // ends with an error where the process does
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s%s", err, shown, &elsewhere)
			}
			text, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			if asked := strings.Contains(string(shown)+elsewhere.String(), "goes to [nowhere]"); asked != tt.asks || asked != strings.Contains(string(text), "    shoe_size: {column") {
				t.Errorf("asked %t\n%s\n%s", asked, shown, text)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			schema, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=file://")
			if _, err := os.Stat(schema); !ok || err != nil {
				t.Errorf("the first line is %s: %v", first, err)
			}
		})
	}
}
