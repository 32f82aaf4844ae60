package help_test

import (
	"strings"
	"testing"

	"importer/internal/cli"
	"importer/internal/help"
)

// Each word of another program leads to one flag or command, and to one that is there.
func TestWordsOfOtherPrograms(t *testing.T) {
	help.CheckWords(t, cli.NewCommand(cli.Env{Stdout: new(strings.Builder), Stderr: new(strings.Builder)}))
}
