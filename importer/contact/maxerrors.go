package contact

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxErrors is how many refused rows stop a run: more than a number, or more
// than a share of the rows settled so far.
type MaxErrors struct {
	share   bool
	percent float64 // 0 … 100
	rows    int64
}

// minForShare is how many rows must be settled before a share is judged: the
// first row of a file is no sample.
const minForShare = 100

// ParseMaxErrors reads "N", a number of rows from 0, or "P%", a share from 0 to
// 100.
func ParseMaxErrors(s string) (MaxErrors, error) {
	if p, ok := strings.CutSuffix(s, "%"); ok {
		percent, err := strconv.ParseFloat(p, 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return MaxErrors{}, fmt.Errorf("%q is no share of rows; want 0%% to 100%%", s)
		}
		return MaxErrors{share: true, percent: percent}, nil
	}
	rows, err := strconv.ParseInt(s, 10, 64)
	if err != nil || rows < 0 {
		return MaxErrors{}, fmt.Errorf("%q is neither a number of rows, such as 50, nor a share, such as 5%%", s)
	}
	return MaxErrors{rows: rows}, nil
}

func (m MaxErrors) String() string {
	if m.share {
		return strconv.FormatFloat(m.percent, 'f', -1, 64) + "%"
	}
	return strconv.FormatInt(m.rows, 10)
}

// Exceeded judges so many refused of so many settled rows.
func (m MaxErrors) Exceeded(refused, settled int64) bool {
	if !m.share {
		return refused > m.rows
	}
	return settled >= minForShare && float64(refused) > m.percent/100*float64(settled)
}
