package telemetry

import (
	"io"
	"sync"
	"sync/atomic"
)

// asyncLines is how many lines may wait for a slow log; at 400 bytes a line
// that is some 1.6 MB.
const asyncLines = 4096

// AsyncWriter hands lines to one goroutine, so that no request waits for a
// disk or a terminal. When the queue is full or the log fails, lines are
// dropped and counted.
type AsyncWriter struct {
	out     io.Writer
	lines   chan []byte
	done    chan struct{}
	mu      sync.RWMutex // held for writing only by Close
	closed  bool
	dropped atomic.Uint64
}

// NewAsyncWriter starts the goroutine; Close ends it.
func NewAsyncWriter(out io.Writer) *AsyncWriter {
	w := &AsyncWriter{out: out, lines: make(chan []byte, asyncLines), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *AsyncWriter) run() {
	defer close(w.done)
	for line := range w.lines {
		if _, err := w.out.Write(line); err != nil {
			w.dropped.Add(1)
		}
	}
}

// Write queues a copy of p. It never fails and never blocks.
func (w *AsyncWriter) Write(p []byte) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		w.dropped.Add(1)
		return len(p), nil
	}
	select {
	case w.lines <- append([]byte(nil), p...):
	default:
		w.dropped.Add(1)
	}
	return len(p), nil
}

// Dropped is how many lines were lost so far.
func (w *AsyncWriter) Dropped() uint64 { return w.dropped.Load() }

// Close writes what is queued and ends the goroutine. It may be called twice.
func (w *AsyncWriter) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.lines)
	}
	w.mu.Unlock()
	<-w.done
	return nil
}
