package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// faulty is a store whose calls fail while told to, and whose feeds can be
// broken.
type faulty struct {
	store.Store
	mu    sync.Mutex
	err   error
	feeds []context.CancelFunc
}

func (f *faulty) failing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) Put(ctx context.Context, r store.Record, e store.Expect) (store.Record, error) {
	if err := f.failing(); err != nil {
		return store.Record{}, err
	}
	return f.Store.Put(ctx, r, e)
}

func (f *faulty) PutAll(ctx context.Context, rs []store.Record) error {
	if err := f.failing(); err != nil {
		return err
	}
	return f.Store.PutAll(ctx, rs)
}

func (f *faulty) Get(ctx context.Context, k store.Kind, key string) (store.Record, error) {
	if err := f.failing(); err != nil {
		return store.Record{}, err
	}
	return f.Store.Get(ctx, k, key)
}

func (f *faulty) Scan(ctx context.Context, k store.Kind, prefix string, each func(store.Record) error) error {
	if err := f.failing(); err != nil {
		return err
	}
	return f.Store.Scan(ctx, k, prefix, each)
}

func (f *faulty) Watch(ctx context.Context, kinds ...store.Kind) (<-chan store.Change, error) {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	f.feeds = append(f.feeds, cancel)
	f.mu.Unlock()
	return f.Store.Watch(ctx, kinds...)
}

func (f *faulty) breakFeeds() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cancel := range f.feeds {
		cancel()
	}
	f.feeds = nil
}

func TestStoreThatFailsTakesNoReadingBack(t *testing.T) {
	r := newRig(t)
	f := &faulty{Store: r.store}
	r.store = f
	d := r.started()
	r.read(d)
	f.fail(fmt.Errorf("test: %w", store.ErrUnavailable))
	r.advance(time.Second)
	r.source.set(func() { r.source.people[alice] = person() })
	if p := r.read(d); p.HasGroup("admins") || d.Person(alice) != p {
		t.Errorf("a removal did not take effect while the store was down: %+v", p)
	}
	f.fail(nil)
	r.advance(time.Second)
	want := r.read(d)
	if got := r.started().Person(alice); got == nil || got.HasGroup("admins") || got.Version != want.Version {
		t.Errorf("after recovery the store holds %+v, want version %d", got, want.Version)
	}
}

func TestStartFailsWhenTheStoreCannotBeRead(t *testing.T) {
	r := newRig(t)
	f := &faulty{Store: r.store, err: store.ErrUnavailable}
	r.store = f
	d := r.replica()
	if err := d.Start(context.Background()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	d.Stop()
}

func TestBrokenFeedIsTakenUpAnewWithoutAGap(t *testing.T) {
	r := newRig(t)
	f := &faulty{Store: r.store}
	writer := r.started() // on the sound store
	r.store = f
	d := r.started()
	told := watch(d)
	r.read(writer)
	told.next(t)
	f.breakFeeds()
	r.advance(time.Second)
	r.source.set(func() { r.source.people[alice] = person("tea") })
	r.read(writer)
	told.next(t)
	if !d.Person(alice).HasGroup("tea") {
		t.Errorf("missed what happened while the feed was broken: %+v", d.Person(alice))
	}
	f.breakFeeds()
	writer.Forget(alice)
	told.next(t)
	if _, known := d.Known(alice); known {
		t.Error("missed a removal while the feed was broken")
	}
}

func TestStopEndsFollowingAndMayComeTwice(t *testing.T) {
	r := newRig(t)
	d := r.started()
	r.read(d)
	d.Stop()
	d.Stop()
	if d.Person(alice) == nil {
		t.Error("a stopped directory forgot")
	}
	r.replica().Stop()
}

func TestUnreadableRecordLeavesItsPersonUnknown(t *testing.T) {
	for name, value := range map[string]string{
		"garbage": `{`, "another person": `{"person":{"id":"00ubob","status":"ACTIVE"}}`, "text": `"x"`,
	} {
		r := newRig(t)
		if _, err := r.store.Put(context.Background(), store.Record{Kind: Kind, Key: alice, Value: []byte(value)}, store.Any); err != nil {
			t.Fatal(err)
		}
		d := r.started()
		if p, known := d.Known(alice); known {
			t.Errorf("%s: known as %v", name, p)
		}
		r.read(d)
		if !d.Person(alice).HasGroup("admins") {
			t.Errorf("%s: a new reading does not mend it", name)
		}
	}
}

// Readers of the view run beside every kind of writer (for -race).
func TestViewIsReadBesideItsWriters(t *testing.T) {
	r := newRig(t)
	a, b := r.started(), r.started()
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if p := b.Person(alice); p != nil && p.ID != alice {
					t.Error("somebody else's entry")
				}
			}
		})
	}
	for i := range 4 {
		d := []*Directory{a, b}[i%2]
		writers.Go(func() {
			for n := range 50 {
				r.advance(time.Millisecond)
				r.source.set(func() { r.source.people = map[string]*identity.Person{alice: person(fmt.Sprint("g", n))} })
				if _, err := d.Read(context.Background(), alice); err != nil && !errors.Is(err, idp.ErrNotFound) {
					t.Error(err)
				}
				if n%10 == 0 {
					d.Forget(alice)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	r.advance(time.Second)
	want := r.read(a)
	if !eventually(func() bool { p := b.Person(alice); return p != nil && p.Version == want.Version }) {
		t.Errorf("replicas differ: %+v and %+v", b.Person(alice), want)
	}
}

func BenchmarkPerson(b *testing.B) {
	r := &rig{clock: time.Unix(1, 0)}
	d := &Directory{now: r.now}
	for i := range 100_000 {
		id := fmt.Sprintf("00u%017d", i)
		d.people.Store(id, &entry{record: record{Person: identity.NewPerson(identity.Person{ID: id})}})
	}
	id := fmt.Sprintf("00u%017d", 77_777)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if d.Person(id) == nil {
				b.Fatal("not there")
			}
		}
	})
}
