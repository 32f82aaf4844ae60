package doctor

import (
	"fmt"
	"time"

	"importer/internal/store"
	"importer/internal/words"
)

// A Store is what was seen of the store that the settings name.
type Store struct {
	Sight store.Sight
	Err   error // why no run can work with it
}

// check says how the store stands: reachable, its version, what this user may do there, how
// much it holds, and whether its clock is this machine's.
func (s *Store) check() Check {
	if s.Err != nil {
		return Check{"store", Fail, oneLine(s.Err.Error()), "no run with --store (store, $IMPORTER_STORE) works until that is fixed"}
	}
	seen := s.Sight
	holds := "its tables are not there yet, and the first run makes them"
	switch {
	case seen.Tables > 0 && !seen.Ready:
		holds = "its tables are of an earlier version, and the first run leads them forward"
	case seen.Ready:
		holds = fmt.Sprintf("%s in it, of which %s, %s", words.Plural(int64(seen.Runs), "run or state", "runs and states"), words.Plural(int64(seen.Held), "is held by a process", "are held by processes"), size(uint64(max(0, seen.Size))))
	}
	c := ok("store", "%s can be used: PostgreSQL %s as the user %s; %s", seen.Name, seen.Server, seen.User, holds)
	switch ahead := seen.Ahead.Round(time.Second); {
	case seen.Ahead.Abs() <= maxSkew+seen.Margin:
	case ahead > 0:
		c.Status, c.Detail = Warn, fmt.Sprintf("%s; its clock is %v ahead of this machine's", c.Detail, ahead)
	default:
		c.Status, c.Detail = Warn, fmt.Sprintf("%s; its clock is %v behind this machine's", c.Detail, -ahead)
	}
	if c.Status == Warn {
		c.Hint = "have both set by NTP: leases go by the store's clock alone, but times in reports are this machine's"
	}
	if seen.Standby {
		c.Status = Warn
		if c.Hint != "" {
			c.Hint += "; "
		}
		c.Hint += "a standby is attached, and synchronous_standby_names is empty: if it takes over, the last moments are lost, and contacts of these may be created twice"
	}
	return c
}
