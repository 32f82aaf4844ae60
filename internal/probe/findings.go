package probe

import (
	"importer/importer/contact"
)

// A Finding is the answer to one question.
type Finding struct {
	Name     string `json:"name"`
	Question string `json:"question"`
	Answer   string `json:"answer"`  // empty: not known
	Follows  string `json:"follows"` // what that means for an import, or why there is no answer
}

// otherwise is what follows from an answer that has no meaning of its own.
const otherwise = ""

// A question is what is asked, and what follows from each answer.
type question struct {
	name, text string
	means      map[string]string
}

var questions = []question{
	{"patch", "what does an update do with the fields that it does not name?", map[string]string{
		string(contact.PatchMerges):   "they stay: an update sends only what changed, and others lose nothing",
		string(contact.PatchReplaces): "they are gone: an update reads the profile at once before, and sends all of it back",
	}},
	{"patch_contact_ids", "what does an update do with the contact ids that it does not name?", map[string]string{
		string(contact.PatchMerges):   "they stay: an update cannot take a contact id away",
		string(contact.PatchReplaces): "they are gone: an update sends all of them",
	}},
	{"duplicate_set", "what does a create do with contact ids that a profile has already?", map[string]string{
		"conflict": "it is refused with 409: the API itself keeps a contact from being created twice",
		"allow":    "it makes a second profile: nothing but the report keeps a contact from being created twice, so keep it",
		"return":   "it returns the profile that is there: its age tells that it is not new",
		otherwise:  "it is refused, but not with 409: such rows are rejected",
	}},
	{"duplicate_overlap", "and where only one of its contact ids is taken?", map[string]string{
		"conflict": "it is refused as well: each contact id has one profile",
		"allow":    "it makes a second profile: who is there has to be looked up before (--existing)",
		"return":   "it returns the profile that is there",
		otherwise:  "it is refused, but not with 409: such rows are rejected",
	}},
	{"read_lag_get", "how long does a get not show a new profile?", map[string]string{
		"none":    "a profile that is read is as it is",
		otherwise: "--settle has to be twice that, or more",
	}},
	{"read_lag_list", "how long does a list not show it?", map[string]string{
		"none":    "a row in doubt is found at once where it is in",
		otherwise: "--settle has to be twice that, or more",
	}},
	{"defaults", "which fields does a new profile show?", map[string]string{
		"all":  "all default fields, with empty values: these are nobody's change",
		"sent": "those that were sent",
	}},
	{"active", "is a profile active that does not say so?", map[string]string{
		"true": "yes: a file needs no column for it", "false": "no: map a value to active", otherwise: "the API does not show it: map a value to active where it matters",
	}},
	{"unknown_fields", "what becomes of a field that the project's schema lacks?", map[string]string{
		"keep":   "it is kept: a misspelt field fills up unseen, so look at importer check",
		"drop":   "it is dropped without a word: add the field to the schema first (--create-fields)",
		"reject": "its row is refused: add the field to the schema first (--create-fields)",
	}},
	{"unknown_members", "what becomes of a member of the body that there is not?", map[string]string{
		"reject": "it is refused; an import sends none", "ignore": "it is ignored; an import sends none",
	}},
	{"clear_null", "does null clear a field?", map[string]string{
		"clears": "yes", "keeps": "no: the field keeps its value", "refused": "no: such an update is refused",
	}},
	{"clear_empty", "does an empty text clear a field?", map[string]string{
		"clears": "yes", "keeps": "no: the field keeps its value", "refused": "no: such an update is refused",
	}},
	{"type_number", "is a text refused where a number belongs?", map[string]string{
		"reject": "yes, as it is refused here already", "keep": "no, it is kept: only the mapping sees to it", "drop": "no, it is dropped without a word: only the mapping sees to it",
	}},
	{"type_boolean", "is a text refused where yes or no belongs?", map[string]string{
		"reject": "yes, as it is refused here already", "keep": "no, it is kept: only the mapping sees to it", "drop": "no, it is dropped without a word: only the mapping sees to it",
	}},
	{"missing_contact_ids", "is a profile without contact ids refused?", map[string]string{
		"refused": "yes, as such a row is here already", "taken": "no: an import refuses such rows, because nobody would find them again",
	}},
	{"filter", "what does filter find?", map[string]string{
		"contains": "contact ids that hold the text: what is found is compared exactly",
		"begins":   "contact ids that begin with the text: what is found is compared exactly",
		"whole":    "the very contact id",
	}},
	{"filter_case", "does case count in it?", map[string]string{
		"counts": "yes: a contact id is looked up as it is spelled", "ignored": "no: what is found is compared exactly",
	}},
	{"filter_plus", "is a contact id with a plus sign found by it?", map[string]string{
		"literal": "yes: phone numbers are looked up as they are", "special": "no: phone numbers are looked up without it, or use --existing list",
	}},
	{"filter_regexp", "is it a regular expression?", map[string]string{
		"no": "no", "yes": "yes: dots in e-mail addresses find too much, and what is found is compared exactly",
	}},
	{"contact_ids_query", "is the query contactIds=… honoured?", map[string]string{
		"honoured": "yes: a look-up can be exact", "ignored": "no: look-ups use the filter", "refused": "no: look-ups use the filter",
	}},
	{"limit", "what becomes of a page of more than 100 profiles?", map[string]string{
		"clamp": "it is taken, and may have 100 all the same", "reject": "it is refused; an import asks for 100",
	}},
	{"default_media", "in which form is an answer that nobody asked a form for?", map[string]string{
		otherwise: "an import asks for JSON",
	}},
	{"create", "with which status does a create succeed?", map[string]string{otherwise: "any 2xx that shows the profile is one"}},
	{"update", "with which status does an update?", map[string]string{otherwise: "any 2xx is one"}},
	{"delete", "with which status does a delete?", map[string]string{otherwise: "any 2xx is one"}},
	{"delete_again", "and a delete of what is not there?", map[string]string{otherwise: "both mean that it is gone"}},
	{"rate_headers", "which headers tell of the quota?", map[string]string{
		"none": "none: set --rate to what the vendor grants", otherwise: "--rate should be what they say",
	}},
	{"retry_after", "does an answer 429 say when to come back?", map[string]string{
		"seconds": "yes, in seconds", "date": "yes, with a date", "none": "no: requests wait by themselves",
	}},
	{"openapi", "does the API describe itself?", map[string]string{
		"served": "yes, at /openapi/openapi-viewer.json", "none": "no",
	}},
}

// findings are the answers in the order of the questions, and what follows from them.
func (p *prober) findings() []Finding {
	all := make([]Finding, 0, len(questions))
	for _, q := range questions {
		f := Finding{Name: q.name, Question: q.text, Answer: p.answers[q.name]}
		var ok bool
		switch f.Follows, ok = q.means[f.Answer]; {
		case f.Answer == "" && p.reasons[q.name] == "":
			f.Follows = "not known: it was not asked"
		case f.Answer == "":
			f.Follows = "not known: " + p.reasons[q.name]
		case !ok:
			f.Follows = q.means[otherwise]
		}
		all = append(all, f)
	}
	return all
}

// behaviour is what a run can go by.
func (p *prober) behaviour() contact.Behaviour {
	return contact.Behaviour{
		Patch:    contact.PatchKind(p.answers["patch"]),
		PatchIDs: contact.PatchKind(p.answers["patch_contact_ids"]),
		ReadLag:  contact.Seconds(max(p.getLag, p.listLag)),
	}
}
