// Man writes the manual of importer, a page for each command, into the folder
// that is named, and the completions of the shells beside it.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

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
	var epoch time.Time // the same text gives the same file
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "importer", Date: &epoch}, dir); err != nil {
		return err
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
