// Package lane has things wait for their time, and sees to a few of them at once.
package lane

import (
	"container/heap"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Lane is where items wait until something is to be done about them.
type Lane[T any] struct {
	Max     int               // items that it holds before no more may enter
	Workers int               // that see to items at once
	At      func(T) time.Time // when something is to be done about an item; it stays the same while the item waits
	Do      func(T) bool      // does it, and is true where the item waits again. Called from several goroutines
	Holds   func(items int)   // is told how many the lane holds
}

// A seenTo is an item about which something was done.
type seenTo[T any] struct {
	item  T
	again bool // it waits again
}

// Run takes items as they come, sees to each when its time is there, and returns when in is
// closed and none is left. When stop is closed the rest goes through without waiting.
func (l Lane[T]) Run(in <-chan T, stop <-chan struct{}) {
	due := make(chan T) // closed below, when the lane is empty
	done := make(chan seenTo[T])
	var workers errgroup.Group
	for range l.Workers {
		workers.Go(func() error {
			for item := range due {
				done <- seenTo[T]{item, l.Do(item)}
			}
			return nil
		})
	}
	waiting := &queue[T]{at: l.At}
	busy, stopped := 0, false
	for in != nil || waiting.Len()+busy > 0 {
		l.Holds(waiting.Len() + busy)
		source := in
		if waiting.Len()+busy >= l.Max {
			source = nil
		}
		next, head, timer := waiting.next(due, stopped)
		var later <-chan time.Time
		if timer != nil {
			later = timer.C
		}
		select {
		case item, ok := <-source:
			if !ok {
				in = nil
				break
			}
			heap.Push(waiting, item)
		case next <- head:
			heap.Pop(waiting)
			busy++
		case seen := <-done:
			busy--
			if seen.again {
				heap.Push(waiting, seen.item)
			}
		case <-later:
		case <-stop:
			stop, stopped = nil, true
		}
		if timer != nil {
			timer.Stop()
		}
	}
	l.Holds(0)
	close(due)
	_ = workers.Wait() // workers return no error
}

// A queue is ordered by the time of its items.
type queue[T any] struct {
	items []T
	at    func(T) time.Time
}

// next is the item that comes first and where it goes: nowhere before its time, which the
// timer tells. Without a timer there is nothing to wait for.
func (q *queue[T]) next(due chan<- T, now bool) (to chan<- T, head T, timer *time.Timer) {
	if q.Len() == 0 {
		return nil, head, nil
	}
	head = q.items[0]
	if pause := time.Until(q.at(head)); pause > 0 && !now {
		return nil, head, time.NewTimer(pause)
	}
	return due, head, nil
}

func (q *queue[T]) Len() int           { return len(q.items) }
func (q *queue[T]) Less(i, j int) bool { return q.at(q.items[i]).Before(q.at(q.items[j])) }
func (q *queue[T]) Swap(i, j int)      { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue[T]) Push(x any)         { q.items = append(q.items, x.(T)) }
func (q *queue[T]) Pop() any {
	last := len(q.items) - 1
	item := q.items[last]
	var none T
	q.items[last] = none
	q.items = q.items[:last]
	return item
}
