package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"importer/internal/config"
	"importer/internal/help"
	"importer/internal/live"
	"importer/internal/sandbox"
	"importer/internal/session"
)

const sandboxHelp = `Serve the Contact Profiles API v2.0 on this machine, to rehearse an import or to
test against it: all twelve operations, with faults to inject. Where the
behaviour of the API is not known, a flag makes the sandbox play either side.

A page of another origin is refused, and so is who asks for another host than this
machine; --allow-origin lets in both.

A page for people is at /, the OpenAPI document at /openapi/openapi-viewer.json.

Faults (--fault, repeatable; P is the probability for a request):
  STATUS:P          answers the status, unprocessed: 500:0.01, 429:0.01, 503:0.01.
                    Instead of the status one of the API's own codes: 8001:0.01
  STATUS-after:P    processes and stores, then answers the status: 500-after:0.01
  drop-before:P     closes the connection, unprocessed
  drop-after:P      processes and stores, then closes the connection unanswered
  page:P            something on the way answers 200 with a login page, unprocessed
  gateway404:P      a gateway answers its own 404, unprocessed
  waf403:P          a firewall answers its 403, unprocessed
  maintenance503:P  processes and stores, then answers 503 with a maintenance page
  write:P           a conversation adds a memory to a random profile and withdraws a
                    consent that it gave, before the request is handled
  write-after-get:P the same to the profile that a get showed last
  read-lag:TIME     hides a write from list and get for that long: read-lag:5s;
                    list-lag:TIME from list alone, get-lag:TIME from get alone
  short-list        ends every list of several pages before its own total
  mixed-cache       shows the profile of another in one of ten gets`

// NewSandboxCommand is `importer sandbox`. It serves until the command's context
// is done, which is a good end, and logs on the command's standard error.
func NewSandboxCommand(stdout io.Writer) *cobra.Command {
	var (
		o               sandbox.Options
		addr, rate, ttl string
		faults          []string
		log             = config.Log{Level: "info", Format: "auto"}
	)
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the Contact Profiles API on this machine",
		Long:  sandboxHelp,
		Example: `  importer sandbox
  importer sandbox --data sandbox.db --rate 1000/5m
  importer sandbox --fault drop-after:0.05 --fault 500:0.01 --seed 7`,
		Args: help.Takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := errors.Join(
				session.Parse(&o.Rate, "--rate:", sandbox.ParseRate, rate),
				session.Parse(&o.Faults, "--fault:", sandbox.ParseFaults, faults),
				session.Parse(&o.TTL, "--ttl", sandbox.ParseTTL, ttl),
			)
			if err != nil {
				return err
			}
			if o.Log, err = live.NewDisplay(cmd.ErrOrStderr(), "none", os.Getenv).Logger(log); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return config.Errorf("%w", err)
			}
			return serveSandbox(cmd, stdout, addr, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "addr", "127.0.0.1:8787", "address to listen on; port 0 picks one")
	f.StringVar(&o.DataFile, "data", "", "SQLite file that keeps the profiles; in memory without it")
	f.StringVar(&o.APIKey, "api-key", sandbox.DefaultAPIKey, "the key it accepts; not a real one, because it is printed")
	f.StringVar(&o.ProjectID, "project-id", sandbox.DefaultProjectID, "the project it holds, 24 characters")
	f.StringVar(&rate, "rate", "off", "quota of a client address: off, or as in 1000/5m")
	f.DurationVar(&o.Latency, "latency", 0, "time added to each request")
	f.StringArrayVar(&faults, "fault", nil, "fault to inject (repeatable), see above")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of the faults: the same seed loses the same answers")
	f.IntVar(&o.CreateStatus, "create-status", 201, "status of a create: 201 or 200")
	f.IntVar(&o.UpdateStatus, "update-status", 204, "status of an update: 204 without a body, or 200 with the profile")
	for _, w := range o.Switches() {
		f.StringVar(w.Value, w.Name, w.Values[0], w.Usage+": "+strings.Join(w.Values, ", "))
	}
	f.StringArrayVar(&o.AllowOrigins, "allow-origin", nil, "`ORIGIN` of a page that may ask it besides its own, such as http://localhost:3000, and host that it may be asked for by (repeatable)")
	f.StringVar(&ttl, "ttl", "720h", "life time of a profile after its last read or change, or off")
	f.IntVar(&o.MaxBody, "max-body", sandbox.DefaultMaxBody, "largest request body in bytes")
	f.StringVar(&log.Level, "log-level", log.Level, "level of the log on standard error; debug tells of each request")
	f.StringVar(&log.Format, "log-format", log.Format, "form of the log: auto, console or json")
	return cmd
}

func serveSandbox(cmd *cobra.Command, stdout io.Writer, addr string, o sandbox.Options) error {
	server, err := sandbox.Listen(addr, o)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	defer server.Close() // of no effect after the Close below
	if _, err := fmt.Fprintf(stdout, "sandbox listening on %s (api key: %s, project id: %s)\n", server.URL, server.APIKey(), server.ProjectID()); err != nil {
		return err
	}
	if !server.Loopback {
		o.Log.Warn().Str("addr", strings.TrimPrefix(server.URL, "http://")).Msg("other machines can reach the sandbox: it is unencrypted, and anybody with the key can read what is in it")
	}
	select {
	case <-cmd.Context().Done():
	case err := <-server.Done():
		if err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	return server.Close()
}
