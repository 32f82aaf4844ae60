package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/probe"
)

// probe deletes what earlier probes left and, where it is wanted and all is well, asks
// the API how it behaves, and keeps the answers.
func (x *examination) probe(ctx context.Context) error {
	folder, err := cognigy.StateFolder(x.Getenv)
	if err != nil {
		if x.Probing {
			return fmt.Errorf("there is no folder to keep what a probe finds: %w; set $XDG_STATE_HOME", err)
		}
		return nil
	}
	c := x.Client()
	o := probe.Options{API: c.Client, BaseURL: x.BaseURL, ProjectID: x.Config.API.ProjectID, Folder: folder,
		Request: func(ctx context.Context, send func(context.Context) error) error {
			return pace.Request(ctx, c.Pacer, c.Progress, pace.Patience{Retries: 3, Throttled: x.Config.GiveUpAfter}, send)
		}}
	var open int
	if x.Deleted, open, err = probe.CleanUp(ctx, o); x.Deleted > 0 {
		x.Log.Warn().Int("profiles", x.Deleted).Msg("deleted what an earlier probe left that was killed")
	}
	if open > 0 {
		x.Log.Warn().Int("probes", open).Msg("an earlier probe was killed while it created a profile, which is not found: run importer doctor again in half a minute, which deletes it if it turns up")
	}
	if err != nil || !x.Probing || x.Failed() {
		return err
	}
	found, err := probe.Run(ctx, o)
	x.probed, x.requests, x.Probe = true, found.Requests, found.Findings
	learned := cognigy.Learned{BaseURL: o.BaseURL, ProjectID: o.ProjectID, At: time.Now().UTC().Truncate(time.Second), Behaviour: found.Behaviour, Answers: found.Answers()}
	if x.Config.Sandbox || len(learned.Answers) == 0 || ctx.Err() != nil {
		return err // what was asked halfway takes no place of what is known
	}
	return errors.Join(err, learned.Save(folder))
}

// WriteProbe says what the probe found; nothing where there was none.
func (r *Result) WriteProbe(w io.Writer) {
	if !r.probed {
		return
	}
	fmt.Fprintf(w, "\nThe probe made %d requests.\n", r.requests)
	for _, f := range r.Probe {
		answer := ""
		if f.Answer != "" {
			answer = " " + contact.Printable(f.Answer) + ":"
		}
		fmt.Fprintf(w, "  %s%s %s\n", f.Question, answer, contact.Printable(f.Follows))
	}
}
