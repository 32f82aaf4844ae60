package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/files"
	"importer/internal/help"
	"importer/internal/memory"
	"importer/internal/plain"
	"importer/internal/session"
	"importer/source"
)

func newInitCommand(env Env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "init FILE…",
		Short: "Look at a file and write a configuration with a guessed mapping",
		Long: `Look at the header of a file and a sample of its rows, and write a commented
configuration with the mapping that fits. The columns of exports from HubSpot,
Salesforce, Pipedrive, Zoho, Google, Outlook, Thunderbird, LinkedIn, Shopify,
Mailchimp, Brevo, ActiveCampaign, Klaviyo, Intercom, Constant Contact and Kit are
known, in English, German, French, Spanish, Italian, Dutch and Portuguese. What is
a guess is marked "unsure".

On a terminal it asks what it is unsure about, column by column; Enter takes the
guess. Elsewhere it guesses, and asks nothing.

The configuration goes to standard output, and into config.yaml where there is
none yet. Nothing is overwritten. Its first line names a schema, from which editors
complete keys and values.`,
		Example: `  importer init contacts.csv
  importer init contacts.csv -o contacts.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Settings(cmd.Flags(), args, env.Getenv)
			if err != nil {
				return err
			}
			o, err := session.SourceOptions(c, env.Stdin)
			if err != nil {
				return err
			}
			if err := session.ReachSources(&o, c, env); err != nil {
				return err
			}
			if asked := cmd.Flags().Changed("output"); asked {
				if err := isThere(output); err != nil { // before somebody answers questions for nothing
					return err
				}
			}
			memory.Bound(env.Getenv)
			sample, err := source.Sample(o)
			if err != nil {
				return session.Unopened(err)
			}
			if in := personAt(env); in != nil && !slices.Contains(o.Paths, "-") {
				if err := askAbout(cmd.Context(), in, env.Stderr, sample); err != nil {
					return err
				}
			}
			text, err := sample.Config()
			if err != nil {
				return config.Errorf("%w", err)
			}
			return writeConfig(env, schemaLine(output)+text, output, cmd.Flags().Changed("output"))
		},
	}
	help.AddFlags(cmd, sourceFlags...)
	cmd.Flags().StringVarP(&output, "output", "o", config.DefaultFile, "`FILE` to write, which must not exist; - for standard output only")
	return cmd
}

// isThere refuses a file that is there already, unless it is a pipe or a device.
func isThere(path string) error {
	if info, err := os.Stat(path); err != nil || path == "-" || !info.Mode().IsRegular() {
		return nil
	}
	return thereAlready(path)
}

func thereAlready(path string) error {
	return config.Errorf("%s is there already: name another file with --output, or move it away", path)
}

// writeConfig writes a new configuration to the file, and to standard output
// where no file was asked for.
func writeConfig(env Env, text, path string, asked bool) error {
	if !asked || path == "-" {
		if _, err := io.WriteString(env.Stdout, text); err != nil {
			return err
		}
	}
	if path == "-" {
		return nil
	}
	if asked {
		through, err := files.WriteThrough(path, plain.Behind(env.Stdout), func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		if through {
			return err
		}
	}
	f, err := files.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	switch {
	case errors.Is(err, fs.ErrExist) && asked:
		return thereAlready(path)
	case errors.Is(err, fs.ErrExist):
		fmt.Fprintf(env.Stderr, "importer: %s is there already, and was left as it is\n", plain.Line(path))
		return nil
	case err != nil:
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, "importer: wrote %s; look at what is marked unsure, then: importer preview --config %s --row 1\n", plain.Line(path), commandline.Quote(path))
	return nil
}
