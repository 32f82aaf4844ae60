// Package probe asks an API what no document tells of it, with two profiles of its
// own that it deletes again.
//
//	record ─► create ─► questions ─► delete ─► what follows
//
// The ids of its profiles begin with importer-probe-, and a record of each probe is on
// disk before its first create: where a probe is killed, CleanUp finds by the record
// what is left, and deletes that.
package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/oklog/ulid/v2"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
)

// MaxRequests is how many requests one probe makes at most, those that delete its
// profiles included.
const MaxRequests = 40

const (
	cleanUpTime = time.Minute // for deleting what was made, after a signal as well
	// settleTime is how long after a create whose answer is not known a profile may
	// still turn up: as long as a run waits for one by default.
	settleTime = 30 * time.Second
	// maxUnreached is how many requests in a row may get no answer.
	maxUnreached = 3
)

// breath is how long to wait before a read that did not show what it should is made
// again, where nothing is known of a lag. Tests have less time.
var breath = time.Second

// Options say whom to ask, and how. All are needed.
type Options struct {
	// API makes one request. Implemented by cognigy.Client.
	API interface {
		Ask(context.Context, cognigy.Ask) (cognigy.Raw, error)
	}
	// Request waits for the quota, calls send, and calls it again where the request was
	// certainly not processed. It does not cut a send short when its context ends. See
	// pace.Request.
	Request            func(ctx context.Context, send func(context.Context) error) error
	BaseURL, ProjectID string
	Folder             string // for the records; see cognigy.StateFolder
}

// A Result is what a probe found out.
type Result struct {
	Findings  []Finding         // one for each question, in a fixed order
	Behaviour contact.Behaviour // what a run can go by
	Requests  int
}

// Answers are the answers by the names of their questions, without those that are not
// known.
func (r Result) Answers() map[string]string {
	known := map[string]string{}
	for _, f := range r.Findings {
		if f.Answer != "" {
			known[f.Name] = f.Answer
		}
	}
	return known
}

var errNoneLeft = fmt.Errorf("the probe's %d requests are used up", MaxRequests)

// A prober is one probe. It has one owner.
type prober struct {
	Options
	record    *record
	id        string // of the probe: a part of all contact ids
	sent      int
	own       bool // the record is this probe's own, and not one that was left
	cleaning  bool
	deleted   int // profiles
	unreached int // requests without an answer, in a row

	a, b    profile // as they were read last
	marks   int     // how many updates were marked
	getLag  time.Duration
	listLag time.Duration
	shown   bool     // a get shows the first profile
	listed  bool     // a list does
	bShown  bool     // a list shows the second one
	rate    []string // names of the headers that tell of a quota
	refused []string // Retry-After of the answers 429, empty where there was none

	answers map[string]string // by question
	reasons map[string]string // why there is no answer
}

// A profile is one in an answer.
type profile struct {
	ID         string         `json:"_id"`
	ContactIDs []string       `json:"contactIds"`
	Fields     map[string]any `json:"profile"`
	Active     *bool          `json:"active"`
}

// Run asks all questions. What it made is deleted when it returns, whatever becomes
// of it and of ctx; where that cannot be, the error says so, and CleanUp does it
// later. A question without an answer is no error. The error is otherwise that of ctx,
// or says why nothing could be asked.
func Run(ctx context.Context, o Options) (r Result, err error) {
	p := newProber(o, strings.ToLower(ulid.Make().String()))
	p.own = true
	if p.record, err = newRecord(o, p.id); err != nil {
		return r, fmt.Errorf("the probe has to write down what it makes before it makes it: %w", err)
	}
	defer func() { err = errors.Join(err, p.record.close()) }()
	err = p.askAll(ctx)
	err = errors.Join(err, p.cleanUp(ctx))
	return Result{Findings: p.findings(), Behaviour: p.behaviour(), Requests: p.sent}, err
}

// CleanUp deletes what probes of this project left that were killed, and returns how
// many profiles that were. open is of how many probes a profile may turn up yet: a
// later call looks again. A probe that is still at work is left alone.
func CleanUp(ctx context.Context, o Options) (deleted, open int, err error) {
	records, err := recordsLeft(o)
	for _, r := range records {
		p := newProber(o, r.ID)
		p.record = r
		failed := p.cleanUp(ctx)
		deleted += p.deleted
		if errors.Is(failed, errOpen) {
			open, failed = open+1, nil
		}
		err = errors.Join(err, failed, r.close())
	}
	return deleted, open, err
}

func newProber(o Options, id string) *prober {
	return &prober{Options: o, id: id, answers: map[string]string{}, reasons: map[string]string{}}
}

// contactID is one of the contact ids that only this probe uses.
func (p *prober) contactID(end string) string { return contactIDPrefix + p.id + end }

const contactIDPrefix = "importer-probe-"

// isMine tells whether a profile was made by this probe. One that was made without
// contact ids bears their beginning as its last name.
func (p *prober) isMine(f profile) bool {
	return f.Fields["lastname"] == p.contactID("") || slices.ContainsFunc(f.ContactIDs, func(id string) bool {
		return strings.HasPrefix(strings.ToLower(id), p.contactID(""))
	})
}

// askAll puts one question after the other. Only what ends all of them is an error.
func (p *prober) askAll(ctx context.Context) error {
	for _, s := range steps {
		err := s.ask(p, ctx)
		if err == nil {
			continue
		}
		for _, name := range s.names {
			if p.answers[name] == "" {
				p.reasons[name] = err.Error()
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errNoneLeft):
			return nil
		case errors.Is(err, errRecord), p.a.ID == "" && s.needed, p.unreached >= maxUnreached:
			return err
		}
	}
	return nil
}

// ask makes one request, and again where that is safe. So many requests are kept back
// that all profiles can be deleted.
func (p *prober) ask(ctx context.Context, a cognigy.Ask) (raw cognigy.Raw, err error) {
	if ctx.Err() != nil {
		return raw, context.Cause(ctx)
	}
	err = p.Request(ctx, func(ctx context.Context) (err error) {
		most := MaxRequests
		if !p.cleaning {
			most -= 2*len(p.record.Profiles) + 3
		}
		if p.sent >= most {
			return errNoneLeft
		}
		p.sent++
		raw, err = p.API.Ask(ctx, a)
		p.listen(raw, err)
		return err
	})
	return raw, err
}

// listen keeps what every answer tells beside what it was asked for.
func (p *prober) listen(raw cognigy.Raw, err error) {
	for _, name := range raw.Rate {
		if !slices.Contains(p.rate, name) {
			p.rate = append(p.rate, name)
		}
	}
	if raw.Status == 429 {
		p.refused = append(p.refused, raw.RetryAfter)
	}
	if p.unreached++; err == nil || !contact.AsAPIError(err).Unreached() {
		p.unreached = 0
	}
}

// create makes a profile, and notes it before anything else is done. That the API
// refuses it is no error: then there is no id.
func (p *prober) create(ctx context.Context, members map[string]any) (f profile, status int, err error) {
	if ctx.Err() != nil {
		return f, 0, context.Cause(ctx)
	}
	members["projectId"] = p.ProjectID
	if err := p.record.sending(); err != nil {
		return f, 0, err
	}
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "create", Body: encode(members)})
	f, known := profileIn(raw)
	switch {
	case known && p.isMine(f):
		return f, raw.Status, p.record.answered(f.ID)
	case err != nil && madeNothing(err):
		if noted := p.record.answered(""); noted != nil {
			return f, raw.Status, noted
		}
		if isRefused(err) {
			err = nil
		}
		return profile{}, raw.Status, err
	case err == nil:
		err = errors.New("the answer to a create shows another profile")
	}
	return profile{}, raw.Status, err
}

// isRefused tells whether an error is the API's verdict about what this one request
// asks for. One about the key or the project is not.
func isRefused(err error) bool {
	problem, ok := errors.AsType[*contact.APIError](err)
	return ok && problem.Author == contact.API && (problem.Class == contact.Permanent || problem.Class == contact.Conflict)
}

// madeNothing tells whether a request that failed certainly did nothing: it was not
// sent, or the API says so.
func madeNothing(err error) bool {
	problem, ok := errors.AsType[*contact.APIError](err)
	return !ok || problem.Class != contact.Ambiguous || errors.Is(err, errNoneLeft)
}

func profileIn(raw cognigy.Raw) (f profile, ok bool) {
	if len(raw.Body) == 0 || json.Unmarshal(raw.Body, &f) != nil {
		return profile{}, false
	}
	return f, f.ID != ""
}

func encode(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // of maps, lists and texts that stand in this package
	}
	return b
}

// get reads a profile. One that is not shown is no error: ok is false.
func (p *prober) get(ctx context.Context, id string) (f profile, ok bool, err error) {
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "get", ID: id})
	switch {
	case contact.IsGone(err):
		return f, false, nil
	case err != nil:
		return f, false, err
	}
	f, ok = profileIn(raw)
	return f, ok, nil
}

// list reads one page of the project, and returns the profiles of this probe in it,
// and how many others are.
func (p *prober) list(ctx context.Context, query map[string]string) (mine []profile, others int, err error) {
	q := make(map[string][]string, len(query)+1)
	for name, value := range query {
		q[name] = []string{value}
	}
	q["projectId"] = []string{p.ProjectID}
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "list", Query: q})
	if err != nil {
		return nil, 0, err
	}
	var page struct {
		Items []profile `json:"items"`
	}
	if err := json.Unmarshal(raw.Body, &page); err != nil {
		return nil, 0, errors.New("the list cannot be read")
	}
	for _, f := range page.Items {
		if p.isMine(f) {
			mine = append(mine, f)
		}
	}
	return mine, len(page.Items) - len(mine), nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if !pace.Sleep(ctx.Done(), d) {
		return context.Cause(ctx)
	}
	return nil
}
