package doctor

import (
	"context"
	"slices"

	"github.com/rs/zerolog"

	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/customfields"
	"importer/internal/names"
	"importer/internal/probe"
)

// A Subject is what is looked at: settings, and what they lead to. Where the settings
// lead nowhere, only the first four fields count.
type Subject struct {
	Config config.Config
	Getenv func(string) string
	Given  func(flag string) bool
	Err    error // why the settings cannot be used

	Paths     []string             // of the files that a run writes; none: it cannot be told
	Unnamed   []string             // those of Paths that nobody chose
	Wrong     *cognigy.NotAPIError // the base URL names the user interface
	Route     Route
	Rate      pace.Rate
	Share     func() (*ledger.Ledger, error) // the quota, with other runs; no ledger: nothing is shared; nil: it cannot be told
	Sharers   string                         // where those are
	Store     *Store                         // nil: none is named
	Client    func() Client                  // called after Share
	ProjectID string                         // as it was given; that of Config is well-formed
	Fields    []customfields.Field           // custom fields that an import writes; nil: it is not known which
	Source    *Source                        // nil: none is named

	Probing bool
	BaseURL string // as reports and states name it
	Log     zerolog.Logger
}

// A Result is what an examination found.
type Result struct {
	Checks  []Check         `json:"checks"`
	OK      bool            `json:"ok"` // set by the caller, who knows of other errors
	Probe   []probe.Finding `json:"probe,omitempty"`
	Deleted int             `json:"deleted,omitzero"` // profiles that earlier probes left

	probed   bool
	requests int // of the probe
}

// Failed tells whether a check failed.
func (r *Result) Failed() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Status == Fail })
}

// An examination is one run over all checks.
type examination struct {
	Subject
	Result
	show func(Check)
}

// Examine looks at one thing after the other, and shows each check as soon as it is
// made. The error is that of a probe, or a signal.
func Examine(ctx context.Context, s Subject, show func(Check)) (Result, error) {
	x := &examination{Subject: s, show: show}
	err := x.run(ctx)
	return x.Result, err
}

// add takes a check, shows it, and tells whether what needs it can be looked at.
func (x *examination) add(c Check) bool {
	x.Checks = append(x.Checks, c)
	x.show(c)
	return c.Status != Fail
}

func (x *examination) run(ctx context.Context) (err error) {
	usable := x.add(Settings(x.Config, x.Getenv, x.Given, x.Err))
	if len(x.Paths) == 0 {
		return nil
	}
	folder, full := Folders(x.Paths, x.Unnamed)
	x.add(folder)
	switch {
	case !usable:
	case x.Wrong != nil:
		x.add(Check{"api", Fail, x.Wrong.Host + " is the host of the user interface or of an endpoint, and not of the API", "write --base-url " + x.Wrong.API})
	default:
		err = x.lookAtAPI(ctx, full)
	}
	if x.Store != nil && ctx.Err() == nil {
		x.add(x.Store.check())
	}
	if x.Source != nil && ctx.Err() == nil {
		x.add(x.Source.check())
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// lookAtAPI looks at everything between this machine and the project. full is that
// there is no room on the disk.
func (x *examination) lookAtAPI(ctx context.Context, full bool) error {
	left := 1
	if !full && x.Share != nil { // else there is none for the ledger either
		l, err := x.Share()
		var c Check
		if c, left = Quota(x.Rate, l, x.Sharers, err); err != nil && x.Store != nil {
			c.Status, c.Hint = Fail, "no run with the store begins until that is fixed"
		}
		x.add(c)
	}
	if !x.add(x.Route.DNS(ctx)) || !x.add(x.Route.Connect(ctx)) {
		return nil
	}
	if (x.Route.Encrypted() || !names.StaysHere(x.Route.Host())) && !x.add(x.Route.TLS(ctx)) {
		return nil
	}
	if left == 0 || ctx.Err() != nil {
		return nil
	}
	access := LookAt(ctx, x.Client(), x.Route.Host(), x.ProjectID)
	for _, c := range access.Checks {
		x.add(c)
	}
	if last := access.Checks[len(access.Checks)-1]; last.Name != "project" || last.Status == Fail {
		return nil
	}
	if x.Fields != nil {
		x.add(Schema(access.Schema, access.SchemaErr, x.Fields))
	}
	return x.probe(ctx)
}
