//go:build !linux

package main

import "time"

func newSleep() (func(time.Duration), error) { return time.Sleep, nil }
