package importer

import (
	"slices"

	"importer/importer/contact"
)

// The way of a row is a loop: each step brings an answer, and a table says from
// the two what the next step is, until the row is settled. This file is the whole
// policy, without clock and without I/O; way.go carries the steps out.

// A step is what is done for a row.
type step uint16

const (
	begin    step = 1 << iota // nothing yet
	find                      // look for who holds its contact ids, before it is created
	create                    // send a create
	park                      // leave it to the lane of doubt until its next look-up is due
	look                      // look it up, because it is in doubt
	compare                   // compare it with the profile that was found
	announce                  // tell the journal that a row in doubt becomes a change
	vet                       // look for who holds the contact ids that its profile is to be given
	merge                     // merge the other profiles that hold its contact ids
	read                      // read its profile
	write                     // update its profile
	remove                    // delete its profile
	confirm                   // the API says that its profile is not there: look for who holds its contact ids
	renew                     // its profile is gone: tell the journal, and announce a create
	hold                      // something on the way refused it: was that because of the row?
	finish                    // it is settled
)

// local are the steps that send nothing and wait for nothing.
const local = begin | compare | hold | finish

// An answer is what a step brought. Rules name several by or.
type answer uint32

const (
	ok         answer = 1 << iota // what was to be done is done
	nobody                        // no profile holds the contact ids
	nobodyYet                     // and reads may still lag behind writes
	somebody                      // one profile is the row's: it was there before
	ours                          // one profile is the row's: runs of this journal made it
	several                       // several profiles hold contact ids of the row
	same                          // the profile is as it is wanted
	differs                       // it is not
	changed                       // somebody changed it since
	unproven                      // nobody, of look-ups that were answered with other profiles
	resembling                    // a profile holds them in another spelling: it may be the row's
	strange                       // a success that something on the way made up: it may have been processed
	barred                        // something on the way refused it, as a firewall does that dislikes its text
	turnedAway                    // something on the way found fault with the request
	blamed                        // a later request of that kind succeeded: it was because of the row
	unblamed                      // none has
	conflict                      // refused, because the contact is there already
	refused                       // refused for good
	again                         // not processed: everybody is asked to slow down
	later                         // to be done again, after a pause
	exhausted                     // it was tried often enough
	lost                          // it may have been processed
	gone                          // the profile is not there
	stopped                       // not sent: the run is stopping
)

// failedLook is every way in which a look-up can fail.
const failedLook = exhausted | stopped

// A doubt is why it is not known whether the API has a row.
type doubt uint16

const (
	earlierRun      doubt = 1 << iota // announced by an earlier run, and no outcome
	answerLost                        // an ambiguous error
	conflicted                        // 409: the contact is there
	overtaken                         // 409, after an answer was lost: it may be there because of us
	contested                         // 409 again, and no look-up finds the contact
	foreign                           // a success that is not the API's
	suspect                           // refused by something on the way, perhaps because of the row
	refusedOnTheWay                   // refused by something on the way, because of no row
	suspectChange                     // as suspect, of a change: nothing has to be looked up
	adopted                           // not any more: its profile was found, and is to be compared with the row
	undoubted       = 0
)

// String is the doubt as it stands in the journal.
func (d doubt) String() string {
	switch d {
	case earlierRun:
		return "earlier run"
	case answerLost:
		return "answer lost"
	case conflicted, overtaken, contested:
		return "conflict"
	case foreign, suspect, refusedOnTheWay:
		return "not the API's answer"
	}
	return ""
}

// A move is what is done next.
type move struct {
	do     step
	pause  bool           // first, as the retry policy says
	end    resultKind     // of finish
	status contact.Status // of finish, where the row gets one
}

// A rule says what follows on some answers to a step. The first rule that fits is
// the one.
type rule struct {
	did  step
	got  answer
	in   doubt // of rows in one of these doubts only; 0: of all
	then move
}

// A table is what is done about a kind of row.
type table []rule

func do(s step) move                     { return move{do: s} }
func afterPause(s step) move             { return move{do: s, pause: true} }
func settleAs(s contact.Status) move     { return move{do: finish, end: settled, status: s} }
func endAs(kind resultKind) move         { return move{do: finish, end: kind} }
func (m move) with(kind resultKind) move { m.end = kind; return m }

// next is the move that follows on what is known of a row. That nothing follows
// is a defect of a table, which its test finds; such a row is given back.
func (t table) next(did step, got answer, in doubt) move {
	for _, r := range t {
		if r.did&did != 0 && r.got&got != 0 && (r.in == undoubted || r.in&in != 0) {
			return r.then
		}
	}
	return endAs(announcedOnly)
}

// creating is the table of mode create: who is there stays as it is.
var creating = table{
	{begin, ok, undoubted, do(find)},
	{find, nobody, undoubted, do(create)},
	{find, somebody, undoubted, settleAs(contact.Existing)},
	{find, several, undoubted, settleAs(contact.Invalid)},
	{find, exhausted, undoubted, settleAs(contact.Failed)},

	{create, ok, undoubted, settleAs(contact.Created)},
	{create, somebody, undoubted, settleAs(contact.Existing)},
	{create, conflict | lost | strange | barred | turnedAway, undoubted, do(park)},
	{create, refused, undoubted, settleAs(contact.Rejected)},
	{create, again, undoubted, do(create)},
	{create, later, undoubted, afterPause(create)},
	{create, exhausted, undoubted, settleAs(contact.Failed)},
	{find | create, stopped, undoubted, endAs(announcedOnly)},

	{park, ok, undoubted, do(look)},
	{look, ours, undoubted, settleAs(contact.Created)},
	{look, somebody, undoubted, settleAs(contact.Existing)},
	{look, nobodyYet, undoubted, do(park)},
	// It is sent again, but for what something on the way took for the API: who made
	// up one answer makes up the next. The next run sends it, if it finds nobody.
	{look, nobody, foreign | contested, settleAs(contact.Unknown)},
	{look, nobody, suspect, do(hold)},
	{look, nobody, refusedOnTheWay, settleAs(contact.Failed)},
	{look, nobody, undoubted, do(create)},
	{look, unproven | resembling | failedLook, undoubted, settleAs(contact.Unknown)},
	{hold, blamed, undoubted, settleAs(contact.Rejected)},
	{hold, unblamed, undoubted, settleAs(contact.Failed)},
}

// updating is the table of a row whose profile is known: read it, and send what
// differs.
var updating = slices.Concat(
	table{
		{begin, ok, undoubted, do(vet)},
		{find, somebody, undoubted, do(compare)},
		{look, ours | somebody, undoubted, do(compare)},
		{create, somebody, undoubted, do(merge)},
		{compare, same, undoubted, settleAs(contact.Unchanged)},
		{compare, ours, undoubted, settleAs(contact.Created)}, // as it is wanted, and made by us
		{compare, differs, adopted, do(announce)},
		{compare, differs, undoubted, do(merge)},
		{announce, ok, undoubted, do(vet)},
		{vet, nobody, undoubted, do(merge)},
		{vet, several, undoubted, settleAs(contact.Invalid)},
		{vet, exhausted, undoubted, settleAs(contact.Failed)},
		{merge, ok, undoubted, do(read)},
		{read, same, undoubted, settleAs(contact.Unchanged)},
		{read, ok, undoubted, settleAs(contact.Updated)}, // an update whose answer was lost made it so
		{read, differs, undoubted, do(write)},
		{write, ok, undoubted, settleAs(contact.Updated)},
		{merge, again, undoubted, do(merge)},
		{merge, later, undoubted, afterPause(merge)},
	},
	changes,
	creating, // of those whose profile is gone
)

// changes are the rules of all that change a profile which is there.
//
// None of these requests has to be looked up when its answer is lost: each says
// what the profile is to be and not what is to be added, so that it is made again
// from the start, with a fresh read where it builds on one.
var changes = table{
	{read | write | remove, again, undoubted, do(read)},
	{read | write | remove, later, undoubted, afterPause(read)},
	{merge | read | write, gone, undoubted, do(confirm)},
	{confirm, nobody | somebody, undoubted, do(renew)},
	{confirm, later, undoubted, afterPause(read)},
	{renew, ok, undoubted, do(find)},
	{merge | read | write, refused, undoubted, settleAs(contact.Rejected)},
	{merge | read | write, barred, undoubted, do(park)},
	{park, ok, suspectChange, do(hold)},
	{hold, blamed, undoubted, settleAs(contact.Rejected)},
	{hold, unblamed, undoubted, settleAs(contact.Failed)},
	{merge | read | write | confirm, exhausted, undoubted, settleAs(contact.Failed)},
	{announce | vet | merge | read | write | confirm | renew, stopped, adopted, settleAs(contact.Unknown)},
	{announce | vet | merge | read | write | confirm | renew, stopped, undoubted, endAs(announcedOnly)},
}

// upserting is the table of a row that is created, or brought up to date where
// somebody has its contact ids.
var upserting = slices.Concat(table{{begin, ok, undoubted, do(find)}}, updating)

// searching is the table of a row of which the state knows nothing, where nobody is to
// be created.
var searching = slices.Concat(
	table{
		{begin, ok, undoubted, do(find)},
		{find | look, nobody, undoubted, settleAs(contact.Absent)},
	},
	updating,
)

// touching changes nothing of a profile, so that it does not expire.
var touching = slices.Concat(
	table{
		{begin, ok, undoubted, do(read)},
		{read, differs, undoubted, do(write)},
		{write, ok, undoubted, settleAs(contact.Updated)},
	},
	changes,
)

// keeping is touching for a row that the source does not hold: it cannot be created anew.
var keeping = slices.Concat(table{{confirm, nobody | somebody, undoubted, settleAs(contact.Invalid)}}, touching)

// deactivating and deleting are what a mirror does with who is missing.
var (
	deactivating = slices.Concat(
		table{
			{begin, ok, undoubted, do(write)},
			{write, ok, undoubted, settleAs(contact.Deactivated)},
			{write, again, undoubted, do(write)},
			{write, later, undoubted, afterPause(write)},
		},
		removals,
	)
	deleting = slices.Concat(
		table{
			{begin, ok, undoubted, do(remove)},
			{remove, again, undoubted, do(remove)},
			{remove, later, undoubted, afterPause(remove)},
			{confirm, later, undoubted, afterPause(remove)},
		},
		removals,
	)
	removals = table{
		{remove, ok, undoubted, settleAs(contact.Deleted)},
		{write | remove, gone, undoubted, do(confirm)},
		{confirm, nobody | somebody, undoubted, settleAs(contact.Deleted)},
		{confirm, later, undoubted, afterPause(write)},
		{write | remove | confirm, refused | barred | exhausted, undoubted, endAs(notRemoved)},
		{write | remove | confirm, stopped, undoubted, endAs(dropped)}, // the next run does it
	}
)

// undoing takes back what a run wrote. What was changed since is kept.
var (
	undoingCreate = slices.Concat(table{{read, differs, undoubted, do(remove)}}, undoing)
	undoingChange = slices.Concat(table{{read, differs, undoubted, do(write)}}, undoing)

	undoing = slices.Concat(
		table{
			{begin, ok, undoubted, do(read)},
			{read, same, undoubted, settleAs(contact.Updated)},
			{read, changed, undoubted, endAs(undoKept)},
			{write, ok, undoubted, settleAs(contact.Updated)},
			{remove, ok, undoubted, settleAs(contact.Deleted)},
			{read | write | remove, gone, undoubted, do(confirm)},
			{confirm, ok, undoubted, settleAs(contact.Deleted)}, // a delete whose answer was lost did it
			{confirm, nobody | somebody, undoubted, settleAs(contact.Deleted).with(undoGone)},
			{confirm, later, undoubted, afterPause(read)},
			{read | write | remove | confirm, refused | barred | exhausted, undoubted, endAs(notRemoved)},
			{read | write | remove | confirm, stopped, undoubted, endAs(undoLeft)},
		},
		changes[:2],
	)
)
