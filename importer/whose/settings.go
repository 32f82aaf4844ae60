package whose

import "importer/internal/words"

// Discovery is how a run learns, before its first create, who is in the project
// already. The zero value does not ask.
type Discovery uint8

const (
	DiscoverNobody   Discovery = iota
	DiscoverAuto               // looks contacts up until that has cost as much as the list
	DiscoverByList             // reads the whole list
	DiscoverByLookUp           // looks each contact up
)

var discoveryNames = [...]string{"ignore", "auto", "list", "lookup"}

// ParseDiscovery reads the value of --existing.
func ParseDiscovery(s string) (Discovery, error) {
	i, err := words.Choice(s, discoveryNames[:]...)
	return Discovery(i), err
}

func (d Discovery) String() string { return discoveryNames[d] }

// OnConflict is what becomes of a row whose contact ids belong to several
// profiles. The zero value refuses the row.
type OnConflict uint8

const (
	ConflictReport OnConflict = iota // the row is invalid
	ConflictFirst                    // the row is about the profile with its first contact id
	ConflictMerge                    // the others are merged into that one; not in create mode
)

var onConflictNames = [...]string{"report", "first", "merge"}

// ParseOnConflict reads the setting on_conflict.
func ParseOnConflict(s string) (OnConflict, error) {
	i, err := words.Choice(s, onConflictNames[:]...)
	return OnConflict(i), err
}
