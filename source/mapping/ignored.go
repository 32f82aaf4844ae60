package mapping

import (
	"fmt"
	"slices"
	"strings"
)

// ignoredNames are the columns that go nowhere, each once.
type ignoredNames struct {
	unknown []string
	second  []string // "B (A comes first)"
	further []string // of those that take several columns
	seen    []string
}

// maxIgnored bounds what is remembered of names that each JSON line may choose.
const maxIgnored = 200

// add notes a column that is ignored, because of another one if first is set.
func (n *ignoredNames) add(name, first string) {
	if len(n.seen) >= maxIgnored || slices.Contains(n.seen, name) {
		return
	}
	n.seen = append(n.seen, name)
	if first != "" {
		n.second = append(n.second, fmt.Sprintf("%q (%q comes first)", name, first))
	} else {
		n.unknown = append(n.unknown, fmt.Sprintf("%q", name))
	}
}

func (n *ignoredNames) text() string {
	var parts []string
	if len(n.unknown) > 0 {
		parts = append(parts, "not imported, because no profile field has that name: "+strings.Join(n.unknown, ", "))
	}
	if len(n.second) > 0 {
		parts = append(parts, "not imported, because another column goes to the same field: "+strings.Join(n.second, ", "))
	}
	if len(n.further) > 0 {
		parts = append(parts, "taken only where another column for the same is empty: "+strings.Join(n.further, ", "))
	}
	return strings.Join(parts, "; ")
}
