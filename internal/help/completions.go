package help

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"importer/internal/config"
	"importer/source/workbook"
)

// Complete tells the shells what may follow: the words of a setting, the reports of
// this folder, the sheets of the workbook that is named.
func Complete(root *cobra.Command) {
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if complete := completionOf(cmd, f.Name); complete != nil {
				// It fails where the flag is not there or has a completion: neither is so.
				_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
			}
		})
		switch cmd.Name() {
		case "report", "verify", "undo":
			cmd.ValidArgsFunction = filesThatEnd("report.ndjson")
		case "init", "check", "preview", "importer":
			cmd.ValidArgsFunction = filesThatEnd(sourceEndings...)
		case "version", "sandbox", "doctor":
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}

// sourceEndings are how the names of files end that can be read.
var sourceEndings = []string{"csv", "tsv", "txt", "ndjson", "jsonl", "json", "xlsx", "gz", "zst", "bz2", "xz"}

// completionOf is what may follow a flag; nil leaves it to the shell.
func completionOf(cmd *cobra.Command, flag string) cobra.CompletionFunc {
	switch {
	case flag == "format" && cmd.Name() == "report":
		return cobra.FixedCompletions([]string{"text", "json", "csv", "html", "ndjson"}, cobra.ShellCompDirectiveNoFileComp)
	case flag == "sheet":
		return sheets
	case flag == "report":
		return filesThatEnd("report.ndjson")
	case flag == "config":
		return filesThatEnd("yaml", "yml")
	case flag == "source":
		return filesThatEnd(sourceEndings...)
	case flag == "delimiter":
		return cobra.FixedCompletions([]string{"auto", "comma", "semicolon", "tab", "pipe"}, cobra.ShellCompDirectiveNoFileComp)
	case flag == "encoding":
		return cobra.FixedCompletions([]string{"auto", "utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-15"}, cobra.ShellCompDirectiveNoFileComp)
	case flag == "rate":
		return cobra.FixedCompletions([]string{config.DefaultRate, "unlimited"}, cobra.ShellCompDirectiveNoFileComp)
	case flag == "fault":
		return cobra.FixedCompletions([]string{"drop-after:0.01", "drop-before:0.01", "500:0.01", "500-after:0.01", "429:0.01", "read-lag:5s"}, cobra.ShellCompDirectiveNoFileComp)
	}
	if of := config.ChoiceOf(flag); of != nil {
		return cobra.FixedCompletions(slices.Clone(of), cobra.ShellCompDirectiveNoFileComp)
	}
	return nil
}

// filesThatEnd completes files by the ends of their names, and folders.
func filesThatEnd(endings ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return endings, cobra.ShellCompDirectiveFilterFileExt
	}
}

// sheets completes the sheets of the first workbook that the command line names.
func sheets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := config.Unchecked(cmd.Flags(), args, func(string) string { return "" })
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, path := range c.Source.Paths {
		if !strings.HasSuffix(strings.ToLower(path), ".xlsx") {
			continue
		}
		if names := sheetsOf(path); len(names) > 0 {
			return names, cobra.ShellCompDirectiveNoFileComp
		}
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// sheetsOf are the names of the sheets of a workbook; none where it cannot be read.
func sheetsOf(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() // read only: nothing to lose
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	book, err := workbook.Open(f, info.Size())
	if err != nil {
		return nil
	}
	return book.Names()
}
