package main

import (
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// newSleep returns a function that sleeps, for one goroutine. Go's timers are up to
// a millisecond late where nothing else wakes the process, and so are all that
// come in that millisecond: it would be a twentieth of what is measured. A timer of
// the kernel that the poller waits for is late by some microseconds.
func newSleep() (func(time.Duration), error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	timer := os.NewFile(uintptr(fd), "timerfd")
	expired := make([]byte, binary.Size(uint64(0)))
	return func(d time.Duration) {
		if d <= 0 {
			return
		}
		if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil); err == nil {
			_, err = timer.Read(expired)
			if err == nil {
				return
			}
		}
		time.Sleep(d)
	}, nil
}
