package contact

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxErrors is a bound on the rows that are refused: a number, or a share. Beyond one a
// run stops; within another it counts as a success all the same.
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
	return settled >= minForShare && m.isMore(refused, settled)
}

// Allows tells whether so many refused are no more than that, of so many rows that were
// read.
func (m MaxErrors) Allows(refused, read int64) bool {
	if !m.share {
		return refused <= m.rows
	}
	return !m.isMore(refused, read)
}

// isMore tells whether so many are more than the share. 29 of 100 are not more than 29%,
// which is 28.999999999999996 of them.
func (m MaxErrors) isMore(refused, of int64) bool {
	const rounding = 1e-9
	return 100*float64(refused) > m.percent*float64(of)*(1+rounding)
}
