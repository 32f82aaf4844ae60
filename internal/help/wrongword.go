package help

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"importer/internal/address"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/plain"
	"importer/internal/words"
)

// otherCommands are the words of other programs, and the command line that does here what
// they do there.
var otherCommands = map[string]string{
	"import": "--source", "run": "--source", "load": "--source", "start": "--source", "upload": "--source", "push": "--source", "create": "--source", "resume": "--source", "continue": "--source",
	"sync": "--mode upsert --source", "upsert": "--mode upsert --source", "update": "--mode update --source", "mirror": "--mode mirror --source",
	"validate": "check", "lint": "check", "test": "check", "plan": "check", "dry-run": "check", "dryrun": "check", "diff": "check", "forecast": "check", "estimate": "check",
	"show": "preview", "view": "preview", "head": "preview", "sample": "preview",
	"config": "init", "configure": "init", "setup": "init", "generate": "init", "new": "init", "guess": "init", "map": "init", "mapping": "init",
	"rollback": "undo", "revert": "undo",
	"status": "report", "summary": "report", "ids": "report", "log": "report",
	"compare": "verify", "confirm": "verify",
	"ping": "doctor", "status-check": "doctor", "health": "doctor", "probe": "doctor --probe", "diagnose": "doctor",
	"serve": "sandbox", "server": "sandbox", "mock": "sandbox", "simulate": "sandbox",
	"dump": "export", "backup": "export", "download": "export", "remove": "delete", "erase": "delete", "forget": "delete",
	"worker": "work", "queue": "jobs", "list": "jobs", "schedule": "submit",
}

// commandWord is what a command looks like, and a file hardly ever.
var commandWord = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]*$`)

// WrongCommand is the error of a first word that looks like a command and is neither one nor
// a file; nil of any other.
func WrongCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 || !commandWord.MatchString(args[0]) {
		return nil
	}
	word := strings.ToLower(args[0])
	if _, err := os.Stat(args[0]); err == nil {
		return nil
	}
	if instead, ok := otherCommands[word]; ok {
		if strings.HasSuffix(instead, "--source") {
			return config.Errorf("there is no command %s: an import needs none, as in %s", args[0], typed(root, instead, args[1:], "contacts.csv"))
		}
		if name, _, _ := strings.Cut(instead, " "); hasCommand(root, name) {
			return config.Errorf("there is no command %s; here it is %s", args[0], typed(root, instead, args[1:], ""))
		}
	}
	if like := words.Nearest(word, commandNames(root)); like != "" {
		return config.Errorf("there is no command %s; did you mean %s?", args[0], typed(root, like, args[1:], ""))
	}
	return config.Errorf("there is no command and no file %s; %s --help lists the commands", args[0], root.Name())
}

// typed is a command line with the arguments that were given, and an example where there
// are none. An address is left out: a password may stand in it.
func typed(root *cobra.Command, line string, args []string, example string) string {
	line = root.Name() + " " + line
	if len(args) == 0 && example != "" {
		args = []string{example}
	}
	for _, arg := range args {
		if address.Scheme(arg) == "" {
			line += " " + commandline.Quote(arg)
		}
	}
	return plain.Line(line)
}

func hasCommand(root *cobra.Command, name string) bool {
	return slices.Contains(commandNames(root), name)
}

func commandNames(root *cobra.Command) (names []string) {
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			names = append(names, c.Name())
		}
	}
	return names
}

// keyNotInFlag is for whoever looks for the flag of the key.
const keyNotInFlag = "the API key never stands in a flag, where everybody on the machine could read it: set $COGNIGY_API_KEY, or name a file that holds it in api.api_key_file in the configuration"

// flagWords are the words of other programs for a flag, and the flag that is meant by them;
// where there is a blank in it, it is all that is to be said.
var flagWords = []struct{ meant, words string }{
	{"source", "f i file files input in from path src csv data infile"},
	{"config", "c conf cfg configuration config-file"},
	{"sheet", "worksheet tab sheet-name"},
	{"delimiter", "d sep separator"},
	{"encoding", "charset enc"},
	{"header-row", "header header-line skip-rows"},
	{"base-url", "u url host endpoint api-url server api"},
	{"project-id", "p project projectid"},
	{"workers", "j concurrency parallel parallelism threads jobs w"},
	{"rate", "rps qps rate-limit throttle"},
	{"retries", "max-retries retry"},
	{"dry-run", "n dryrun simulate what-if noop plan"},
	{"report", "o out output journal"},
	{"log-level", "v l loglevel log debug"},
	{"quiet", "q silent s"},
	{"state", "state-file"},
	{"insecure-http", "http allow-http"},
	{"metrics-textfile", "metrics textfile prometheus"},
	{"listen", "addr address port"},
	{"notify", "webhook"},
	{"store", "db database dsn postgres"},
	{"mode", "m"},
	{"format", "t type"},
	{"allow-removals", "allow-deletes allow-delete"},
	{"restart", "reset fresh overwrite"},
	{"create-fields", "create-custom-fields"},
	{"yes", "y assume-yes"},
	{"purge", "anonymize"},
	{"sandbox", "demo test mock local"},
	{keyNotInFlag, "api-key apikey key token api-token x-api-key password secret k api-key-file key-file"},
	{"the same command goes on where it stopped", "resume continue"},
	{"say --mode update, upsert or mirror", "update upsert mirror sync"},
	{"a mirror removes what the source does not hold any more: say --mode mirror", "delete prune remove"},
	{"a mapping stands in the configuration, which importer init makes", "map mapping fields columns"},
	{"certificates are always checked; api.ca_file in the configuration names an authority that is trusted as well", "insecure no-verify skip-verify cacert ca-file"},
	{"proxies are taken from $HTTPS_PROXY and $NO_PROXY", "proxy"},
}

// otherFlag is what is meant by a word in the place of a flag; empty where nobody knows.
func otherFlag(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	for _, f := range flagWords {
		if slices.Contains(strings.Fields(f.words), name) {
			return f.meant
		}
	}
	return ""
}

// WrongFlag says what is wrong with a flag, and what is right here.
func WrongFlag(cmd *cobra.Command, err error) error {
	root := cmd.Root()
	if cmd == root {
		if wrong := WrongCommand(root, cmd.Flags().Args()); wrong != nil {
			return wrong
		}
	}
	more := cmd.CommandPath() + " --help lists the flags"
	if none, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return noFlag(cmd, none, more)
	}
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(bare.GetFlag())
		text := fmt.Sprintf("--%s needs a value: --%[1]s %s", bare.GetSpecifiedName(), strings.ToUpper(name))
		if of := config.ChoiceOf(bare.GetFlag().Name); of != nil {
			text = fmt.Sprintf("--%s needs a value: one of %s", bare.GetSpecifiedName(), strings.Join(of, ", "))
		}
		return config.Errorf("%s; %s", text, more)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := invalid.GetFlag()
		if want := wantedOf(f.Value.Type()); want != "" {
			return config.Errorf("--%s is %s; want %s", f.Name, words.Show(invalid.GetValue()), want)
		}
		return config.Errorf("--%s is %s: %w", f.Name, words.Show(invalid.GetValue()), invalid.Unwrap())
	}
	if bad, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return config.Errorf("%s is no flag; %s", words.Show(bad.GetSpecifiedFlag()), more)
	}
	return config.Errorf("%w; %s", err, more)
}

// noFlag is the error of a flag that the command does not have. Its value is not shown: a
// password may stand in it.
func noFlag(cmd *cobra.Command, none *pflag.NotExistError, more string) error {
	name, shown := none.GetSpecifiedName(), "--"+none.GetSpecifiedName()
	if none.GetSpecifiedShortnames() != "" {
		shown = "-" + name
	}
	shown = plain.Line(shown)
	meant := otherFlag(name)
	switch {
	case strings.Contains(meant, " "):
		return config.Errorf("there is no flag %s: %s", shown, meant)
	case meant != "" && cmd.Flags().Lookup(meant) != nil:
		return config.Errorf("there is no flag %s; here it is --%s; %s", shown, meant, more)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if like := words.Nearest(name, names); like != "" && len(name) > 1 {
		return config.Errorf("there is no flag %s; did you mean --%s? %s", shown, like, more)
	}
	var others []string
	for _, c := range append([]*cobra.Command{cmd.Root()}, cmd.Root().Commands()...) {
		if c.Flags().Lookup(name) != nil && len(name) > 1 {
			others = append(others, c.CommandPath())
		}
	}
	if len(others) > 0 {
		return config.Errorf("%s has no flag %s, which is one of %s; %s", cmd.CommandPath(), shown, strings.Join(others[:min(3, len(others))], ", "), more)
	}
	return config.Errorf("there is no flag %s; %s", shown, more)
}

// wantedOf says what the values of a type of flag are; empty where the flag's own error
// does.
func wantedOf(typ string) string {
	switch typ {
	case "int", "int64", "uint", "uint64":
		return "a whole number"
	case "bool":
		return "true or false"
	case "duration":
		return "a time with its unit, such as 30s, 5m or 1h"
	case "float64":
		return "a number"
	}
	return ""
}
