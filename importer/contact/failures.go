package contact

import "strings"

// A FailureLine is a group of rows that are not as they should be, as a summary shows it
// to programs.
type FailureLine struct {
	Status  string `json:"status"` // of the rows; empty in the group of all that fit nowhere else
	Field   string `json:"field"`
	HTTP    int    `json:"http,omitzero"`
	Code    int    `json:"code,omitzero"`
	Count   int64  `json:"count"`
	Example string `json:"example"` // where the first stands, and what is wrong with it
	Hint    string `json:"hint"`
}

// FailureLines are the groups for programs, never nil. The text of an example and a hint
// may quote values of the source; without details they name places only.
func FailureLines(groups []FailureGroup, details bool) []FailureLine {
	lines := make([]FailureLine, 0, len(groups))
	for _, g := range groups {
		l := FailureLine{Field: g.Field, HTTP: g.HTTP, Code: g.Code, Count: g.Count}
		if g.Status != 0 {
			l.Status = g.Status.String()
		}
		if len(g.Examples) > 0 {
			l.Example = g.Examples[0].Place.String()
			if details && g.Examples[0].Detail != "" {
				l.Example += ": " + g.Examples[0].Detail
			}
		}
		if details {
			l.Hint = strings.TrimSpace(g.Hint)
		}
		lines = append(lines, l)
	}
	return lines
}
