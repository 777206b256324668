package directory

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sallyport/store"
)

// T46: a store that fails is not taken for a source that does: nothing asked of
// the log waits longer than for the store itself, and the source is left in peace
// meanwhile.
func TestT46StoreThatFailsDelaysNothingOnceItIsBack(t *testing.T) {
	w := newWorld(t, 5)
	f := &faulty{Store: w.store}
	w.start()
	w.run(2 * time.Minute)
	w.d.store = f
	out := w.org.addPerson("ACTIVE")
	w.run(10 * time.Second)
	if w.d.snap.Load().Person(out) == nil {
		t.Fatal("somebody new is not known")
	}

	f.fail(fmt.Errorf("test: %w", store.ErrUnavailable))
	w.org.status(out, "SUSPENDED", eventSuspend)
	before := w.org.asked["log"]
	for end := w.org.now.Add(5 * time.Minute); w.org.now.Before(end); {
		if err := w.s.hold(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.org.tick(max(min(w.s.step(context.Background()), time.Second), time.Millisecond))
	}
	if n := w.org.asked["log"] - before; n < 10 || n > 200 {
		t.Errorf("the log was read %d times in 5 minutes without a store, expected one in 2 s at most", n)
	}
	if b := w.s.blocked; len(b) > 0 {
		t.Errorf("the source is left alone for the store: %+v", b)
	}
	if p := w.d.snap.Load().Person(out); p == nil || p.Status != "ACTIVE" {
		t.Errorf("what is not stored was published: %+v", p)
	}
	if _, ok := w.d.problem.(*storeError); !ok {
		t.Errorf("the problem is told as %v, expected the store's", w.d.problem)
	}

	f.fail(nil)
	w.run(5 * time.Second)
	if p := w.d.snap.Load().Person(out); p == nil || p.Status != "SUSPENDED" {
		t.Errorf("5 s after the store came back: %+v, expected a suspended person", p)
	}
}
