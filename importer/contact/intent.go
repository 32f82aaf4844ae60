package contact

// An Intent is what a profile is to be changed for, as it stands in the report.
type Intent string

const (
	ToUpdate Intent = ""       // to be as a row or an undo says
	ToTouch  Intent = "touch"  // to stay as it is, and not to expire
	ToRemove Intent = "remove" // to be deactivated or deleted, because the source lacks it
)
