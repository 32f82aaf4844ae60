package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// create adds a profile, unless its contact ids are taken.
func (s *Sandbox) create(c *call) answer {
	b := s.body(c, "projectId", "contactIds", "profile", "active")
	projectID := b.id("projectId")
	contactIDs := b.contactIDs()
	fields := b.object("profile")
	active, given := b.boolean("active")
	b.require("projectId")
	if s.options.MissingContactIDs == MissingReject {
		b.require("contactIds")
	}
	if b.problem != nil {
		return failure(b.problem)
	}
	if projectID != s.options.ProjectID {
		return failure(foreignProject(projectID))
	}

	s.begin(c)
	defer s.mu.Unlock()
	fields, err := s.store.Check(fields, s.rules())
	if err != nil {
		return failure(invalid("%v", err))
	}
	if owner := s.owner(contactIDs, "", c.at); owner != nil {
		if s.options.OnDuplicate == DuplicateReturn {
			return s.profileAnswer(s.options.CreateStatus, owner)
		}
		return failure(taken())
	}
	if !given {
		active = s.options.DefaultActive == ActiveTrue
	}
	p := &store.Profile{Fields: s.rules().Put(nil, fields), ContactIDs: contactIDs, Active: active}
	s.store.Create(p, c.at)
	return s.profileAnswer(s.options.CreateStatus, p)
}

// owner is the profile that keeps another one from having these contact ids; nil
// where none does. except is the id of that other one.
func (s *Sandbox) owner(contactIDs []string, except string, at time.Time) *store.Profile {
	switch s.options.OnDuplicate {
	case DuplicateAllow:
		return nil
	case DuplicateConflictSameSet:
		return s.store.OwnerOfSet(contactIDs, except, at)
	}
	return s.store.Owner(contactIDs, except, at)
}

// get reads a profile.
func (s *Sandbox) get(c *call) answer {
	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Read(c.id, c.at)
	if p == nil {
		return failure(noProfile(c.id))
	}
	s.lastGot = p.ID
	return s.profileAnswer(200, p)
}

// update changes the members that are in its body. What becomes of the fields and
// contact ids that it does not name, the sandbox is told.
func (s *Sandbox) update(c *call) answer {
	b := s.body(c, "profile", "active", "contactIds")
	contactIDs := b.contactIDs()
	patch := b.object("profile")
	active, activeGiven := b.boolean("active")
	if b.problem != nil {
		return failure(b.problem)
	}

	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Find(c.id, c.at)
	if p == nil {
		return failure(noProfile(c.id))
	}
	fields := p.Fields
	if b.members.Get("profile") != nil {
		patch, err := s.store.Check(patch, s.rules())
		if err != nil {
			return failure(invalid("%v", err))
		}
		if s.options.Patch == PatchReplace {
			fields = nil
		}
		fields = s.rules().Put(fields, patch)
		if p := checkSize(fields); p != nil {
			return failure(p)
		}
	}
	if contactIDs != nil && s.options.PatchIDs == PatchIDsAdd {
		if contactIDs = union(p.ContactIDs, contactIDs); len(contactIDs) > maxContactIDs {
			return failure(invalid("the profile would have more than %d contact ids", maxContactIDs))
		}
	}
	if s.owner(contactIDs, p.ID, c.at) != nil {
		return failure(taken())
	}
	p = s.store.Change(p.ID, c.at, func(p *store.Profile) {
		p.Fields = fields
		if activeGiven {
			p.Active = active
		}
		if contactIDs != nil {
			p.ContactIDs = contactIDs
		}
	})
	if s.options.UpdateStatus == 200 {
		return s.profileAnswer(200, p)
	}
	return nothing(p)
}

// union are the contact ids of a, and behind them those of b that a does not have.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, id := range b {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// delete removes a profile and its conversations.
func (s *Sandbox) delete(c *call) answer {
	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Find(c.id, c.at)
	switch {
	case p == nil && s.options.DeleteTwice == TwiceAccept:
		return answer{status: 204}
	case p == nil:
		return failure(noProfile(c.id))
	}
	s.store.Delete(p.ID, c.at)
	return nothing(p)
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

	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Find(c.id, c.at)
	if p == nil {
		return failure(noProfile(c.id))
	}
	if slices.Contains(p.ContactIDs, contactID) {
		return s.profileAnswer(200, p)
	}
	from := s.store.Owner([]string{contactID}, p.ID, c.at)
	if from == nil {
		return failure(notFound("no profile has the contact id '%s'", contactID))
	}
	fields, contactIDs := p.Fields, union(p.ContactIDs, from.ContactIDs)
	for _, m := range from.Fields {
		if fields.Get(m.Name) == nil {
			fields = fields.Set(m.Name, m.Value)
		}
	}
	if p := checkSize(fields); p != nil {
		return failure(p)
	}
	if len(contactIDs) > maxContactIDs {
		return failure(invalid("the merged profile would have more than %d contact ids", maxContactIDs))
	}
	s.store.Delete(from.ID, c.at)
	return s.profileAnswer(200, s.store.Change(p.ID, c.at, func(p *store.Profile) {
		p.Fields, p.ContactIDs = fields, contactIDs
		p.Sessions = slices.Concat(p.Sessions, from.Sessions)
	}))
}

// unmerge gives one of several contact ids a profile of its own, without fields.
func (s *Sandbox) unmerge(c *call) answer {
	return s.withoutContactID(c, func(p *store.Profile, contactID string) {
		s.store.Create(&store.Profile{ContactIDs: []string{contactID}, Active: p.Active}, c.at)
	})
}

// removeContactID takes one of several contact ids away from a profile.
func (s *Sandbox) removeContactID(c *call) answer {
	return s.withoutContactID(c, func(*store.Profile, string) {})
}

// withoutContactID takes away the contact id in the body, and then does
// something with it.
func (s *Sandbox) withoutContactID(c *call, then func(p *store.Profile, contactID string)) answer {
	b := s.body(c, "contactId")
	contactID := b.string("contactId")
	b.require("contactId")
	if b.problem != nil {
		return failure(b.problem)
	}

	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Find(c.id, c.at)
	switch {
	case p == nil:
		return failure(noProfile(c.id))
	case !slices.Contains(p.ContactIDs, contactID):
		return failure(notFound("the profile '%s' has no contact id '%s'", p.ID, contactID))
	case len(p.ContactIDs) == 1:
		return failure(invalid("'%s' is the only contact id of the profile, and every profile needs one", contactID))
	}
	s.store.Change(p.ID, c.at, func(p *store.Profile) {
		p.ContactIDs = slices.DeleteFunc(slices.Clone(p.ContactIDs), func(id string) bool { return id == contactID })
	})
	then(p, contactID)
	return nothing(p)
}

// exportData reads a profile and its conversations.
func (s *Sandbox) exportData(c *call) answer {
	if p := noBody(c); p != nil {
		return failure(p)
	}
	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Read(c.id, c.at)
	if p == nil {
		return failure(noProfile(c.id))
	}
	a := s.profileAnswer(200, p)
	a.entity = a.entity.Set("sessions", jsonvalue.Objects(p.Sessions))
	return a
}

// deleteData removes the conversations of a profile, and keeps the profile.
func (s *Sandbox) deleteData(c *call) answer {
	if p := noBody(c); p != nil {
		return failure(p)
	}
	s.begin(c)
	defer s.mu.Unlock()
	p := s.store.Change(c.id, c.at, func(p *store.Profile) { p.Sessions = nil })
	if p == nil {
		return failure(noProfile(c.id))
	}
	return nothing(p)
}

func (s *Sandbox) profileAnswer(status int, p *store.Profile) answer {
	return answer{status: status, entity: s.entity(p), id: p.ID, contactIDs: p.ContactIDs}
}

// nothing is the answer without a body of what was done to a profile.
func nothing(p *store.Profile) answer {
	return answer{status: 204, id: p.ID, contactIDs: p.ContactIDs}
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
