package doctor

import (
	"errors"

	"golang.org/x/sys/windows"
)

// IsFull tells whether something could not be written because there is no room for it.
func IsFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
