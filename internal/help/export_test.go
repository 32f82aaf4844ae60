package help

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// CheckWords checks the tables of words and flags by the commands there are.
func CheckWords(t *testing.T, root *cobra.Command) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range flagWords {
		there := strings.Contains(f.meant, " ") || root.Flags().Lookup(f.meant) != nil
		for _, c := range root.Commands() {
			there = there || c.Flags().Lookup(f.meant) != nil
		}
		if !there {
			t.Errorf("no command has the flag --%s", f.meant)
		}
		for word := range strings.FieldsSeq(f.words) {
			if seen[word] || root.Flags().Lookup(word) != nil && len(word) > 1 {
				t.Errorf("--%s is twice in the table, or a flag", word)
			}
			seen[word] = true
		}
	}
	for word, instead := range otherCommands {
		if hasCommand(root, word) {
			t.Errorf("%s is a command, and stands for %s", word, instead)
		}
	}
	for _, g := range flagGroups {
		for name := range strings.FieldsSeq(g.flags) {
			if seen["group "+name] {
				t.Errorf("--%s is in two groups", name)
			}
			seen["group "+name] = true
		}
	}
}
