package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/internal/customfields"
	"importer/internal/names"
)

// An API answers what is asked of it, within Limit each and within the quota. An error
// that is none of the API is that no request may leave.
type API interface {
	Ask(context.Context, cognigy.Ask) (cognigy.Raw, error)
	GetSchema(context.Context) (cognigy.Schema, error)
	// ClockSkew is how far the API's clock is ahead, at least and at most; false where no
	// answer told.
	ClockSkew() (least, most time.Duration, known bool)
}

// An Access is what was learned of the API, the key and the project.
type Access struct {
	Checks []Check         // api, clock, key, project, as far as it was come
	Schema *cognigy.Schema // nil: it cannot be read, SchemaErr says why
	// SchemaErr is why there is no schema although there is a project.
	SchemaErr error
	// Unreached is that nobody gave an answer, or a gateway with nobody behind it.
	Unreached bool
}

func (a *Access) add(c Check) { a.Checks = append(a.Checks, c) }

// Failed is the first check that failed; nil where none did.
func (a *Access) Failed() *Check {
	for i := range a.Checks {
		if a.Checks[i].Status == Fail {
			return &a.Checks[i]
		}
	}
	return nil
}

// Tell says on w what somebody should look at before an import, and why the API could not
// be looked at, which is no fault of the rows. It returns whether it was; the error is
// what would keep good rows from going in, or a signal.
func (a *Access) Tell(ctx context.Context, w io.Writer) (looked bool, err error) {
	for _, c := range a.Checks {
		if c.Status == Warn {
			fmt.Fprintln(w, "importer:", c)
		}
	}
	switch failed := a.Failed(); {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case failed != nil && a.Unreached:
		fmt.Fprintf(w, "importer: only the file was checked, because the API cannot be reached: %s; %s\n", failed.Detail, failed.Hint)
		return false, nil
	case failed != nil:
		return false, fmt.Errorf("an import would not work: %s: %s; %s", failed.Name, failed.Detail, failed.Hint)
	}
	return true, nil
}

// LookAt asks the API at host for one profile of the project, and for its schema.
func LookAt(ctx context.Context, api API, host, projectID string) Access {
	var a Access
	wellFormed := names.IsProject(projectID)
	query := url.Values{"limit": {"1"}}
	if wellFormed {
		query.Set("projectId", projectID)
	}
	raw, err := api.Ask(ctx, cognigy.Ask{Operation: "list", Query: query})
	problem, failed := errors.AsType[*contact.APIError](err)
	if !a.answered(host, problem, err) {
		return a
	}
	if least, most, told := api.ClockSkew(); told {
		a.add(clock((least + most) / 2))
	}
	switch {
	case failed && (problem.HTTP == http.StatusUnauthorized || problem.HTTP == http.StatusPaymentRequired):
		a.add(Check{"key", Fail, "the API does not take the key: " + problem.Reason(), problem.Hint})
		return a
	case failed && problem.HTTP == http.StatusForbidden && wellFormed && a.isForeign(ctx, api):
		a.add(ok("key", "the API takes the key"))
		a.add(Check{"project", Fail, fmt.Sprintf("the key has no access to the project %s: %s", projectID, problem.Reason()), hintForeign})
		return a
	case failed && problem.HTTP == http.StatusForbidden:
		a.add(Check{"key", Fail, "the API knows the key, and does not let it read contact profiles: " + problem.Reason(),
			"give the key's user the role contact_profile_admin in the project of --project-id"})
		return a
	}
	a.add(ok("key", "the API takes the key"))
	switch {
	case !wellFormed:
		a.add(Check{"project", Fail, fmt.Sprintf("%s is not the id of a project", contact.Printable(fmt.Sprintf("%q", projectID))),
			"--project-id has 24 characters, a to z and 0 to 9: take it from the project's address in the browser"})
	case failed:
		a.add(Check{"project", Fail, fmt.Sprintf("the project %s cannot be read: %s", projectID, problem.Reason()), hintForeign})
	default:
		a.project(ctx, api, projectID, raw)
	}
	return a
}

const hintForeign = "look at --project-id: the project must exist in the environment that --base-url names, and the key's user must be a member of it"

// answered tells whether it was the API that answered, and not only that its quota is
// used up.
func (a *Access) answered(host string, problem *contact.APIError, err error) bool {
	c := Check{Name: "api", Status: Fail}
	switch {
	case err == nil:
		a.add(ok("api", "this is the API at %s", host))
		return true
	case problem == nil: // no request may leave
		c.Status, c.Detail, c.Hint = Warn, "the API was not asked: "+err.Error(), "wait, and run this again"
	case problem.Author != contact.API:
		a.Unreached = problem.Unreached()
		c.Detail, c.Hint = problem.Reason(), problem.Hint
		if problem.HTTP != 0 && !strings.HasPrefix(host, "api") && !strings.Contains(host, "-api-") && !names.IsLoopback(host) && strings.Contains(host, ".") {
			c.Hint += "; the API of https://" + host + " may be at https://api-" + host
		}
	case problem.Class == contact.Throttled:
		c.Status, c.Detail, c.Hint = Warn, "this is the API at "+host+", and its quota is used up: "+problem.Reason(), problem.Hint
	case problem.HTTP == http.StatusMethodNotAllowed, problem.HTTP >= 500:
		c.Detail, c.Hint = "the API answers, and fails: "+problem.Reason(), problem.Hint
	default:
		a.add(ok("api", "this is the API at %s", host))
		return true
	}
	a.add(c)
	return false
}

// isForeign tells, where a project is refused, whether that is the project's fault: the
// same key is not refused where no project is named.
func (a *Access) isForeign(ctx context.Context, api API) bool {
	_, err := api.Ask(ctx, cognigy.Ask{Operation: "list", Query: url.Values{"limit": {"1"}}})
	problem, failed := errors.AsType[*contact.APIError](err)
	return err == nil || failed && problem.Author == contact.API && problem.HTTP == http.StatusBadRequest // it wants a project
}

// project is about one that could be listed. An API may show an empty list for a
// project that is not there: the schema tells.
func (a *Access) project(ctx context.Context, api API, id string, list cognigy.Raw) {
	var page struct {
		Items []any `json:"items"`
	}
	_ = json.Unmarshal(list.Body, &page) // the client has read it already
	schema, err := api.GetSchema(ctx)
	if err == nil {
		a.Schema = &schema
		a.add(ok("project", "the project %s can be read", id))
		return
	}
	a.SchemaErr = err
	problem, failed := errors.AsType[*contact.APIError](err)
	if failed && problem.Author == contact.API && problem.IsDefinite() && len(page.Items) == 0 {
		a.add(Check{"project", Fail, fmt.Sprintf("the project %s shows no profile and no schema: %s", id, problem.Reason()), hintForeign})
		return
	}
	a.add(ok("project", "the project %s can be read", id))
}

// maxSkew is how far two clocks may differ before somebody should look.
const maxSkew = time.Minute

// clock compares this machine's clock with that of the API, which is ahead by so much.
func clock(ahead time.Duration) Check {
	direction := "behind"
	if ahead < 0 {
		ahead, direction = -ahead, "ahead of"
	}
	if ahead <= maxSkew {
		return ok("clock", "this machine's clock agrees with that of the API")
	}
	return Check{"clock", Warn, fmt.Sprintf("this machine's clock is %v %s that of the API", ahead.Round(time.Second), direction),
		"set it, and have it kept right (NTP): times in the report and in the state are wrong until then"}
}

// Schema compares the custom fields of a mapping with the project's schema. Default
// fields are no custom ones, and need not stand in it.
func Schema(s *cognigy.Schema, err error, fields []customfields.Field) Check {
	if s == nil {
		return Check{"schema", Warn, fmt.Sprintf("the project's schema cannot be read: %v", err), "whether it has the custom fields of the mapping is not known"}
	}
	var wrong []string
	missing := false
	for _, f := range fields {
		typ, there := s.Lookup(f.Name)
		nearest := s.Nearest(f.Name)
		switch {
		case there && typ == f.Type:
		case there:
			wrong = append(wrong, f.IsOther(typ))
		case nearest != "":
			wrong = append(wrong, fmt.Sprintf("there is no field %s; did you mean %s?", f.Name, nearest))
		default:
			missing = true
			wrong = append(wrong, fmt.Sprintf("there is no field %s (%s)", f.Name, f.Type))
		}
	}
	switch {
	case missing:
		return Check{"schema", Fail, strings.Join(wrong, "; "), "correct the mapping, or add the field in the project or with --create-fields"}
	case len(wrong) > 0:
		return Check{"schema", Fail, strings.Join(wrong, "; "), "correct the names and types in the mapping"}
	case len(fields) == 0:
		return ok("schema", "it can be read, and the import writes default fields alone")
	}
	return ok("schema", "it has all %d custom fields of the import", len(fields))
}
