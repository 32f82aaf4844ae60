package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/sandbox"
)

func TestMain(m *testing.M) {
	breath = 20 * time.Millisecond
	m.Run()
}

// A rig is a sandbox, and what a probe of it needs.
type rig struct {
	*sandbox.Server
	o      Options
	before func(n int) error // each request, from 1; nil: nothing
	after  func(n int) error // each answer, which is lost with an error
	client *cognigy.Client
	n      int
}

func newRig(t *testing.T, o sandbox.Options) *rig {
	t.Helper()
	server, err := sandbox.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := cognigy.New(cognigy.Options{BaseURL: server.URL, APIKey: server.APIKey(), ProjectID: server.ProjectID()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	r := &rig{Server: server, client: client}
	pacer := pace.NewPacer(pace.Rate{}, pace.PacerOptions{})
	r.o = Options{API: r, BaseURL: server.URL, ProjectID: server.ProjectID(), Folder: t.TempDir(), Request: func(ctx context.Context, send func(context.Context) error) error {
		return pace.Request(ctx, pacer, new(contact.Progress), pace.Patience{Retries: 3, Throttled: time.Minute}, send)
	}}
	return r
}

// Ask implements Options.API.
func (r *rig) Ask(ctx context.Context, a cognigy.Ask) (cognigy.Raw, error) {
	r.n++
	n := r.n
	if r.before != nil {
		if err := r.before(n); err != nil {
			return cognigy.Raw{}, err
		}
	}
	raw, err := r.client.Ask(ctx, a)
	if r.after != nil {
		if lost := r.after(n); lost != nil {
			return cognigy.Raw{}, lost
		}
	}
	return raw, err
}

// left fails the test where a profile of a probe or a record is left.
func (r *rig) left(t *testing.T, what string) {
	t.Helper()
	if p := r.Profiles(); len(p) > 0 {
		t.Errorf("%s: %d profiles are left: %+v", what, len(p), p)
	}
	if files, err := filepath.Glob(filepath.Join(r.o.Folder, "probes", "*")); err != nil || len(files) > 0 {
		t.Errorf("%s: %v is left, %v", what, files, err)
	}
}

// byDefault are the answers of a sandbox without any switch.
var byDefault = map[string]string{
	"create": "201", "update": "204", "delete": "204", "delete_again": "404", "active": "true", "openapi": "served",
	"patch": "merge", "patch_contact_ids": "replace", "duplicate_set": "conflict", "duplicate_overlap": "conflict",
	"unknown_members": "reject", "unknown_fields": "keep", "clear_null": "refused", "clear_empty": "clears",
	"type_number": "reject", "type_boolean": "reject", "defaults": "all", "missing_contact_ids": "refused",
	"filter": "contains", "filter_case": "counts", "filter_plus": "literal", "filter_regexp": "no", "contact_ids_query": "honoured",
	"limit": "clamp", "default_media": "json", "read_lag_get": "none", "read_lag_list": "none", "rate_headers": "none", "retry_after": "",
}

// Each switch of the sandbox is found out, on both sides. What is not named is as in
// the first line.
func TestEverySwitchIsFound(t *testing.T) {
	unhurried := sandbox.Rate{Requests: 1000, Window: time.Minute}
	throttled := sandbox.Rate{Requests: 20, Window: 300 * time.Millisecond}
	for _, c := range []struct {
		name string
		o    sandbox.Options
		want map[string]string
	}{
		{"by default", sandbox.Options{}, nil},
		{"on-duplicate allow", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow}, map[string]string{"duplicate_set": "allow", "duplicate_overlap": "allow"}},
		{"on-duplicate return", sandbox.Options{OnDuplicate: sandbox.DuplicateReturn}, map[string]string{"duplicate_set": "return", "duplicate_overlap": "return"}},
		{"on-duplicate conflict-same-set", sandbox.Options{OnDuplicate: sandbox.DuplicateConflictSameSet}, map[string]string{"duplicate_set": "conflict", "duplicate_overlap": "allow"}},
		{"patch-ids add", sandbox.Options{PatchIDs: sandbox.PatchIDsAdd}, map[string]string{"patch_contact_ids": "merge"}},
		{"defaults sent", sandbox.Options{Defaults: sandbox.DefaultsSent}, map[string]string{"defaults": "sent"}},
		{"default-active false", sandbox.Options{DefaultActive: sandbox.ActiveFalse}, map[string]string{"active": "false"}},
		{"missing-contact-ids accept", sandbox.Options{MissingContactIDs: sandbox.MissingAccept}, map[string]string{"missing_contact_ids": "taken"}},
		{"wrong-types keep", sandbox.Options{WrongTypes: sandbox.TypesKeep}, map[string]string{"type_number": "keep", "type_boolean": "keep"}},
		{"wrong-types drop", sandbox.Options{WrongTypes: sandbox.TypesDrop}, map[string]string{"type_number": "drop", "type_boolean": "drop"}},
		{"null clear", sandbox.Options{Null: sandbox.NullClear}, map[string]string{"clear_null": "clears", "clear_empty": ""}},
		{"null keep", sandbox.Options{Null: sandbox.NullKeep}, map[string]string{"clear_null": "clears", "clear_empty": ""}},
		{"null drop", sandbox.Options{Null: sandbox.NullDrop}, map[string]string{"clear_null": "keeps"}},
		{"empty-text drop", sandbox.Options{EmptyText: sandbox.EmptyDrop}, map[string]string{"clear_empty": "keeps"}},
		{"filter whole", sandbox.Options{Filter: sandbox.FilterWhole}, map[string]string{"filter": "whole"}},
		{"filter pattern", sandbox.Options{Filter: sandbox.FilterPattern}, map[string]string{"filter_plus": "special", "filter_regexp": "yes"}},
		{"filter-case ignore", sandbox.Options{FilterCase: sandbox.CaseIgnore}, map[string]string{"filter_case": "ignored"}},
		{"contact-ids-query ignore", sandbox.Options{ContactIDsQuery: sandbox.QueryIgnore}, map[string]string{"contact_ids_query": "ignored"}},
		{"contact-ids-query reject", sandbox.Options{ContactIDsQuery: sandbox.QueryReject}, map[string]string{"contact_ids_query": "refused"}},
		{"delete-twice accept", sandbox.Options{DeleteTwice: sandbox.TwiceAccept}, map[string]string{"delete_again": "204"}},
		{"rate-headers ratelimit", sandbox.Options{RateHeaders: sandbox.HeadersRateLimit, Rate: unhurried}, map[string]string{"rate_headers": "Ratelimit-…"}},
		{"rate-headers x-ratelimit", sandbox.Options{RateHeaders: sandbox.HeadersXRateLimit, Rate: unhurried}, map[string]string{"rate_headers": "X-Ratelimit-…"}},
		{"openapi none", sandbox.Options{OpenAPI: sandbox.OpenAPINone}, map[string]string{"openapi": "none"}},
		{"update-status 200", sandbox.Options{UpdateStatus: 200}, map[string]string{"update": "200"}},
		{"patch replace", sandbox.Options{Patch: sandbox.PatchReplace}, map[string]string{"patch": "replace", "clear_null": "", "clear_empty": ""}},
		{"create-status 200", sandbox.Options{CreateStatus: 200}, map[string]string{"create": "200"}},
		{"unknown-members ignore", sandbox.Options{UnknownMembers: sandbox.UnknownIgnore}, map[string]string{"unknown_members": "ignore"}},
		{"unknown-fields drop", sandbox.Options{UnknownFields: sandbox.FieldsDrop}, map[string]string{"unknown_fields": "drop"}},
		{"unknown-fields reject", sandbox.Options{UnknownFields: sandbox.FieldsReject}, map[string]string{"unknown_fields": "reject"}},
		{"limit-above reject", sandbox.Options{LimitAbove: sandbox.LimitReject}, map[string]string{"limit": "reject"}},
		{"default-media hal", sandbox.Options{DefaultMedia: sandbox.MediaHAL}, map[string]string{"default_media": "hal"}},
		{"retry-after seconds", sandbox.Options{Rate: throttled}, map[string]string{"retry_after": "seconds"}},
		{"retry-after date", sandbox.Options{Rate: throttled, RetryAfter: sandbox.RetryAfterDate}, map[string]string{"retry_after": "date"}},
		{"retry-after none", sandbox.Options{Rate: throttled, RetryAfter: sandbox.RetryAfterNone}, map[string]string{"retry_after": "none"}},
		{"read-lag", sandbox.Options{Faults: []sandbox.Fault{{Kind: sandbox.FaultReadLag, Lag: 300 * time.Millisecond}}}, map[string]string{"read_lag_get": "at most …", "read_lag_list": "at most …"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.o)
			result, err := Run(t.Context(), r.o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range result.Findings {
				want, known := byDefault[f.Name]
				if other, ok := c.want[f.Name]; ok {
					want = other
				}
				// A switch that this table does not know yet is told, whatever it says.
				begins, open := strings.CutSuffix(want, "…")
				if got := f.Answer; known && got != want && !(open && strings.HasPrefix(got, begins)) {
					t.Errorf("%s is %q, want %q (%s)", f.Name, got, want, f.Follows)
				}
				if f.Question == "" || f.Follows == "" {
					t.Errorf("%s says nothing: %+v", f.Name, f)
				}
			}
			if len(result.Findings) < len(byDefault) || result.Requests > MaxRequests || result.Requests != r.n {
				t.Errorf("%d findings, %d requests, of which the API got %d", len(result.Findings), result.Requests, r.n)
			}
			if kind := contact.PatchKind(result.Answers()["patch"]); result.Behaviour.Patch != kind || kind == "" {
				t.Errorf("the behaviour is %+v", result.Behaviour)
			}
			r.left(t, c.name)
		})
	}
}

// The table above has a line for each value of each switch but the first.
func TestTheTableHasEverySwitch(t *testing.T) {
	table, err := os.ReadFile("probe_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range new(sandbox.Options).Switches() {
		for _, value := range s.Values[1:] {
			if line := fmt.Sprintf("{%q, sandbox.Options{", s.Name+" "+value); !strings.Contains(string(table), line) {
				t.Errorf("there is no line %s", line)
			}
		}
	}
}

// A probe that is interrupted leaves nothing, whichever request it was at.
func TestInterruptedAtAnyRequest(t *testing.T) {
	t.Parallel()
	for n := 1; n <= MaxRequests; n++ {
		for _, when := range []string{"before", "after"} {
			t.Run(fmt.Sprint(when, n), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
				ctx, cancel := context.WithCancelCause(t.Context())
				stop := func(at int) error {
					if at == n {
						cancel(errAny)
					}
					return nil
				}
				if when == "before" {
					r.before = stop
				} else {
					r.after = stop
				}
				_, err := Run(ctx, r.o)
				if ctx.Err() != nil && err != nil && !errors.Is(err, errAny) {
					t.Errorf("%s request %d: %v", when, n, err)
				}
				r.left(t, fmt.Sprintf("%s request %d", when, n))
				cancel(nil)
			})
		}
	}
}

var errAny = errors.New("any")

// dead is how a client fails whose process has ended.
var dead = &contact.APIError{Class: contact.Ambiguous, Failure: contact.Failure{Detail: "dead"}}

// A probe that was killed leaves a record, by which the next one cleans up.
func TestKilledAtAnyRequest(t *testing.T) {
	t.Parallel()
	for n := 1; n <= MaxRequests; n++ {
		for _, when := range []string{"before", "after"} {
			t.Run(fmt.Sprint(when, n), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
				kill := func(at int) error {
					if at >= n {
						return dead
					}
					return nil
				}
				if when == "before" {
					r.before = kill
				} else {
					r.after = func(at int) error {
						if at == n {
							r.before = kill
							return dead
						}
						return nil
					}
				}
				_, err := Run(t.Context(), r.o)
				r.before, r.after = nil, nil
				had := len(r.Profiles())
				if had > 0 && err == nil {
					t.Errorf("%s request %d: %d profiles are left, and nobody says so", when, n, had)
				}
				what := fmt.Sprintf("%s request %d", when, n)
				age(t, r.o.Folder) // what did not turn up by then was not made
				deleted, _, err := CleanUp(t.Context(), r.o)
				if err != nil || deleted != had {
					t.Errorf("%s: %d of %d were deleted: %v", what, deleted, had, err)
				}
				r.left(t, what)
			})
		}
	}
}

// age makes the records old.
func age(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "probes", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		year := time.Now().UTC().Format("2006-")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), `"sent":"`+year, `"sent":"2001-`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Where answers are lost, or something on the way gives them, the probe knows less, and
// nothing that is not so.
func TestTroubleMakesNoAnswerWrong(t *testing.T) {
	for seed := range uint64(6) {
		var faults []sandbox.Fault
		for _, spec := range []string{"drop-after:0.06", "drop-before:0.04", "500:0.03", "500-after:0.03", "page:0.04", "waf403:0.03", "429:0.03", "mixed-cache"} {
			f, err := sandbox.ParseFault(spec)
			if err != nil {
				t.Fatal(err)
			}
			faults = append(faults, f)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sandbox.Options{Faults: faults, Seed: seed})
			result, err := Run(t.Context(), r.o)
			unknown := 0
			for _, f := range result.Findings {
				want, known := byDefault[f.Name]
				switch {
				case f.Answer == "":
					unknown++
				case known && f.Answer != want && f.Name != "retry_after":
					t.Errorf("%s is %q, want %q or nothing", f.Name, f.Answer, want)
				}
			}
			t.Logf("%d of %d are not known, %d requests, %v", unknown, len(result.Findings), result.Requests, err)
			had := len(r.Profiles())
			if had > 0 && err == nil {
				t.Errorf("%d profiles are left, and nobody says so", had)
			}
			for range 20 { // each goes on where the one before failed
				age(t, r.o.Folder)
				if _, _, err = CleanUp(t.Context(), r.o); err == nil {
					break
				}
			}
			r.left(t, "in the end")
		})
	}
}

// altered is an API that changes requests or answers.
type altered struct {
	*rig
	alter func(a *cognigy.Ask, send func() (cognigy.Raw, error)) (cognigy.Raw, error)
}

func (a altered) Ask(ctx context.Context, ask cognigy.Ask) (cognigy.Raw, error) {
	return a.alter(&ask, func() (cognigy.Raw, error) { return a.rig.Ask(ctx, ask) })
}

// An answer that shows somebody else's profile does not make it the probe's: it is
// never deleted.
func TestAProfileOfSomebodyElseIsNotDeleted(t *testing.T) {
	t.Parallel()
	r := newRig(t, sandbox.Options{})
	other, err := r.client.Ask(t.Context(), cognigy.Ask{Operation: "create", Body: encode(map[string]any{"projectId": r.ProjectID(), "contactIds": []string{"ada@example.com"}})})
	if err != nil {
		t.Fatal(err)
	}
	r.o.API = altered{r, func(a *cognigy.Ask, send func() (cognigy.Raw, error)) (cognigy.Raw, error) {
		raw, err := send()
		if a.Operation == "create" && err == nil {
			raw = other
		}
		return raw, err
	}}
	if _, err := Run(t.Context(), r.o); err == nil {
		t.Error("no create was shown, and that is no error")
	}
	if p := r.Profiles(); len(p) != 1 || p[0].ContactIDs[0] != "ada@example.com" {
		t.Errorf("there are %+v", p)
	}
}

// A profile that was made without contact ids is found by what the answer shows, and
// where that was lost, by its name.
func TestAProfileWithoutContactIDs(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		r := newRig(t, sandbox.Options{})
		r.o.API = altered{r, func(a *cognigy.Ask, send func() (cognigy.Raw, error)) (cognigy.Raw, error) {
			without := a.Operation == "create" && !strings.Contains(string(a.Body), "contactIds")
			if without {
				a.Body = []byte(strings.Replace(string(a.Body), "{", `{"contactIds":["anonymous"],`, 1))
			}
			raw, err := send()
			if without && lost {
				return cognigy.Raw{}, dead
			}
			return raw, err
		}}
		result, err := Run(t.Context(), r.o)
		want := "taken"
		if lost {
			want = ""
		}
		if got := result.Answers()["missing_contact_ids"]; err != nil || got != want {
			t.Errorf("lost %t: %q, %v", lost, got, err)
		}
		r.left(t, "without contact ids")
	}
}

// A probe that is at work is not cleaned up by another process, and one that cannot
// write down what it makes makes nothing.
func TestRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t, sandbox.Options{})
	r.before = func(n int) error {
		if n == 5 {
			had := len(r.Profiles())
			o := r.o
			o.API = r.client
			if deleted, _, err := CleanUp(t.Context(), o); deleted != 0 || err != nil || len(r.Profiles()) != had {
				t.Errorf("%d were deleted, %v", deleted, err)
			}
		}
		return nil
	}
	if _, err := Run(t.Context(), r.o); err != nil {
		t.Fatal(err)
	}
	r.left(t, "beside another")
	r.o.Folder = filepath.Join(r.o.Folder, "file")
	if err := os.WriteFile(r.o.Folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	asked := r.n
	if _, err := Run(t.Context(), r.o); err == nil || r.n != asked {
		t.Errorf("without a record: %v, %d requests", err, r.n-asked)
	}
}

// A record that cannot be read is told with what to do by hand, and others are still
// used.
func TestARecordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, sandbox.Options{})
	r.before = func(n int) error {
		if n > 3 {
			return dead
		}
		return nil
	}
	if _, err := Run(t.Context(), r.o); err == nil {
		t.Fatal("a dead probe says nothing")
	}
	r.before = nil
	files, err := filepath.Glob(filepath.Join(r.o.Folder, "probes", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	bad := strings.Replace(files[0], ".json", "0.json", 1)
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	deleted, _, err := CleanUp(t.Context(), r.o)
	if deleted != 1 || err == nil || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), contactIDPrefix) {
		t.Errorf("%d were deleted, %v", deleted, err)
	}
	if p := r.Profiles(); len(p) > 0 {
		t.Errorf("%+v is left", p)
	}
}
