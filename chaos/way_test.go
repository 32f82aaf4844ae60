package chaos

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"importer/internal/sandbox"
)

// A cell is one attack: a command, what stands on its way to the API while it runs,
// and what is expected beyond what every run has to answer for. Behind the attack
// the same command runs with the API restored.
type cell struct {
	op   string
	name string
	gate gate
	want want
}

// want is what is expected beyond that nobody is lost, twice, removed or
// overwritten, that what is said is true, and that the exit code follows from it. The
// zero value expects no more.
type want struct {
	// Of the run under attack.
	stops     bool // with exit code 1
	completes bool // it goes to its end, and only refused rows are not done
	harmless  bool // everything is done, and the exit code is 0 (3 of a verification)
	says      string

	// refuses are the rows that a person may have to see to.
	refuses func(n int) bool
	// leaves are rows that the next run sees to.
	leaves func(n int) bool
	// doubts are rows that may stay unknown, for as long as they are in.
	doubts bool
	// ours has a run call created what it made, and existing nothing of it.
	ours bool

	// What is no attack, but how this API is.
	stays bool                // the gate is not taken down
	api   sandbox.Options     //
	form  func(string) string // in which the API keeps contact ids
	ids   func(n int) string  // contact ids of the source, so that it matters
	ahead time.Duration       // of the database's clock, before the gateway's
	age   time.Duration       // of the profiles that are there before; 0: an hour
	alone bool                // no row of the source is there before
	flags []string
}

var (
	stops      = want{stops: true}
	completes  = want{completes: true}
	harmless   = want{harmless: true}
	invariants = want{} // what every run has to answer for, and no more
	fewFail    = want{completes: true, refuses: isFew}
	someFail   = want{refuses: isSome}
)

// with adds flags.
func (w want) with(flags ...string) want { w.flags = flags; return w }

func upper(n int) string { return strings.ReplaceAll(contactID(n), "contact-", "Contact-") }
func phone(n int) string { return "+49151" + contactID(n)[len("contact-"):len("contact-00000")] }
func accented(n int) string {
	return "jose\u0301-" + contactID(n)
}
func withoutPlus(s string) string { return strings.TrimPrefix(s, "+") }

// cells are all attacks.
var cells = []cell{
	// Nothing is on the way: what every other cell is measured against.
	{"import", "nothing", nil, harmless},
	{"upsert", "nothing", nil, harmless},
	{"deactivate", "nothing", nil, harmless},
	{"delete", "nothing", nil, harmless},
	{"touch", "nothing", nil, harmless},
	{"verify", "nothing", nil, harmless},
	{"undo", "nothing", nil, harmless},
	{"undo-updates", "nothing", nil, harmless},
	{"import+verify", "nothing", nil, harmless},
	{"import+undo", "nothing", nil, harmless},

	// K1: any 2xx. An import whose creates are answered by something on the way.
	{"import", "creates: login page", on(creates, loginPage), stops},
	{"import", "creates, some: login page", on(creates.some(), loginPage), invariants},
	{"import", "creates, few: login page", on(creates.few(), loginPage), completesBut(isFew)},
	{"import", "creates, late: login page", on(creates.late(), loginPage), stops},
	{"import", "everything: login page", on(everything, loginPage), stops},
	{"import", "everything, late creates: login page", lateAll(loginPage), stops},
	{"import", "creates, some: login page after storing", on(creates.some(), after(loginPage)), invariants},
	{"import", "creates: login page after storing", on(creates, after(loginPage)), stops},
	{"import", "creates: empty 200", on(creates, emptyOK), stops},
	{"import", "creates, some: empty 200", on(creates.some(), emptyOK), invariants},
	{"import", "creates, some: empty 200 after storing", on(creates.some(), after(emptyOK)), invariants},
	{"import", "creates, some: empty 201", on(creates.some(), emptyCreated), invariants},
	{"import", "creates, some: 204", on(creates.some(), noContent), invariants},
	{"import", "creates, late: 204", on(creates.late(), noContent), stops},
	{"import", "creates, some: blank page", on(creates.some(), blankPage), invariants},
	{"import", "creates, late: OK in words", on(creates.late(), plainOK), stops},
	{"import", "creates, late: success false", on(creates.late(), successFalse), stops},
	{"import", "creates, some: success false", on(creates.some(), successFalse), invariants},
	{"import", "creates, some: error object with 200", on(creates.some(), errorObject), invariants},
	{"import", "creates, some: problem with 200", on(creates.some(), problemOK), invariants},
	{"import", "creates, late: problem with 200", on(creates.late(), problemOK), stops},
	{"import", "creates, some: 202 queued", on(creates.some(), queued), invariants},
	{"import", "creates, some: 202 queued, with the id of a job", on(creates.some(), queuedWithID), invariants},
	{"import", "creates, some: 202 queued after storing", on(creates.some(), after(queued)), invariants},
	{"import", "creates, some: an empty list", on(creates.some(), emptyList), invariants},
	{"import", "creates, late: the list of the project", on(creates.late(), asList), stops},
	{"import", "creates, some: the list of the project", on(creates.some(), asList), invariants},
	{"import", "creates, some: captive portal", on(creates.some(), portal), invariants},
	{"import", "everything: captive portal", on(everything, portal), stops},
	{"import", "creates, some: health check", on(creates.some(), health), invariants},
	{"import", "creates, some: {}", on(creates.some(), emptyObject), invariants},
	{"import", "creates, some: []", on(creates.some(), emptyArray), invariants},
	{"import", "creates, some: null", on(creates.some(), null), invariants},
	{"import", "creates, late: {}", on(creates.late(), emptyObject), stops},
	{"import", "creates, some: JSON cut off with 200", on(creates.some(), notJSON), invariants},
	{"import", "creates, some: XML", on(creates.some(), anXML), invariants},
	{"import", "creates, some: _id null", on(creates.some(), noProfileID), invariants},
	{"import", "creates, some: _id a number", on(creates.some(), numberID), invariants},
	{"import", "creates, some: _id empty", on(creates.some(), emptyID), invariants},
	{"import", "creates, some: _id in words", on(creates.some(), wordsAsID), invariants},
	{"import", "creates, some: answer without _id after storing", on(creates.some(), noID), invariants},
	{"import", "creates: the first answer for all", on(creates, firstAnswer), invariants},
	{"import", "creates, some: the first answer for all", on(creates.some(), firstAnswer), invariants},
	{"import", "creates, some: a profile that was there before", on(creates.some(), ofStranger), invariants},
	{"import", "creates, some: the profile of another row", on(creates.some(), ofFirst), invariants},
	{"import", "creates, some: a profile of another project", on(creates.some(), ofProject), invariants},
	{"import", "an API that returns the profile that is there", nil, want{harmless: true, stays: true, api: sandbox.Options{OnDuplicate: sandbox.DuplicateReturn}, flags: []string{"--existing", "ignore"}}},
	{"import", "an API that returns the profile that is there, with 200", nil, want{harmless: true, stays: true, api: sandbox.Options{OnDuplicate: sandbox.DuplicateReturn, CreateStatus: 200}, flags: []string{"--existing", "ignore"}}},

	// The API's own answers in another form.
	{"import", "everything: gzip", on(everything, compressed), want{harmless: true, stays: true}},
	{"import", "creates: gzip", on(creates, compressed), want{harmless: true, stays: true}},
	{"import", "creates, some: BOM", on(creates.some(), withBOM), invariants},
	{"import", "creates, some: a script behind the JSON", on(creates.some(), withScript), invariants},
	{"import", "creates, some: wrapped in data", on(creates.some(), inData), invariants},
	{"import", "creates, some: wrapped in an array", on(creates.some(), inArray), invariants},
	{"import", "creates, some: JSON as text/html", on(creates.some(), asHTML), invariants},
	{"import", "creates, some: half of it", on(creates.some(), halved), invariants},
	{"import", "creates, some: broken off", on(creates.some(), brokenOff), invariants},
	{"import", "creates, some: chunks without end", on(creates.some(), endless), invariants},
	{"import", "everything: HTTP/1.0", on(everything, http10), want{harmless: true, stays: true}},
	{"import", "everything: bare LF", on(everything, bareLF), want{harmless: true, stays: true}},
	{"import", "everything: early hints", on(everything, earlyHints), want{harmless: true, stays: true}},
	{"import", "everything: closed without a word", on(everything, silentClose), want{harmless: true, stays: true}},
	{"upsert", "everything: closed without a word", on(everything, silentClose), want{harmless: true, stays: true}},
	{"import", "everything: rate headers that lie", on(everything, withLimits), want{harmless: true, stays: true}},
	{"upsert", "everything: gzip", on(everything, compressed), want{harmless: true, stays: true}},

	// K1: changes that something on the way answers.
	{"upsert", "updates: login page", on(updates, loginPage), stops},
	{"upsert", "updates, some: login page", on(updates.some(), loginPage), invariants},
	{"upsert", "updates, late, once: login page", on(updates.late().once(), loginPage), harmless},
	{"upsert", "updates, some: error object", on(updates.some(), errorObject), invariants},
	{"upsert", "updates, some: success false", on(updates.some(), successFalse), invariants},
	{"upsert", "updates, some: problem with 200", on(updates.some(), problemOK), invariants},
	{"upsert", "updates, some: {}", on(updates.some(), emptyObject), invariants},
	{"upsert", "updates, some: null", on(updates.some(), null), invariants},
	{"upsert", "updates, some: 202 queued", on(updates.some(), queued), invariants},
	{"upsert", "updates, some: a list", on(updates.some(), asList), invariants},
	{"upsert", "updates, few: the profile of another row", on(updates.few(), ofFirst), invariants},
	{"upsert", "updates, some: login page after storing", on(updates.some(), after(loginPage)), invariants},
	{"upsert", "creates: login page", on(creates, loginPage), invariants},
	{"upsert", "creates: success false", on(creates, successFalse), invariants},
	{"upsert", "everything: login page", on(everything, loginPage), stops},
	{"touch", "updates: login page", on(updates, loginPage), stops},
	{"touch", "updates, some: error object", on(updates.some(), errorObject), invariants},
	{"deactivate", "updates: login page", on(updates, loginPage), stops},
	{"deactivate", "updates, some: login page", on(updates.some(), loginPage), invariants},
	{"deactivate", "updates, some: success false", on(updates.some(), successFalse), invariants},
	{"deactivate", "everything: captive portal", on(everything, portal), stops},
	{"delete", "deletes: login page", on(deletes, loginPage), invariants},
	{"delete", "deletes, some: login page", on(deletes.some(), loginPage), invariants},
	{"delete", "deletes: error object", on(deletes, errorObject), invariants},
	{"delete", "deletes, some: nothing deleted", on(deletes.some(), zeroDeleted), invariants},
	{"delete", "deletes, some: 202 queued", on(deletes.some(), queued), invariants},
	{"delete", "deletes, late, once: login page after deleting", on(deletes.late().once(), after(loginPage)), harmless},
	{"delete", "writes: login page", on(writes, loginPage), stops},
	{"undo", "deletes: login page", on(deletes, loginPage), invariants},
	{"undo", "deletes, some: success false", on(deletes.some(), successFalse), invariants},
	{"undo", "deletes, some: problem with 200", on(deletes.some(), problemOK), invariants},
	{"undo", "deletes, once, some: login page after deleting", on(deletes.some().once(), after(loginPage)), invariants},
	{"undo-updates", "updates: login page", on(updates, loginPage), invariants},
	{"undo-updates", "updates, some: error object", on(updates.some(), errorObject), invariants},

	// K2: any 404.
	{"upsert", "gets: gateway 404", on(gets, gateway404), stops},
	{"upsert", "gets, some: gateway 404", on(gets.some(), gateway404), invariants},
	{"upsert", "gets, some: empty 404", on(gets.some(), gateway404Empty), invariants},
	{"upsert", "gets: empty 404", on(gets, gateway404Empty), stops},
	{"upsert", "gets, some: 404 in JSON", on(gets.some(), gateway404JSON), invariants},
	{"upsert", "gets, some: 404 of Spring", on(gets.some(), spring404), invariants},
	{"upsert", "gets, some: 404 problem without a code", on(gets.some(), problem404), invariants},
	{"upsert", "gets, some: the API's 404 for a profile that is there", on(gets.some(), api404), invariants},
	{"upsert", "gets: the API's 404 for a profile that is there", on(gets, api404), invariants},
	{"upsert", "gets: the API's 404 for a profile that is there, looked up", on(gets, api404), invariants.with("--existing", "lookup")},
	{"upsert", "gets and look-ups: 404", both(on(gets.some(), api404), on(lists, gateway404JSON)), invariants},
	{"upsert", "gets: 404, and empty look-ups", both(on(gets.some(), gateway404Empty), on(lookUps, cut(0))), invariants},
	{"upsert", "updates: empty 404", on(updates, gateway404Empty), stops},
	{"upsert", "updates, some: 404 in JSON", on(updates.some(), gateway404JSON), invariants},
	{"upsert", "updates, some: the API's 404 for a profile that is there", on(updates.some(), api404), invariants},
	{"touch", "updates, some: empty 404", on(updates.some(), gateway404Empty), invariants},
	{"touch", "everything: 404 in JSON", on(everything, gateway404JSON), invariants},
	{"deactivate", "updates, some: empty 404", on(updates.some(), gateway404Empty), invariants},
	{"deactivate", "updates, some: gateway 404", on(updates.some(), gateway404), invariants},
	{"delete", "deletes: gateway 404", on(deletes, gateway404), invariants},
	{"delete", "deletes: empty 404", on(deletes, gateway404Empty), invariants},
	{"delete", "deletes, some: 404 in JSON", on(deletes.some(), gateway404JSON), invariants},
	{"delete", "deletes, some: the API's 404 for a profile that is there", on(deletes.some(), api404), invariants},
	{"undo", "gets: gateway 404", on(gets, gateway404), invariants},
	{"undo", "gets: empty 404", on(gets, gateway404Empty), invariants},
	{"undo", "gets, some: the API's 404 for a profile that is there", on(gets.some(), api404), invariants},
	{"undo", "deletes, some: 404 in JSON", on(deletes.some(), gateway404JSON), invariants},
	{"undo", "deletes, some: 404 problem without a code", on(deletes.some(), problem404), invariants},
	{"undo-updates", "everything: empty 404", on(everything, gateway404Empty), invariants},
	{"import", "creates, some: empty 404", on(creates.some(), gateway404Empty), someFail},
	{"import", "creates, late: 404 in JSON", on(creates.late(), gateway404JSON), stops},
	{"import", "everything: gateway 404", on(everything, gateway404), stops},

	// K2: 409 from nowhere.
	{"import", "creates, some: 409 page", on(creates.some(), page409), invariants},
	{"import", "creates, some: the API's 409, and nobody there", on(creates.some(), api409), invariants},
	{"import", "creates: the API's 409, and nobody there", on(creates, api409), invariants},
	{"import", "creates, some: 409 page after storing", on(creates.some(), after(page409)), invariants},
	{"import", "creates, some: 409, and look-ups that fail", both(on(creates.some(), api409), on(looks, loginPage)), invariants},
	{"import", "an API that refuses a contact that is there", nil, want{harmless: true, stays: true, api: sandbox.Options{OnDuplicate: sandbox.DuplicateConflict}, flags: []string{"--existing", "ignore"}}},

	// K2: 429, 503 and their like, after it was done.
	{"import", "creates, once, some: maintenance after storing", on(creates.some().once(), after(maintenance)), invariants},
	{"import", "creates, once: maintenance after storing", on(creates.once(), after(maintenance)), invariants},
	{"import", "creates, once, few: 429 page after storing", on(creates.few().once(), after(page429)), invariants},
	{"import", "creates, once, few: 429 page without a time, after storing", on(creates.few().once(), after(plain429)), invariants},
	{"import", "creates, once, few: the API's 429", on(creates.few().once(), api429), harmless},
	{"import", "creates, once, few: empty 429", on(creates.few().once(), empty429), harmless},
	{"import", "creates, once, few: the API's 503", on(creates.few().once(), api503), harmless},
	{"import", "creates, once, some: 502 page after storing", on(creates.some().once(), after(badGateway)), invariants},
	{"import", "creates, once, some: 504 page after storing", on(creates.some().once(), after(timeout504)), invariants},
	{"import", "creates, once, some: 408 page after storing", on(creates.some().once(), after(page408)), invariants},
	{"import", "creates, some: dropped after storing", on(creates.some(), after(dropped)), invariants},
	{"import", "creates, few: no answer, after storing", on(creates.few().once(), after(hangs)), invariants},
	{"import", "everything: 500 page", on(everything, page500), stops},
	{"import", "creates, late: 502 page", on(creates.late(), badGateway), invariants},
	{"import", "everything: maintenance", on(everything, maintenance), stops},
	{"upsert", "updates, once: maintenance after storing", on(updates.some().once(), after(maintenance)), invariants},
	{"upsert", "creates, once: 429 page after storing", on(creates.once(), after(page429)), invariants},
	{"delete", "deletes, late, once: 429 page after deleting", on(deletes.late().once(), after(page429)), harmless},
	{"undo", "deletes, once: maintenance after deleting", on(deletes.some().once(), after(maintenance)), harmless},

	// K2: refusals of one row by something that dislikes it, and of all.
	{"import", "creates, few: 403 of a firewall", on(creates.few(), waf403), fewFail},
	{"import", "creates, few: 403 of a firewall, in JSON", on(creates.few(), waf403JSON), fewFail},
	{"import", "creates, few: 401 page", on(creates.few(), blocked(401)), fewFail},
	{"import", "creates, few: 402 page", on(creates.few(), blocked(402)), fewFail},
	{"import", "creates, few: 405 page", on(creates.few(), blocked(405)), fewFail},
	{"import", "creates, few: redirect", on(creates.few(), redirect), fewFail},
	{"import", "creates, few: 407 page", on(creates.few(), blocked(407)), want{refuses: isFew}},
	{"import", "creates, few: 511 page", on(creates.few(), blocked(511)), want{refuses: isFew}},
	{"import", "creates, few: the API's 401", on(creates.few(), api401), stops},
	{"import", "creates, few: the API's 402", on(creates.few(), api402), stops},
	{"import", "creates: 403 of a firewall", on(creates, waf403), stops},
	{"import", "creates: redirect", on(creates, redirect), stops},
	{"import", "creates, late: 403 of a firewall", on(creates.late(), waf403), stops},
	{"import", "creates, late: redirect", on(creates.late(), redirect), stops},
	{"import", "creates, late: 405 page", on(creates.late(), blocked(405)), stops},
	{"import", "everything, late creates: the API's 401", lateAll(api401), stops},
	{"import", "everything, late creates: the API's 403", lateAll(api403), stops},
	{"import", "everything, late creates: 401 page", lateAll(blocked(401)), stops},
	{"import", "everything, late creates: redirect", lateAll(redirect), stops},
	{"upsert", "updates, few: 403 of a firewall", on(updates.few(), waf403), fewFail},
	{"upsert", "updates, few: redirect", on(updates.few(), redirect), fewFail},
	{"upsert", "gets, few: 403 of a firewall", on(gets.few(), waf403), want{refuses: isFew}},
	{"upsert", "updates, late: the API's 401", on(updates.late(), api401), stops},
	{"delete", "deletes, few: 403 of a firewall", on(deletes.few(), waf403), invariants},
	{"undo", "deletes, few: 403 of a firewall", on(deletes.few(), waf403), invariants},
	{"undo", "gets, few: 403 of a firewall", on(gets.few(), waf403), invariants},
	{"import", "creates, some: 400 page", on(creates.some(), blocked(400)), someFail},
	{"import", "creates: 400 page", on(creates, blocked(400)), stops},
	{"import", "creates, some: 406 page", on(creates.some(), blocked(406)), someFail},
	{"import", "creates: 406 page", on(creates, blocked(406)), stops},
	{"import", "creates, some: 415 page", on(creates.some(), blocked(415)), someFail},
	{"import", "creates, late: 415 page", on(creates.late(), blocked(415)), stops},
	{"import", "creates, late: 418 page", on(creates.late(), blocked(418)), stops},
	{"import", "creates, late: 421 page", on(creates.late(), blocked(421)), stops},
	{"import", "creates, some: 423 page", on(creates.some(), blocked(423)), someFail},
	{"import", "creates, late: 423 page", on(creates.late(), blocked(423)), stops},
	{"import", "creates, late: 425 page", on(creates.late(), blocked(425)), stops},
	{"import", "creates, late: 451 page", on(creates.late(), blocked(451)), stops},
	{"import", "creates, late: 495 page", on(creates.late(), blocked(495)), stops},
	{"import", "creates, late: 499 page", on(creates.late(), blocked(499)), stops},
	{"import", "creates, some: 499 page after storing", on(creates.some(), after(blocked(499))), someFail},
	{"import", "creates, some: 400 page after storing", on(creates.some(), after(blocked(400))), someFail},
	{"upsert", "updates: 400 page", on(updates, blocked(400)), stops},
	{"upsert", "updates: 415 page", on(updates, blocked(415)), stops},
	{"upsert", "gets: 421 page", on(gets, blocked(421)), stops},
	{"delete", "deletes: 451 page", on(deletes, blocked(451)), invariants},

	// K3: looks that are not whole.
	{"import", "the list ends before its total", on(lists, cut(3)), invariants.with("--existing", "list")},
	{"import", "the list ends before its total, auto", on(lists, cut(3)), invariants},
	{"import", "pages of five", on(lists, paged), want{harmless: true, stays: true, flags: []string{"--existing", "list"}}},
	{"import", "the pages end before the total", on(lists, endsEarly), invariants.with("--existing", "list")},
	{"import", "a page is left out", on(lists, hasHole), invariants.with("--existing", "list")},
	{"import", "the pages go in a circle", on(lists, circles), invariants.with("--existing", "list")},
	{"import", "the pages alternate", on(lists, alternates), invariants.with("--existing", "list")},
	{"import", "items without contact ids", on(lists, withoutContactIDs), invariants.with("--existing", "list")},
	{"import", "items with null for contact ids", on(lists, nullContactIDs), invariants},
	{"import", "look-ups without contact ids", on(lookUps, withoutContactIDs), invariants.with("--existing", "lookup")},
	{"import", "look-ups without items", on(lookUps, cut(0)), invariants.with("--existing", "lookup")},
	{"import", "look-ups of others", on(lookUps, mixedLookUp), invariants.with("--existing", "lookup")},
	{"import", "look-ups, some: login page", on(lookUps.some(), loginPage), invariants.with("--existing", "lookup")},
	{"import", "look-ups, some: empty 200", on(lookUps.some(), emptyOK), invariants.with("--existing", "lookup")},
	{"import", "look-ups, some: {}", on(lookUps.some(), emptyObject), invariants.with("--existing", "lookup")},
	{"import", "look-ups, some: []", on(lookUps.some(), emptyArray), invariants.with("--existing", "lookup")},
	{"import", "look-ups, some: 404 in JSON", on(lookUps.some(), gateway404JSON), invariants.with("--existing", "lookup")},
	{"import", "look-ups, few: 403 of a firewall", on(lookUps.few(), waf403), want{refuses: isFew, flags: []string{"--existing", "lookup"}}},
	{"import", "the list: login page", on(lists, loginPage), stops},
	{"import", "the list: null", on(lists, null), stops},
	{"import", "the list in HAL", on(lists, asHAL), invariants},
	{"import", "the list without a total", on(lists, withoutTotal), want{harmless: true, stays: true}},
	{"import", "a total of 0 of a list that is not empty", on(lists, total(0)), want{harmless: true}},
	{"import", "a total that is too large", on(lists, total(5000)), invariants.with("--existing", "list")},
	{"import", "pages that are too large", on(lists, tooLarge), want{harmless: true, stays: true, flags: []string{"--existing", "list"}}},
	{"import", "pages that take too long", on(lists, tooSlow), want{harmless: true, stays: true, flags: []string{"--existing", "list"}}},
	{"upsert", "the list ends before its total", both(on(lists, cut(3)), on(gets.some(), gateway404Empty)), invariants.with("--existing", "list")},
	{"upsert", "gets: other profiles", on(gets, mixed), invariants},
	{"upsert", "gets, some: other profiles", on(gets.some(), mixed), invariants},
	{"upsert", "gets, some: other profiles, of an API that replaces", on(gets.some(), mixed), want{api: sandbox.Options{Patch: sandbox.PatchReplace}}},
	{"upsert", "gets: without fields, of an API that replaces", on(gets, noFields), want{api: sandbox.Options{Patch: sandbox.PatchReplace}}},
	{"upsert", "gets: nothing but the id", on(gets, onlyIDs), want{api: sandbox.Options{Patch: sandbox.PatchReplace}}},
	{"upsert", "gets, some: without an id", on(gets.some(), noID), invariants},
	{"upsert", "gets, some: a list", on(gets.some(), asList), invariants},
	{"upsert", "gets, some: login page", on(gets.some(), loginPage), invariants},
	{"upsert", "gets, late: login page", on(gets.late(), loginPage), stops},
	{"upsert", "gets, some: {}", on(gets.some(), emptyObject), invariants},
	{"upsert", "gets, some: empty 200", on(gets.some(), emptyOK), invariants},
	{"upsert", "gets, some: half of it", on(gets.some(), halved), invariants},
	{"touch", "gets: other profiles", on(gets, mixed), invariants},
	{"undo", "gets: other profiles", on(gets, mixed), invariants},
	{"undo", "gets, some: login page", on(gets.some(), loginPage), invariants},
	{"undo", "gets, some: {}", on(gets.some(), emptyObject), invariants},
	{"undo", "everything: login page", on(everything, loginPage), invariants},
	{"undo-updates", "gets: other profiles", on(gets, mixed), invariants},

	// K3: rows in doubt, and looks that are not whole.
	{"import", "doubts, and look-ups without items", doubtsAnd(on(looks, cut(0))), invariants},
	{"import", "doubts, and look-ups without contact ids", doubtsAnd(on(looks, withoutContactIDs)), invariants},
	{"import", "doubts, and look-ups of others", doubtsAnd(on(looks, mixedLookUp)), invariants},
	{"import", "doubts, and look-ups of others, in a project that nobody asked", doubtsAnd(on(looks, mixedLookUp)), want{alone: true, flags: []string{"--existing", "ignore"}}},
	{"import", "doubts, and look-ups: login page", doubtsAnd(on(looks, loginPage)), invariants},
	{"import", "doubts, and look-ups: 404 in JSON", doubtsAnd(on(looks, gateway404JSON)), invariants},
	{"import", "doubts, and look-ups: {}", doubtsAnd(on(looks, emptyObject)), invariants},
	{"import", "doubts, and look-ups: captive portal", doubtsAnd(on(looks, portal)), invariants},
	{"import", "doubts, and look-ups in HAL", doubtsAnd(on(looks, asHAL)), invariants},
	{"import", "doubts, and gets: other profiles", doubtsAnd(on(gets, mixed)), invariants},
	{"import", "doubts, and gets: empty 404", doubtsAnd(on(gets, gateway404Empty)), invariants},
	{"import", "doubts of a login page, and gets: nothing but the id", both(on(creates.some(), after(loginPage)), on(gets, onlyIDs)), invariants},

	// K3: contact ids in another form, and clocks.
	{"import", "contact ids come back in lower case", nil, want{stays: true, ids: upper, form: strings.ToLower, api: sandbox.Options{OnDuplicate: sandbox.DuplicateConflict}, doubts: true}},
	{"import", "lower case, and answers lost", on(creates.some(), after(dropped)), want{ids: upper, form: strings.ToLower, doubts: true, api: sandbox.Options{OnDuplicate: sandbox.DuplicateConflict}}},
	{"import", "lower case, and answers lost, of an API that takes all", on(creates.some().late(), after(dropped)), want{ids: upper, form: strings.ToLower, doubts: true, flags: []string{"--existing", "ignore"}, alone: true}},
	{"import", "without the plus, and answers lost", on(creates.some().late(), after(dropped)), want{ids: phone, form: withoutPlus, doubts: true, flags: []string{"--existing", "ignore"}, alone: true}},
	{"import", "as NFC, and answers lost", on(creates.some().late(), after(dropped)), want{ids: accented, form: norm.NFC.String, doubts: true, flags: []string{"--existing", "ignore"}, alone: true}},
	{"upsert", "contact ids come back in lower case", nil, want{stays: true, ids: upper, form: strings.ToLower, alone: true, doubts: true}},
	{"import", "the database's clock is behind, and answers are lost", on(creates.some(), after(dropped)), want{ahead: -10 * time.Minute, ours: true}},
	{"import", "the database's clock is behind", nil, want{ahead: -10 * time.Minute, harmless: true, ours: true}},
	{"import", "the database's clock is ahead, and nobody was made", on(creates.there(), loginPage), want{ahead: 10 * time.Minute, age: 5 * time.Minute, api: sandbox.Options{OnDuplicate: sandbox.DuplicateConflict}, flags: []string{"--existing", "ignore"}}},
	{"import", "the database's clock is ahead, and answers are lost", on(creates.there(), dropped), want{ahead: 10 * time.Minute, age: 5 * time.Minute, api: sandbox.Options{OnDuplicate: sandbox.DuplicateConflict}, flags: []string{"--existing", "ignore"}}},

	// Verifications.
	{"verify", "the list ends before its total", on(lists, cut(5)), invariants},
	{"verify", "a page is left out", on(lists, hasHole), invariants},
	{"verify", "the pages go in a circle", on(lists, circles), invariants},
	{"verify", "items without contact ids", on(lists, withoutContactIDs), invariants},
	{"verify", "items without fields", on(lists, withoutFields), invariants},
	{"verify", "the list: login page", on(lists, loginPage), invariants},
	{"verify", "the list: empty 200", on(lists, emptyOK), invariants},
	{"verify", "everything: captive portal", on(everything, portal), invariants},
	{"verify", "everything: gateway 404", on(everything, gateway404), invariants},
	{"verify", "gets: login page", oneByOne(on(gets, loginPage)), invariants},
	{"verify", "gets: gateway 404", oneByOne(on(gets, gateway404)), invariants},
	{"verify", "gets: empty 404", oneByOne(on(gets, gateway404Empty)), invariants},
	{"verify", "gets, some: 404 in JSON", oneByOne(on(gets.some(), gateway404JSON)), invariants},
	{"verify", "gets, some: the API's 404 for a profile that is there", oneByOne(on(gets.some(), api404)), invariants},
	{"verify", "gets: other profiles", oneByOne(on(gets, mixed)), invariants},
	{"verify", "gets: without fields", oneByOne(on(gets, noFields)), invariants},
	{"verify", "gets, few: a profile that the API cannot read", oneByOne(on(gets.few(), says(500, js, problem(500, 1003, "cannot be read")))), completes},
	{"verify", "gets, few: 403 of a firewall", oneByOne(on(gets.few(), waf403)), completes},
	{"verify", "gets, few: 400 page", oneByOne(on(gets.few(), blocked(400))), completes},
	{"verify", "everything: gzip", on(everything, compressed), want{harmless: true, stays: true}},

	// K5: what an import left in doubt.
	{"import+verify", "login pages, and look-ups that fail", both(on(creates.some(), loginPage), on(looks, loginPage)), invariants},
	{"import+verify", "answers lost, and look-ups that fail", doubtsAnd(on(looks, gateway404JSON)), invariants},
	{"import+verify", "answers without _id, and look-ups that fail", both(on(creates.some(), noID), on(looks, gateway404JSON)), invariants},
	{"import+verify", "login page for late creates", on(creates.late(), loginPage), invariants},
	{"import+undo", "answers lost, and look-ups that fail", doubtsAnd(on(looks, gateway404JSON)), invariants},
	{"import+undo", "answers without _id, and look-ups that fail", both(on(creates.some(), noID), on(looks, gateway404JSON)), invariants},
	{"import+undo", "a profile that was there before", on(creates.some(), ofStranger), invariants},
	{"import+undo", "the profile of another row", on(creates.some(), ofFirst), invariants},
	{"import+undo", "login pages after storing, and look-ups that fail", both(on(creates.some(), after(loginPage)), on(looks, loginPage)), invariants},

	// K4: what would not end.
	{"import", "everything: the API's 429", on(everything, api429), want{stops: true, says: "monthly quota used up"}},
	{"import", "everything: the API's 429, for an hour", on(everything, hour429), want{stops: true, says: "monthly quota used up"}},
	{"import", "creates, late: the API's 429", on(creates.late(), api429), want{stops: true, says: "monthly quota used up"}},
	{"import", "creates, late: the API's 429, for an hour", on(creates.late(), hour429), want{stops: true, says: "monthly quota used up"}},
	{"upsert", "everything: 429 page", on(everything, page429), stops},
	{"undo", "everything: the API's 429", on(everything, api429), invariants},
	{"verify", "everything: the API's 429", on(everything, api429), invariants},
	{"import", "everything: another protocol", on(everything, anSSHServer), stops},
	{"import", "everything: 407 page", on(everything, blocked(407)), stops},
	{"import", "everything: dropped", on(everything, dropped), stops},
	{"verify", "everything: maintenance", on(everything, maintenance), invariants},
}

// completesBut is a run that goes to its end, and leaves some rows for the next.
func completesBut(rows func(n int) bool) want { return want{completes: true, leaves: rows} }

// lateAll answers everything from the ninth create on.
func lateAll(answer reply) gate {
	return func(x *crossing) reply {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.seen["create"] > 8 {
			return answer
		}
		return nil
	}
}

// doubtsAnd loses the answers to some creates.
func doubtsAnd(g gate) gate { return both(on(creates.some(), after(dropped)), g) }

// oneByOne makes a list look longer than reading profiles one by one costs.
func oneByOne(g gate) gate { return both(g, on(lists, total(100_000))) }

// TestWay plays all cells at once: they mostly wait. It is no parallel test itself,
// so that the others do not take the time from it.
func TestWay(t *testing.T) {
	places := make(chan struct{}, 24)
	names := map[string]bool{}
	for i, c := range cells {
		name := c.op + "/" + c.name
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			played := make(chan []string, 1)
			// It begins before the parallel tests do, of which only as many run at once as
			// there are processors.
			go func() {
				places <- struct{}{}
				defer func() { <-places }()
				played <- c.play(dir, i)
			}()
			t.Parallel()
			for _, complaint := range brief(<-played) {
				t.Error(complaint)
			}
		})
	}
}

// brief keeps the first complaints of each kind.
func brief(complaints []string) (kept []string) {
	kinds := map[string]int{}
	for _, c := range complaints {
		kind := c
		if parts := strings.SplitN(c, ": ", 3); len(parts) == 3 {
			kind = parts[0] + ": " + parts[1]
		}
		if kinds[kind]++; kinds[kind] <= 2 {
			kept = append(kept, c)
		} else if kinds[kind] == 3 {
			kept = append(kept, kind+": and more like it")
		}
	}
	return kept
}
