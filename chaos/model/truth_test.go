package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"
)

// A profile is one that the API holds.
type profile struct {
	id     string
	ids    []string
	active bool
	fields map[string]string // but for those that are empty
}

// person is whose it is; 0: a stranger's.
func (p profile) person() int { return person(p.ids[0]) }

func (p profile) String() string { return fmt.Sprint(p.id[len(p.id)-2:], p.ids, p.active, p.fields) }

func equal(a, b profile) bool {
	return slices.Equal(a.ids, b.ids) && a.active == b.active && maps.Equal(a.fields, b.fields)
}

// A truth is all that a project holds, by profile id.
type truth map[string]profile

func (w *world) truth(project int) truth {
	t := truth{}
	for _, p := range w.projects[project].Profiles() {
		var body struct {
			Active  bool
			Profile map[string]any
		}
		if err := json.Unmarshal(p.Body, &body); err != nil {
			panic(err) // of the sandbox itself
		}
		fields := map[string]string{}
		for name, value := range body.Profile {
			if text := fmt.Sprint(value); value != nil && text != "" && text != "[]" && text != "false" && text != "map[]" {
				fields[name] = text
			}
		}
		t[p.ID] = profile{p.ID, p.ContactIDs, body.Active, fields}
	}
	return t
}

// of are the profiles of a person.
func (t truth) of(n int) (holders []profile) {
	for _, p := range t {
		if p.person() == n {
			holders = append(holders, p)
		}
	}
	return holders
}

// populate makes a profile that is older than everything.
func (w *world) populate(project int, id, name string) error {
	w.ahead.Store(int64(-time.Hour))
	defer w.ahead.Store(0)
	s := w.projects[project]
	r := httptest.NewRequest(http.MethodPost, "/new/v2.0/profiles", strings.NewReader(fmt.Sprintf(`{"projectId":%q,"contactIds":[%q],"profile":{"firstname":%q}}`, s.ProjectID(), id, name)))
	r.Header.Set("X-API-Key", s.APIKey())
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	if answer.Code/100 != 2 {
		return fmt.Errorf("making a profile: %d %s", answer.Code, answer.Body)
	}
	return nil
}
