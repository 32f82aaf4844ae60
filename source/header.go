package source

import (
	"fmt"
	"strconv"
)

// ParseHeaderRow reads the value of --header-row: the number of a line, from 1, or
// auto, which is 0.
func ParseHeaderRow(s string) (int, error) {
	if s == "auto" || s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxHeaderRow {
		return 0, fmt.Errorf("%q is not the number of a line; want 1 to %d, or auto", s, maxHeaderRow)
	}
	return n, nil
}

// maxHeaderRow bounds what is looked through for a header that is named.
const maxHeaderRow = 1000

// headerLines is how many of the first lines the header is looked for in.
const headerLines = 20

// findHeader returns which of the first rows of a table, headerLines at most, is its
// header. Rows hold the cells of a line; a blank line is a row without cells.
func findHeader(rows [][]string) int {
	return 0
}
