package files

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxDigits bounds the numbers: a longer one is a date or a time that somebody else put
// behind a name.
const maxDigits = 7

// Numbered lists the files that were set aside under a name, path.1, path.2 …, the
// lowest number first. It reads the folder once, however many there are.
func Numbered(path string) (paths []string, err error) {
	dir, name := filepath.Split(path)
	all, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		number, ok := strings.CutPrefix(e.Name(), name+".")
		if ok && number != "" && len(number) <= maxDigits && number[0] != '0' && strings.Trim(number, "0123456789") == "" {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return paths, nil
}

// NextNumbered is the name under which path is set aside: the number behind the highest
// that is there, so that their order is that of time when some of them were deleted.
func NextNumbered(path string) (string, error) {
	there, err := Numbered(path)
	if err != nil {
		return "", err
	}
	last := 0
	if len(there) > 0 {
		if last, err = strconv.Atoi(strings.TrimPrefix(filepath.Ext(there[len(there)-1]), ".")); err != nil {
			return "", err // digits are one
		}
	}
	return fmt.Sprintf("%s.%d", path, last+1), nil
}
