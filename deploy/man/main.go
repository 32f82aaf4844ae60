// Man writes the manual of importer, a page for each command, into the folder
// that is named, and the completions of the shells beside it.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"importer/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: man FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := cli.NewCommand(cli.Env{Getenv: os.Getenv, Stdin: os.Stdin, Stdout: io.Discard, Stderr: io.Discard})
	root.DisableAutoGenTag = true
	date, err := dateOfSource()
	if err != nil {
		return err
	}
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "importer", Manual: "importer", Date: &date}, dir); err != nil {
		return err
	}
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if cmd.IsAvailableCommand() || cmd == root {
			if err := addSections(dir, cmd); err != nil {
				return err
			}
		}
	}
	for name, generate := range map[string]func(string) error{
		"importer.bash": func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"importer.zsh":  root.GenZshCompletionFile,
		"importer.fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
		"importer.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := generate(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// dateOfSource is the time of what is documented, so that the same source gives the same
// pages: $SOURCE_DATE_EPOCH, else that of the last commit, else the present.
func dateOfSource() (time.Time, error) {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		out, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Now(), nil // an archive of the source
		}
		seconds = strings.TrimSpace(string(out))
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("$SOURCE_DATE_EPOCH is %q; want seconds since 1970", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}
