package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"importer/importer/contact"
	"importer/internal/cognigy"
)

// steps are what the probe does, one after the other: those that decide how a run
// goes about its work first. Each answers the questions of these names.
var steps = []struct {
	names  []string
	ask    func(*prober, context.Context) error
	needed bool // without it nothing else can be asked
}{
	{[]string{"openapi"}, (*prober).askOpenAPI, false},
	{[]string{"create"}, (*prober).askCreate, true},
	{[]string{"read_lag_get", "read_lag_list"}, (*prober).askLag, false},
	{[]string{"active", "defaults"}, (*prober).askDefaults, false},
	{[]string{"update", "patch"}, (*prober).askPatch, false},
	{[]string{"patch_contact_ids"}, (*prober).askPatchIDs, false},
	{[]string{"clear_null"}, (*prober).askClearNull, false},
	{[]string{"clear_empty"}, (*prober).askClearEmpty, false},
	{[]string{"unknown_members"}, (*prober).askUnknownMember, false},
	{[]string{"unknown_fields"}, (*prober).askUnknownField, false},
	{[]string{"type_number"}, (*prober).askNumber, false},
	{[]string{"type_boolean"}, (*prober).askBoolean, false},
	{[]string{"duplicate_set"}, (*prober).askSameSet, false},
	{[]string{"duplicate_overlap"}, (*prober).askOverlap, false},
	{[]string{"filter"}, (*prober).askFilter, false},
	{[]string{"filter_case"}, (*prober).askFilterCase, false},
	{[]string{"filter_plus"}, (*prober).askFilterPlus, false},
	{[]string{"filter_regexp"}, (*prober).askFilterRegexp, false},
	{[]string{"contact_ids_query"}, (*prober).askContactIDs, false},
	{[]string{"limit"}, (*prober).askLimit, false},
	{[]string{"missing_contact_ids"}, (*prober).askMissingIDs, false},
	{[]string{"default_media"}, (*prober).askMedia, false},
	{[]string{"delete", "delete_again"}, (*prober).askDelete, false},
	{[]string{"rate_headers", "retry_after"}, (*prober).askRate, false},
}

// askOpenAPI reads the API's own description.
func (p *prober) askOpenAPI(ctx context.Context) error {
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "openapi"})
	problem, failed := errors.AsType[*contact.APIError](err)
	switch {
	case failed && problem.HTTP/100 == 4: // whoever says so
		p.answers["openapi"] = "none"
		return nil
	case err != nil:
		return err
	}
	var document struct {
		Paths map[string]any `json:"paths"`
	}
	if json.Unmarshal(raw.Body, &document) != nil || len(document.Paths) == 0 {
		p.answers["openapi"] = "none"
		return nil
	}
	p.answers["openapi"] = "served"
	return nil
}

// askCreate makes the first profile, without the member active. One whose answer is
// lost is looked for.
func (p *prober) askCreate(ctx context.Context) error {
	f, status, err := p.create(ctx, map[string]any{
		"contactIds": []string{p.contactID("-a")}, "profile": map[string]any{"firstname": "Importer", "lastname": p.contactID("")},
	})
	if err == nil && f.ID == "" {
		return fmt.Errorf("the API refuses to create a profile: HTTP %d", status)
	}
	if err != nil {
		return err
	}
	p.a = f
	p.answers["create"] = strconv.Itoa(status)
	return nil
}

// lagPauses are those between the reads that look for a profile that was just made.
var lagPauses = []time.Duration{0, 250 * time.Millisecond, 650 * time.Millisecond, 1500 * time.Millisecond, 4 * time.Second, 10 * time.Second}

// askLag measures how long get, and then list, take to show the first profile.
func (p *prober) askLag(ctx context.Context) error {
	made := time.Now()
	lag, err := p.lag(ctx, "read_lag_get", made, func() (bool, error) {
		f, ok, err := p.get(ctx, p.a.ID)
		if ok {
			p.a = f
		}
		return ok, err
	})
	if p.getLag, p.shown = lag, err == nil; err != nil {
		return err
	}
	p.listLag, err = p.lag(ctx, "read_lag_list", made, func() (bool, error) {
		found, _, err := p.finds(ctx, p.a.ID, "filter", p.contactID("-a"))
		p.listed = found
		return found, err
	})
	return err
}

// lag looks again and again whether a profile that was just made is seen, and answers
// a question with the time that this took, at most.
func (p *prober) lag(ctx context.Context, name string, made time.Time, seen func() (bool, error)) (time.Duration, error) {
	for i, d := range lagPauses {
		if err := pause(ctx, d); err != nil {
			return 0, err
		}
		took := time.Since(made)
		switch ok, err := seen(); {
		case err != nil:
			return 0, err
		case ok && i == 0 && p.getLag == 0:
			p.answers[name] = "none"
			return 0, nil
		case ok:
			p.answers[name] = "at most " + took.Round(100*time.Millisecond).String()
			return took, nil
		}
	}
	return 0, fmt.Errorf("a profile that was created was not shown for %v", time.Since(made).Round(time.Second))
}

// askDefaults looks at what the first profile shows that nobody sent.
func (p *prober) askDefaults(context.Context) error {
	p.answers["active"] = "not shown"
	if p.a.Active != nil {
		p.answers["active"] = strconv.FormatBool(*p.a.Active)
	}
	p.answers["defaults"] = "sent"
	for _, name := range []string{"email", "age", "birthday", "accepted_gdpr", "tasks"} {
		if _, shown := p.a.Fields[name]; shown {
			p.answers["defaults"] = "all"
		}
	}
	return nil
}

// change updates the first profile, with a field that tells this update from all
// others, and reads it back when reads show that. That the API refuses it is no error.
func (p *prober) change(ctx context.Context, fields, members map[string]any) (refused bool, status int, err error) {
	if !p.shown {
		return false, 0, errors.New("a get does not show the probe's profile in time")
	}
	p.marks++
	mark := "probe " + strconv.Itoa(p.marks)
	fields["location"] = mark
	body := map[string]any{"profile": fields}
	for name, value := range members {
		body[name] = value
	}
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "update", ID: p.a.ID, Body: encode(body)})
	if err != nil {
		if isRefused(err) {
			return true, raw.Status, nil
		}
		return false, raw.Status, err
	}
	for _, wait := range []time.Duration{p.getLag, breath, max(p.getLag, 2*breath)} {
		if err := pause(ctx, wait); err != nil {
			return false, 0, err
		}
		f, ok, err := p.get(ctx, p.a.ID)
		if err != nil {
			return false, 0, err
		}
		if ok && f.Fields["location"] == mark {
			p.a = f
			return false, raw.Status, nil
		}
	}
	return false, 0, errors.New("an update that the API took is not shown by a get")
}

// askPatch updates one field, and looks at another one.
func (p *prober) askPatch(ctx context.Context) error {
	refused, status, err := p.change(ctx, map[string]any{"lastname": p.contactID("")}, nil)
	switch {
	case err != nil:
		return err
	case refused:
		return fmt.Errorf("the API refuses to update a profile: HTTP %d", status)
	}
	p.answers["update"] = strconv.Itoa(status)
	p.answers["patch"] = string(contact.PatchReplaces)
	if p.a.Fields["firstname"] == "Importer" {
		p.answers["patch"] = string(contact.PatchMerges)
	}
	return nil
}

// askPatchIDs gives the first profile another contact id.
func (p *prober) askPatchIDs(ctx context.Context) error {
	refused, status, err := p.change(ctx, map[string]any{"lastname": p.contactID("")}, map[string]any{"contactIds": []string{p.contactID("-a2")}})
	if err != nil {
		return err
	}
	switch before, after := p.has("-a"), p.has("-a2"); {
	case refused:
		return fmt.Errorf("the API refuses to change contact ids: HTTP %d", status)
	case after && before:
		p.answers["patch_contact_ids"] = string(contact.PatchMerges)
	case after:
		p.answers["patch_contact_ids"] = string(contact.PatchReplaces)
	default:
		return errors.New("the API took another contact id, and does not show it")
	}
	return nil
}

// has tells whether the first profile has that contact id.
func (p *prober) has(end string) bool { return hasID(p.a, p.contactID(end)) }

func hasID(f profile, id string) bool {
	for _, other := range f.ContactIDs {
		if strings.EqualFold(id, other) {
			return true
		}
	}
	return false
}

// clear sends a value that may empty a field.
func (p *prober) clear(ctx context.Context, name, field string, value any) error {
	refused, _, err := p.change(ctx, map[string]any{field: value, "lastname": p.contactID("")}, nil)
	if err != nil {
		return err
	}
	switch now := p.a.Fields[field]; {
	case refused:
		p.answers[name] = "refused"
	case now == nil || now == "":
		p.answers[name] = "clears"
	default:
		p.answers[name] = "keeps"
	}
	return nil
}

func (p *prober) askClearNull(ctx context.Context) error {
	if p.answers["patch"] != string(contact.PatchMerges) {
		return errors.New("it can be told only where an update keeps the fields that it does not name")
	}
	return p.clear(ctx, "clear_null", "firstname", nil)
}

func (p *prober) askClearEmpty(ctx context.Context) error {
	if p.answers["patch"] != string(contact.PatchMerges) {
		return errors.New("it can be told only where an update keeps the fields that it does not name")
	}
	if p.a.Fields["firstname"] != "Importer" {
		return errors.New("there is nothing left to clear")
	}
	return p.clear(ctx, "clear_empty", "firstname", "")
}

func (p *prober) askUnknownMember(ctx context.Context) error {
	refused, _, err := p.change(ctx, map[string]any{"lastname": p.contactID("")}, map[string]any{"importerProbe": true})
	if err == nil {
		p.answers["unknown_members"] = either(refused, "reject", "ignore")
	}
	return err
}

func (p *prober) askUnknownField(ctx context.Context) error {
	refused, _, err := p.change(ctx, map[string]any{"lastname": p.contactID(""), "importer_probe": "x"}, nil)
	if err != nil {
		return err
	}
	p.answers["unknown_fields"] = either(refused, "reject", either(p.a.Fields["importer_probe"] != nil, "keep", "drop"))
	return nil
}

// typed sends a value of another type than that of a default field.
func (p *prober) typed(ctx context.Context, name, field, value string) error {
	refused, _, err := p.change(ctx, map[string]any{field: value, "lastname": p.contactID("")}, nil)
	if err != nil {
		return err
	}
	p.answers[name] = either(refused, "reject", either(p.a.Fields[field] == value, "keep", "drop"))
	return nil
}

func (p *prober) askNumber(ctx context.Context) error {
	return p.typed(ctx, "type_number", "age", "forty-two")
}

func (p *prober) askBoolean(ctx context.Context) error {
	return p.typed(ctx, "type_boolean", "accepted_gdpr", "maybe")
}

func either(a bool, yes, no string) string {
	if a {
		return yes
	}
	return no
}

// again creates a profile with contact ids of which one is taken.
func (p *prober) again(ctx context.Context, name string, ids []string) error {
	f, status, err := p.create(ctx, map[string]any{"contactIds": ids, "profile": map[string]any{"lastname": p.contactID("")}})
	switch {
	case err != nil:
		return err
	case f.ID == "" && status == http.StatusConflict:
		p.answers[name] = "conflict"
	case f.ID == "":
		p.answers[name] = "refused with HTTP " + strconv.Itoa(status)
	case f.ID == p.a.ID:
		p.answers[name] = "return"
	default:
		p.answers[name] = "allow"
		return p.delete(ctx, f.ID) // the fewer there are, the more requests are left for questions
	}
	return nil
}

func (p *prober) askSameSet(ctx context.Context) error {
	return p.again(ctx, "duplicate_set", p.a.ContactIDs)
}

func (p *prober) askOverlap(ctx context.Context) error {
	return p.again(ctx, "duplicate_overlap", append([]string{p.contactID("-c")}, p.a.ContactIDs[:1]...))
}

// finds asks for a list, and tells whether a profile is in it.
func (p *prober) finds(ctx context.Context, id, query, value string) (found bool, others int, err error) {
	mine, others, err := p.list(ctx, map[string]string{query: value})
	for _, f := range mine {
		if f.ID == id {
			return true, others + len(mine) - 1, err
		}
	}
	return false, others + len(mine), err
}

// askFilter makes the second profile, with a plus sign in its contact id, and looks
// for both by a part of their ids. What is not found is no answer while the list may
// be behind.
func (p *prober) askFilter(ctx context.Context) (err error) {
	if !p.listed {
		return errors.New("a list with the whole contact id as its filter does not show the probe's profile in time")
	}
	if p.b, _, err = p.create(ctx, map[string]any{"contactIds": []string{p.contactID("+b")}, "profile": map[string]any{"lastname": p.contactID("")}}); err != nil {
		return err
	}
	if err := pause(ctx, p.listLag); err != nil {
		return err
	}
	for _, try := range []struct{ part, answer string }{{p.id, "contains"}, {p.contactID(""), "begins"}} {
		foundA, foundB, err := p.both(ctx, try.part)
		if err != nil {
			return err
		}
		if foundA {
			p.answers["filter"], p.bShown = try.answer, foundB
			return nil
		}
	}
	p.answers["filter"] = "whole"
	p.bShown, _, err = p.finds(ctx, p.b.ID, "filter", p.contactID("+b"))
	return err
}

// both tells which of the two profiles a filter finds. Where it finds the first alone,
// it looks again: the second was just made.
func (p *prober) both(ctx context.Context, filter string) (a, b bool, err error) {
	for _, wait := range []time.Duration{0, max(p.listLag, breath)} {
		if err := pause(ctx, wait); err != nil {
			return false, false, err
		}
		mine, _, err := p.list(ctx, map[string]string{"filter": filter})
		if err != nil {
			return false, false, err
		}
		for _, f := range mine {
			a, b = a || f.ID == p.a.ID, b || f.ID == p.b.ID
		}
		if a == b {
			break
		}
	}
	return a, b, nil
}

// filtered asks whether another spelling of a contact id finds its profile.
func (p *prober) filtered(ctx context.Context, name, profileID, spelling, yes, no string) error {
	if p.answers["filter"] == "" {
		return errors.New("what filter finds is not known")
	}
	found, _, err := p.finds(ctx, profileID, "filter", spelling)
	if err != nil && !isRefused(err) {
		return err
	}
	p.answers[name] = either(found, yes, no)
	return nil
}

func (p *prober) askFilterCase(ctx context.Context) error {
	swapped := strings.Map(func(r rune) rune {
		if unicode.IsLower(r) {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, p.a.ContactIDs[0])
	return p.filtered(ctx, "filter_case", p.a.ID, swapped, "ignored", "counts")
}

func (p *prober) askFilterPlus(ctx context.Context) error {
	if !p.bShown {
		return errSecond
	}
	return p.filtered(ctx, "filter_plus", p.b.ID, p.contactID("+b"), "literal", "special")
}

func (p *prober) askFilterRegexp(ctx context.Context) error {
	return p.filtered(ctx, "filter_regexp", p.a.ID, strings.ReplaceAll(p.a.ContactIDs[0], "-", "."), "yes", "no")
}

var errSecond = errors.New("a list does not show the probe's second profile in time")

// askContactIDs asks for the profile of one contact id, where there is at least one
// other profile.
func (p *prober) askContactIDs(ctx context.Context) error {
	if !p.bShown {
		return errSecond
	}
	found, others, err := p.finds(ctx, p.a.ID, "contactIds", p.a.ContactIDs[0])
	switch {
	case isRefused(err):
		p.answers["contact_ids_query"] = "refused"
		return nil
	case err != nil:
		return err
	case !found && others == 0:
		return errors.New("it finds nobody, not even the profile with that contact id")
	}
	p.answers["contact_ids_query"] = either(found && others <= p.namesakes(), "honoured", "ignored")
	return nil
}

// namesakes are how many other profiles may be shown with a contact id of the first
// one: those that the API allowed, and that a list may show although they are deleted.
func (p *prober) namesakes() (n int) {
	for _, name := range []string{"duplicate_set", "duplicate_overlap"} {
		if p.answers[name] == "allow" {
			n++
		}
	}
	return n
}

// askLimit asks for a page of more than the documented 100. A filter keeps it small.
func (p *prober) askLimit(ctx context.Context) error {
	_, _, err := p.list(ctx, map[string]string{"limit": "101", "filter": p.id})
	if err != nil && !isRefused(err) {
		return err
	}
	p.answers["limit"] = either(err != nil, "reject", "clamp")
	return nil
}

// askMissingIDs creates a profile without contact ids, which its last name tells.
func (p *prober) askMissingIDs(ctx context.Context) error {
	f, _, err := p.create(ctx, map[string]any{"profile": map[string]any{"lastname": p.contactID("")}})
	if err != nil {
		return err
	}
	if f.ID == "" {
		p.answers["missing_contact_ids"] = "refused"
		return nil
	}
	p.answers["missing_contact_ids"] = "taken"
	return p.delete(ctx, f.ID)
}

// askMedia reads the first profile without saying in which form.
func (p *prober) askMedia(ctx context.Context) error {
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "get", ID: p.a.ID, NoAccept: true})
	if err == nil {
		p.answers["default_media"] = strings.TrimPrefix(strings.TrimSuffix(raw.Media, "+json"), "application/")
	}
	return err
}

// askDelete deletes the first profile twice.
func (p *prober) askDelete(ctx context.Context) error {
	raw, err := p.ask(ctx, cognigy.Ask{Operation: "delete", ID: p.a.ID})
	if err != nil {
		return err
	}
	if err := p.record.gone(p.a.ID); err != nil {
		return err
	}
	p.answers["delete"] = strconv.Itoa(raw.Status)
	raw, err = p.ask(ctx, cognigy.Ask{Operation: "delete", ID: p.a.ID})
	if err != nil && !isRefused(err) {
		return err
	}
	p.answers["delete_again"] = strconv.Itoa(raw.Status)
	return nil
}

// askRate looks at what all answers so far told of the quota.
func (p *prober) askRate(context.Context) error {
	p.answers["rate_headers"] = either(len(p.rate) > 0, strings.Join(p.rate, ", "), "none")
	if len(p.refused) == 0 {
		return errors.New("no answer was 429, and the probe does not provoke one")
	}
	switch last := p.refused[len(p.refused)-1]; {
	case last == "":
		p.answers["retry_after"] = "none"
	case strings.Trim(last, "0123456789.") == "":
		p.answers["retry_after"] = "seconds"
	default:
		p.answers["retry_after"] = "date"
	}
	return nil
}
