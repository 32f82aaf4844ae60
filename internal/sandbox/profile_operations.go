package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"importer/internal/sandbox/jsonvalue"
)

// create adds a profile, unless one of its contact ids is taken.
func (s *Sandbox) create(c *call) answer {
	b := s.body(c, "projectId", "contactIds", "profile", "active")
	projectID := b.id("projectId")
	contactIDs := b.contactIDs()
	fields := b.object("profile")
	active, given := b.boolean("active")
	b.require("projectId", "contactIds")
	if b.problem != nil {
		return failure(b.problem)
	}
	if projectID != s.options.ProjectID {
		return failure(foreignProject(projectID))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	fields, p := s.schema.check(fields, s.options.UnknownFields)
	if p != nil {
		return failure(p)
	}
	s.profiles.expire(c.at)
	if owner := s.profiles.owner(contactIDs, nil); owner != nil {
		switch s.options.OnDuplicate {
		case DuplicateConflict:
			return failure(taken())
		case DuplicateReturn:
			return profileAnswer(s.options.CreateStatus, owner.id, owner.now)
		}
	}
	e := s.profiles.create(&version{fields: fields, contactIDs: contactIDs, active: active || !given}, c.at)
	return profileAnswer(s.options.CreateStatus, e.id, e.now)
}

// get reads a profile.
func (s *Sandbox) get(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, p := s.read(c)
	if p != nil {
		return failure(p)
	}
	return profileAnswer(200, c.id, v)
}

// update changes the members that are in its body. contactIds takes the place of
// the list there was; what profile does, the sandbox is told.
func (s *Sandbox) update(c *call) answer {
	b := s.body(c, "profile", "active", "contactIds")
	contactIDs := b.contactIDs()
	patch := b.object("profile")
	active, activeGiven := b.boolean("active")
	if b.problem != nil {
		return failure(b.problem)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	e, p := s.writable(c)
	if p != nil {
		return failure(p)
	}
	fields := e.now.fields
	if b.members.Get("profile") != nil {
		if patch, p = s.schema.check(patch, s.options.UnknownFields); p != nil {
			return failure(p)
		}
		if s.options.Patch == PatchReplace {
			fields = nil
		}
		for _, m := range patch {
			fields = fields.Set(m.Name, m.Value)
		}
		if p := checkSize(fields); p != nil {
			return failure(p)
		}
	}
	if s.options.OnDuplicate != DuplicateAllow && s.profiles.owner(contactIDs, e) != nil {
		return failure(taken())
	}
	s.profiles.change(e, c.at, func(v *version) {
		v.fields = fields
		if activeGiven {
			v.active = active
		}
		if contactIDs != nil {
			v.contactIDs = contactIDs
		}
	})
	return nothing(e)
}

// delete removes a profile and its conversations.
func (s *Sandbox) delete(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, p := s.writable(c)
	if p != nil {
		return failure(p)
	}
	a := nothing(e)
	s.profiles.delete(e, c.at)
	return a
}

// merge takes the profile that has a contact id into the one in the path: its
// contact ids and conversations, and the fields that the survivor lacks. Then it
// is deleted.
func (s *Sandbox) merge(c *call) answer {
	b := s.body(c, "contactId", "projectId")
	contactID, projectID := b.string("contactId"), b.id("projectId")
	b.require("contactId", "projectId")
	if b.problem != nil {
		return failure(b.problem)
	}
	if projectID != s.options.ProjectID {
		return failure(foreignProject(projectID))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	e, p := s.writable(c)
	if p != nil {
		return failure(p)
	}
	if slices.Contains(e.now.contactIDs, contactID) {
		return profileAnswer(200, e.id, e.now)
	}
	other := s.profiles.owner([]string{contactID}, e)
	if other == nil {
		return failure(notFound("no profile has the contact id '%s'", contactID))
	}
	from := other.now
	fields, contactIDs := e.now.fields, slices.Clone(e.now.contactIDs)
	for _, m := range from.fields {
		if fields.Get(m.Name) == nil {
			fields = fields.Set(m.Name, m.Value)
		}
	}
	for _, id := range from.contactIDs {
		if !slices.Contains(contactIDs, id) {
			contactIDs = append(contactIDs, id)
		}
	}
	if p := checkSize(fields); p != nil {
		return failure(p)
	}
	if len(contactIDs) > maxContactIDs {
		return failure(invalid("the merged profile would have more than %d contact ids", maxContactIDs))
	}
	s.profiles.delete(other, c.at)
	s.profiles.change(e, c.at, func(v *version) {
		v.fields, v.contactIDs = fields, contactIDs
		v.sessions = slices.Concat(v.sessions, from.sessions)
	})
	return profileAnswer(200, e.id, e.now)
}

// unmerge gives one of several contact ids a profile of its own, without fields.
func (s *Sandbox) unmerge(c *call) answer {
	return s.withoutContactID(c, func(v *version, contactID string) {
		s.profiles.create(&version{contactIDs: []string{contactID}, active: v.active}, c.at)
	})
}

// removeContactID takes one of several contact ids away from a profile.
func (s *Sandbox) removeContactID(c *call) answer {
	return s.withoutContactID(c, func(*version, string) {})
}

// withoutContactID takes away the contact id in the body, and then does
// something with it.
func (s *Sandbox) withoutContactID(c *call, then func(v *version, contactID string)) answer {
	b := s.body(c, "contactId")
	contactID := b.string("contactId")
	b.require("contactId")
	if b.problem != nil {
		return failure(b.problem)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	e, p := s.writable(c)
	switch {
	case p != nil:
		return failure(p)
	case !slices.Contains(e.now.contactIDs, contactID):
		return failure(notFound("the profile '%s' has no contact id '%s'", e.id, contactID))
	case len(e.now.contactIDs) == 1:
		return failure(invalid("'%s' is the only contact id of the profile, and every profile needs one", contactID))
	}
	a := nothing(e)
	s.profiles.change(e, c.at, func(v *version) {
		v.contactIDs = slices.DeleteFunc(slices.Clone(v.contactIDs), func(id string) bool { return id == contactID })
	})
	then(e.now, contactID)
	return a
}

// exportData reads a profile and its conversations.
func (s *Sandbox) exportData(c *call) answer {
	if p := noBody(c); p != nil {
		return failure(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, p := s.read(c)
	if p != nil {
		return failure(p)
	}
	a := profileAnswer(200, c.id, v)
	a.entity = a.entity.Set("sessions", jsonvalue.Objects(v.sessions))
	return a
}

// deleteData removes the conversations of a profile, and keeps the profile.
func (s *Sandbox) deleteData(c *call) answer {
	if p := noBody(c); p != nil {
		return failure(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, p := s.writable(c)
	if p != nil {
		return failure(p)
	}
	s.profiles.change(e, c.at, func(v *version) { v.sessions = nil })
	return nothing(e)
}

// read is the profile in the path of a call, as reads see it. The mutex is held.
func (s *Sandbox) read(c *call) (*version, *problem) {
	s.profiles.expire(c.at)
	e := s.profiles.byID[c.id]
	if e == nil {
		return nil, noProfile(c.id)
	}
	v := e.visible(c.at)
	if v == nil {
		return nil, noProfile(c.id)
	}
	s.profiles.touch(e, c.at)
	return v, nil
}

// writable is the profile in the path of a call that changes it. The mutex is
// held.
func (s *Sandbox) writable(c *call) (*entry, *problem) {
	s.profiles.expire(c.at)
	e := s.profiles.find(c.id)
	if e == nil {
		return nil, noProfile(c.id)
	}
	return e, nil
}

func profileAnswer(status int, id string, v *version) answer {
	return answer{status: status, entity: v.entity(id), id: id, contactIDs: v.contactIDs}
}

// nothing is the answer without a body of what was done to a profile.
func nothing(e *entry) answer {
	return answer{status: 204, id: e.id, contactIDs: e.now.contactIDs}
}

func noProfile(id string) *problem { return notFound("there is no profile '%s'", id) }

func taken() *problem {
	return &problem{code: codeConflict, detail: "a contact id belongs to another profile already"}
}

// foreignProject is what a project answers that the key does not reach.
func foreignProject(id string) *problem {
	return &problem{code: 403, detail: fmt.Sprintf("the key has no access to the project '%s'", id)}
}

// noBody refuses a body where the operation takes none. An empty object is as
// good as none.
func noBody(c *call) *problem {
	if text := strings.TrimSpace(string(c.body)); text != "" && text != "{}" {
		return invalid("this operation takes no body")
	}
	return nil
}

// checkSize refuses a profile that has grown too large by several requests.
func checkSize(fields jsonvalue.Object) *problem {
	if n := len(fields.Value()); n > maxProfileBytes {
		return &problem{code: 413, detail: fmt.Sprintf("the profile would be %d bytes: the limit is %d", n, maxProfileBytes)}
	}
	return nil
}
