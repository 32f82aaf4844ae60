package files

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const folderEnv = "FILES_TEST_FOLDER"

// A process with a folder in its environment makes a Temp there, says so, and waits to
// be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(folderEnv); dir != "" {
		t, err := NewTemp(filepath.Join(dir, "file"))
		fmt.Println("made:", err)
		if err == nil {
			_, err = io.Copy(t, os.Stdin)
		}
		os.Exit(len(fmt.Sprint(err)))
	}
	os.Exit(m.Run())
}

// What a process that was killed left is removed by the next one that writes there; what
// a live one holds, or what only looks alike, stays.
func TestKilledProcessLeavesNothingForLong(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), folderEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "made: <nil>\n" {
		t.Fatalf("%q, %v", line, err)
	}
	left := namesIn(t, dir)
	if len(left) != 1 || !tempName.MatchString(left[0]) {
		t.Fatalf("the process made %q", left)
	}
	others := []string{".importer-mine.tmp", "a.tmp", ".importer-12.csv"}
	for _, name := range others {
		write(t, filepath.Join(dir, name), "")
	}
	text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	if err := Replace(filepath.Join(dir, "b"), text); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(namesIn(t, dir), left[0]) {
		t.Error("the file of a process that lives was removed")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // which was killed
	if !slices.Contains(namesIn(t, dir), left[0]) {
		t.Error("the process was not killed in the middle")
	}
	if err := Replace(filepath.Join(dir, "b"), text); err != nil {
		t.Fatal(err)
	}
	want := append(others, "b")
	slices.Sort(want)
	if got := namesIn(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

// Many write one file at once: it is whole, and that of one of them.
func TestReplaceAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	done := make(chan error) // never closed
	for i := range 8 {
		go func() {
			var err error
			for n := 0; n < 20 && err == nil; n++ {
				err = Replace(path, func(w io.Writer) error {
					_, err := io.WriteString(w, strings.Repeat(fmt.Sprint(i), 10_000))
					return err
				})
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 10_000 || strings.Trim(string(got), string(got[:1])) != "" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if left := namesIn(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

// A link at the place of a file is replaced, and not followed.
func TestReplaceALink(t *testing.T) {
	dir := t.TempDir()
	victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "link")
	write(t, victim, "mine")
	if err := os.Symlink(victim, link); err != nil {
		t.Skip(err)
	}
	text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	if err := Replace(link, text); err != nil {
		t.Fatal(err)
	}
	holds(t, victim, "mine")
	holds(t, link, "text")
	if err := Refuse(link); err != nil {
		t.Error(err)
	}
	// One that a person named is.
	named := filepath.Join(dir, "named")
	if err := os.Symlink("victim", named); err != nil {
		t.Fatal(err)
	}
	if err := WriteTo(named, io.Discard, text); err != nil {
		t.Fatal(err)
	}
	holds(t, victim, "text")
	if !isForeign(Refuse(named)) {
		t.Error("the link is gone")
	}
}
