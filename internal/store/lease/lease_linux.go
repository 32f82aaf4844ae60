package lease

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// now is how long the machine is up, the time that it was suspended included.
func now() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(t.Nano()), nil
}

// A kernelTimer is a timer of this process on the boot-time clock that sends SIGKILL. A
// child does not inherit it, and it goes with the process.
type kernelTimer struct{ id int32 }

// sigevent is what timer_create is told: the same on every architecture, but for the
// width of its first member.
type sigevent struct {
	value  uintptr
	signal int32
	notify int32
	_      [64 - unsafe.Sizeof(uintptr(0)) - 8]byte
}

// newKiller makes a timer that is not armed. Its error is why there is none, for people.
func newKiller() (killer, error) {
	if os.Getpid() == 1 {
		return nil, errors.New("this is process 1 of its container, which the kernel does not kill at its own timer: give the container an init (docker run --init; shareProcessNamespace: true in a pod)")
	}
	const notifyBySignal = 0 // SIGEV_SIGNAL
	event := sigevent{signal: int32(unix.SIGKILL), notify: notifyBySignal}
	var t kernelTimer
	if _, _, err := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&t.id))); err != 0 {
		return nil, fmt.Errorf("the kernel gives no timer on the boot-time clock: %w", os.NewSyscallError("timer_create", err))
	}
	return &t, nil
}

func (t *kernelTimer) arm(at time.Duration) error {
	if at <= 0 {
		return errors.New("a deadline before the start of the machine") // 0 would disarm it
	}
	return t.set(unix.NsecToTimespec(int64(at)))
}

func (t *kernelTimer) disarm() error { return t.set(unix.Timespec{}) }

func (t *kernelTimer) remove() error {
	if _, _, err := unix.Syscall(unix.SYS_TIMER_DELETE, uintptr(t.id), 0, 0); err != 0 {
		return os.NewSyscallError("timer_delete", err)
	}
	return nil
}

func (t *kernelTimer) set(at unix.Timespec) error {
	const absolute = 1 // TIMER_ABSTIME
	spec := unix.ItimerSpec{Value: at}
	if _, _, err := unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(t.id), absolute, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); err != 0 {
		return os.NewSyscallError("timer_settime", err)
	}
	return nil
}
