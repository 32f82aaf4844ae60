package notes

import (
	"fmt"
	"slices"
	"strings"
)

// Ignored are the columns that go nowhere, each once. The zero value is ready.
type Ignored struct {
	// Like is the field that a name which no field has may be meant for; empty, or nil:
	// none.
	Like func(name string) string

	unknown []string
	second  []string // "B (A comes first)"
	further []string // of those that take several columns
	seen    []string
}

// maxIgnored bounds what is remembered of names that each JSON line may choose.
const maxIgnored = 200

// Add notes a column that is ignored, because of another one if first is set.
func (n *Ignored) Add(name, first string) {
	if len(n.seen) >= maxIgnored || slices.Contains(n.seen, name) {
		return
	}
	n.seen = append(n.seen, name)
	if first != "" {
		n.second = append(n.second, fmt.Sprintf("%q (%q comes first)", name, first))
	} else {
		text := fmt.Sprintf("%q", name)
		if n.Like != nil {
			if like := n.Like(name); like != "" {
				text += " (did you mean " + like + "?)"
			}
		}
		n.unknown = append(n.unknown, text)
	}
}

// AddFurther notes a column that counts where another one for the same is empty. It is
// false where too many were noted.
func (n *Ignored) AddFurther(name, first string) bool {
	if len(n.further) >= maxIgnored {
		return false
	}
	n.further = append(n.further, fmt.Sprintf("%q (%q comes first)", name, first))
	return true
}

// Text says it for people; empty where there are none.
func (n *Ignored) Text() string {
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
