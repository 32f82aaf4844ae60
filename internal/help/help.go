// Package help is what all commands have in common of a command line: their help, what the
// shells complete, and how one that is not right is answered. The errors are those of
// config: wrong flags and arguments.
package help

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"importer/internal/config"
)

// commandGroups are the commands as --help lists them. What is in none comes last.
var commandGroups = []struct{ id, title, commands string }{
	{"first", "Before an import:", "init check preview doctor"},
	{"after", "After an import:", "report verify undo export delete"},
	{"store", "With a store:", "submit work jobs"},
	{"help", "Around it:", "sandbox completion version help"},
}

// flagGroups are the flags as --help lists them, the everyday ones first. What is in none
// follows them.
var flagGroups = []struct{ title, flags string }{
	{"Everyday flags:", "source config sandbox dry-run limit mode report output format quiet json help"},
	{"What is read:", "delimiter encoding sheet header-row row"},
	{"Where it goes:", "base-url project-id timeout create-fields existing insecure-http"},
	{"How fast, and when to stop:", "rate workers retries max-errors tolerate settle"},
	{"Going on, and anew:", "retry-rejected restart adopt"},
	{"A sync:", "state allow-removals verbose"},
	{"A store:", "store lease"},
	{"What is seen of a run:", "progress log-level log-format listen metrics-textfile notify"},
	{"Rehearsals:", "fault seed"},
}

// An ExitStatus is what one exit code means.
type ExitStatus struct{ Code, Meaning string }

// exitStatuses are those of the import; other commands have some of them.
var exitStatuses = []ExitStatus{
	{"0", "every row is in"},
	{"1", "stopped by an error; the message says what to fix"},
	{"2", "wrong flags or configuration; nothing was sent"},
	{"3", "ran to the end, and some rows are not in"},
	{"4", "another run is using the report"},
	{"130, 143", "interrupted; the same command goes on"},
}

// ExitStatuses are the exit codes of a command, in its own words.
func ExitStatuses(cmd *cobra.Command) []ExitStatus {
	own := func(zero, three string, codes ...string) (list []ExitStatus) {
		for _, s := range exitStatuses {
			switch {
			case s.Code == "0":
				s.Meaning = zero
			case s.Code == "3":
				s.Meaning = three
			}
			if slices.Contains(codes, s.Code) || s.Code == "0" || s.Code == "2" {
				list = append(list, s)
			}
		}
		return list
	}
	switch cmd.Name() {
	case "importer":
		return exitStatuses
	case "check":
		return own("every row would be in", "some rows would be refused", "1", "3", "4", "130, 143")
	case "preview":
		return own("the row would be in", "the row would be refused", "1", "3")
	case "doctor":
		return own("everything is in place", "", "1", "130, 143")
	case "verify":
		return own("everything is there as the report says", "something differs", "1", "3", "4", "130, 143")
	case "undo":
		return own("everything was undone", "some profiles were kept", "1", "3", "4", "130, 143")
	}
	return own("done", "", "1")
}

// Add gives the commands their groups, and all of them one form of help.
func Add(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(newHelpCommand(root))
	root.InitDefaultHelpCmd()
	for _, g := range commandGroups {
		names := strings.Fields(g.commands)
		for _, c := range root.Commands() {
			if slices.Contains(names, c.Name()) {
				if !root.ContainsGroup(g.id) {
					root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
				}
				c.GroupID = g.id
			}
		}
	}
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStderr(), usageOf(cmd))
		return err
	})
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = oneShell
			c.RunE = func(cmd *cobra.Command, args []string) error {
				return config.Errorf("%s wants the name of a shell: bash, zsh, fish or powershell", cmd.CommandPath())
			}
		}
	}
}

// oneShell is for the command that leads to those of the shells.
func oneShell(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return config.Errorf("%s knows bash, zsh, fish and powershell, and not %q", cmd.CommandPath(), args[0])
	}
	return nil
}

func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return commandNames(root), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				err = WrongCommand(root, rest)
				if err == nil {
					err = config.Errorf("there is no command %q; %s --help lists the commands", rest[0], root.Name())
				}
			}
			if err != nil {
				return err
			}
			return cmd.Help()
		},
	}
}

// usageOf is the help of a command below its description.
func usageOf(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND [flags]\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(&b, cmd)
	writeFlags(&b, cmd.Flags())
	if !cmd.HasAvailableSubCommands() || cmd.Parent() == nil {
		b.WriteString("\nExit codes:\n")
		for _, s := range ExitStatuses(cmd) {
			fmt.Fprintf(&b, "  %-9s %s\n", s.Code, s.Meaning)
		}
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more of a command.\n", cmd.CommandPath())
	}
	return b.String()
}

func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	list := func(title, id string) {
		for _, c := range cmd.Commands() {
			if c.GroupID != id || !c.IsAvailableCommand() && c.Name() != "help" {
				continue
			}
			if title != "" {
				b.WriteString("\n" + title + "\n")
				title = ""
			}
			fmt.Fprintf(b, "  %-11s %s\n", c.Name(), c.Short)
		}
	}
	for _, g := range cmd.Groups() {
		list(g.Title, g.ID)
	}
	list("Commands:", "")
}

// fewFlags are those that need no groups.
const fewFlags = 14

func writeFlags(b *strings.Builder, all *pflag.FlagSet) {
	var rest []string
	all.VisitAll(func(f *pflag.Flag) { rest = append(rest, f.Name) })
	group := func(title string, names []string) {
		some := pflag.NewFlagSet("", pflag.ContinueOnError)
		some.SortFlags = false
		for _, name := range names {
			if f := all.Lookup(name); f != nil && slices.Contains(rest, name) {
				some.AddFlag(f)
			}
			rest = slices.DeleteFunc(rest, func(other string) bool { return other == name })
		}
		if some.HasAvailableFlags() {
			b.WriteString("\n" + title + "\n" + some.FlagUsagesWrapped(100))
		}
	}
	if len(rest) <= fewFlags {
		group("Flags:", slices.Clone(rest))
		return
	}
	for _, g := range flagGroups {
		group(g.title, strings.Fields(g.flags))
	}
	group("Other flags:", slices.Clone(rest))
}
