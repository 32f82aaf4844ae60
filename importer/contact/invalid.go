package contact

import (
	"time"
)

// OutcomeOf is the outcome of a row that is invalid.
func OutcomeOf(bad *RowError) *Outcome {
	return &Outcome{
		Row:     Row{Source: bad.Source, Line: bad.Line, Number: bad.Number, Profile: Profile{ContactIDs: bad.ContactIDs}, Raw: bad.Raw},
		Status:  Invalid,
		Failure: &Failure{Field: bad.Field, Detail: bad.Reason, Hint: bad.Hint},
		At:      time.Now(),
	}
}
