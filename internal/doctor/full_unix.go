//go:build !windows

package doctor

import (
	"errors"
	"syscall"
)

// IsFull tells whether something could not be written because there is no room for it.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
