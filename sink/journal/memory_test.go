package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// A memory is a Keeper that has no files. A report is made of chunks, each of them what
// one Sync brought.
type memory struct {
	mu      sync.Mutex // over all of it
	reports map[string]*kept
	holders map[string]*holder
	aside   map[string][]string
	alive   time.Time // of whoever had a report before
}

// kept is a report, as those find it who come after a kill.
type kept struct {
	chunks   [][]byte
	replaced time.Time // zero: something was written since
}

func newMemory() *memory {
	return &memory{reports: map[string]*kept{}, holders: map[string]*holder{}, aside: map[string][]string{}}
}

// kill ends who holds a report, as kill -9 does: what was not synced is gone.
func (m *memory) kill(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.holders, name)
}

// chunks are what is kept of a report.
func (m *memory) chunks(name string) [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.reports[name].chunks)
}

func (m *memory) text(name string) []byte { return slices.Concat(m.chunks(name)...) }

func (m *memory) Read(name string, _ bool) (Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.reports[name]
	if r == nil {
		return nil, fmt.Errorf("the report %s: %w", name, fs.ErrNotExist)
	}
	return &memoryReading{m: m, kept: r}, nil
}

func (m *memory) Hold(name string, _ bool) (Held, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holders[name] != nil {
		return nil, &LockedError{Report: name, PID: 7}
	}
	m.holders[name] = &holder{memory: m, name: name}
	return m.holders[name], nil
}

func (m *memory) Aside(name string) ([]string, error) { return m.aside[name], nil }
func (m *memory) Beside(string) []string              { return nil }
func (m *memory) Foreign(string) error                { return nil }

func (m *memory) Unchanged(name string, since time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reports[name].replaced.Equal(since), nil
}

// A memoryReading reads what is kept, and behind it what its own writer has not synced.
type memoryReading struct {
	m       *memory
	kept    *kept
	at      int64
	pending []byte
	closed  bool
}

func (r *memoryReading) Read(b []byte) (int, error) {
	n, err := r.ReadAt(b, r.at)
	r.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (r *memoryReading) ReadAt(b []byte, at int64) (int, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	return bytes.NewReader(append(slices.Concat(r.kept.chunks...), r.pending...)).ReadAt(b, at)
}

func (r *memoryReading) Close() error {
	if r.closed {
		return errors.New("closed twice")
	}
	r.closed = true
	return nil
}

// A holder is a name that is held, and what is written to its report.
type holder struct {
	*memory
	name string
	memoryReading
}

var errKilled = errors.New("another run has taken the report over; nothing was sent since")

// fenced is an error where another has the name by now. The caller holds mu.
func (h *holder) fenced() error {
	if h.holders[h.name] != h {
		return &KeeperError{fmt.Errorf("the report %s: %w", h.name, errKilled)}
	}
	return nil
}

func (h *holder) Alive() time.Time { return h.alive }

func (h *holder) Open() (Writing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reports[h.name] == nil {
		h.reports[h.name] = &kept{}
	}
	h.memoryReading = memoryReading{m: h.memory, kept: h.reports[h.name]}
	return h, h.fenced()
}

func (h *holder) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending = append(h.pending, b...)
	return len(b), nil
}

func (h *holder) Sync() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.fenced(); err != nil || len(h.pending) == 0 {
		return err
	}
	h.kept.chunks, h.kept.replaced = append(h.kept.chunks, h.pending), time.Time{}
	h.pending = nil
	return nil
}

func (h *holder) Read(b []byte) (int, error) { return h.memoryReading.Read(b) }

func (h *holder) Untouched(size int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(slices.Concat(h.kept.chunks...)) + len(h.pending); int64(n) != size {
		return fmt.Errorf("the report %s has %d bytes, want %d", h.name, n, size)
	}
	return nil // who has it Sync tells
}

func (h *holder) Cut(size int64) error {
	return fmt.Errorf("no line is torn, but behind byte %d", size)
}
func (h *holder) Replace(at time.Time, write func(io.Writer, io.Reader) error) error {
	var anew bytes.Buffer
	for range 2 { // as where the first attempt could not be committed
		old, err := h.memory.Read(h.name, false)
		if err != nil {
			return err
		}
		anew.Reset()
		if err := write(&anew, old); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reports[h.name] = &kept{chunks: [][]byte{anew.Bytes()}, replaced: at}
	return h.fenced()
}

func (h *holder) SetAside() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.reports[h.name]
	if r == nil {
		return "", nil
	}
	name := fmt.Sprintf("%s.%d", h.name, len(h.aside[h.name])+1)
	h.aside[h.name] = append(h.aside[h.name], name)
	h.reports[name] = r
	delete(h.reports, h.name)
	return name, h.fenced()
}

func (h *holder) Remove() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.reports, h.name)
	return h.fenced()
}

func (h *holder) Release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.fenced()
	if err == nil {
		delete(h.holders, h.name)
	}
	return err
}
