package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
	"sallyport/store/memory"
)

const alice = "00ualice000000000001"

// source answers as a test says.
type source struct {
	mu     sync.Mutex
	people map[string]*identity.Person
	err    error
	asked  int
	before func(ctx context.Context) // runs in each reading
}

func (s *source) Person(ctx context.Context, id string) (*identity.Person, error) {
	s.mu.Lock()
	s.asked++
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	p, ok := s.people[id]
	if !ok {
		return nil, fmt.Errorf("test: %w", idp.ErrNotFound)
	}
	return identity.NewPerson(*p), nil
}

func (s *source) Check(context.Context) error { return s.err }

func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func person(groups ...string) *identity.Person {
	p := identity.Person{ID: alice, Login: "alice@example.com", Status: identity.StatusActive}
	for _, g := range groups {
		p.Groups = append(p.Groups, identity.Group{ID: "00g" + g, Name: g})
	}
	return &p
}

// rig is a store, a source and a clock that several directories share, as
// replicas do.
type rig struct {
	t      *testing.T
	store  store.Store
	source *source
	mu     sync.Mutex
	clock  time.Time
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, source: &source{people: map[string]*identity.Person{alice: person("admins")}}, clock: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	r.store = memory.New(memory.Options{Now: r.now})
	t.Cleanup(func() { _ = r.store.Close() })
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// replica returns a directory that is not started.
func (r *rig) replica() *Directory {
	r.t.Helper()
	d, err := New(Options{Source: r.source, Store: r.store, Now: r.now})
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *rig) started() *Directory {
	r.t.Helper()
	d := r.replica()
	if err := d.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(d.Stop)
	return d
}

func (r *rig) read(d *Directory) *identity.Person {
	r.t.Helper()
	p, err := d.Read(context.Background(), alice)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// changes collects what OnChange told; next waits for one more.
type changes chan string

func watch(d *Directory) changes {
	c := make(changes, 1000)
	d.OnChange(func(id string) { c <- id })
	return c
}

func (c changes) next(t *testing.T) string {
	t.Helper()
	select {
	case id := <-c:
		return id
	case <-time.After(10 * time.Second):
		t.Fatal("no change was told")
		return ""
	}
}

func (c changes) none(t *testing.T) {
	t.Helper()
	select {
	case id := <-c:
		t.Errorf("a change of %q was told", id)
	default:
	}
}

// eventually waits for what another goroutine is about to do.
func eventually(done func() bool) bool {
	for range 10_000 {
		if done() {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func TestReadStoresPublishesAndReturns(t *testing.T) {
	r := newRig(t)
	d := r.started()
	if p, known := d.Known(alice); p != nil || known {
		t.Errorf("before any reading: %v, %v", p, known)
	}
	told := watch(d)
	got := r.read(d)
	if !got.HasGroup("admins") || !got.ReadAt.Equal(r.now()) || got.Version == 0 {
		t.Errorf("got %+v", got)
	}
	if d.Person(alice) != got {
		t.Error("the view does not hold what was returned")
	}
	if id := told.next(t); id != alice {
		t.Errorf("told a change of %q", id)
	}
	if _, err := r.store.Get(context.Background(), Kind, alice); err != nil {
		t.Errorf("store: %v", err)
	}
}

func TestRestartServesTheLastAtOnce(t *testing.T) {
	r := newRig(t)
	first := r.started()
	want := r.read(first)
	first.Stop()
	r.source.set(func() { r.source.err = idp.ErrUnavailable })
	d := r.started()
	got := d.Person(alice)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(identity.Person{})); diff != "" {
		t.Errorf("person after a restart (-before +after):\n%s", diff)
	}
	if !got.HasGroup("admins") {
		t.Error("groups are not indexed after a restart")
	}
	if n := r.source.count(); n != 1 {
		t.Errorf("the source was asked %d times, want once", n)
	}
}

func TestVersionGrowsOnlyWithAChange(t *testing.T) {
	r := newRig(t)
	d := r.started()
	told := watch(d)
	first := r.read(d)
	told.next(t)
	last := first.Version
	for _, c := range []struct {
		name   string
		change func(*identity.Person)
		grows  bool
	}{
		{"nothing", func(*identity.Person) {}, false},
		{"order of groups", func(p *identity.Person) {
			p.Groups = []identity.Group{{ID: "00gb", Name: "b"}, {ID: "00ga", Name: "a"}}
		}, true},
		{"other order", func(p *identity.Person) { slices.Reverse(p.Groups) }, false},
		{"group renamed", func(p *identity.Person) { p.Groups[0].Name = "z" }, true},
		{"group left", func(p *identity.Person) { p.Groups = p.Groups[:1] }, true},
		{"status", func(p *identity.Person) { p.Status = identity.StatusSuspended }, true},
		{"e-mail", func(p *identity.Person) { p.Email = "a@b.example" }, true},
		{"name", func(p *identity.Person) { p.Name = "A" }, true},
		{"login", func(p *identity.Person) { p.Login = "a" }, true},
		{"attribute", func(p *identity.Person) { p.Profile = map[string][]string{"department": {"tea"}} }, true},
		{"attribute's value", func(p *identity.Person) { p.Profile = map[string][]string{"department": {"hats"}} }, true},
		{"nothing again", func(*identity.Person) {}, false},
	} {
		r.advance(time.Second)
		r.source.set(func() { c.change(r.source.people[alice]) })
		p := r.read(d)
		if grew := p.Version > last; grew != c.grows || p.Version < last {
			t.Errorf("%s: version went from %d to %d", c.name, last, p.Version)
		}
		if c.grows {
			told.next(t)
		}
		told.none(t)
		if !p.ReadAt.Equal(r.now()) || d.Person(alice) != p {
			t.Errorf("%s: read at %v, published %v", c.name, p.ReadAt, d.Person(alice) == p)
		}
		last = p.Version
	}
}

func TestNobodyIsRememberedAsNobody(t *testing.T) {
	r := newRig(t)
	a, b := r.started(), r.started()
	toldB := watch(b)
	before := r.read(a)
	toldB.next(t)
	r.advance(time.Minute)
	r.source.set(func() { r.source.people = nil })
	if p, err := a.Read(context.Background(), alice); p != nil || !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("got %v, %v; want ErrNotFound", p, err)
	}
	toldB.next(t)
	for name, d := range map[string]*Directory{"the one that asked": a, "a replica": b, "one started later": r.started()} {
		if p, known := d.Known(alice); p != nil || !known {
			t.Errorf("%s: %v, known %v; want nobody, known", name, p, known)
		}
	}
	r.advance(time.Minute)
	r.source.set(func() { r.source.people = map[string]*identity.Person{alice: person("admins")} })
	if after := r.read(a); after.Version <= before.Version {
		t.Errorf("version went from %d to %d through an absence", before.Version, after.Version)
	}
}

func TestSilenceOfTheSourceKeepsTheLast(t *testing.T) {
	for name, err := range map[string]error{
		"unavailable": &idp.UnavailableError{What: "down", RetryAfter: time.Minute},
		"untrusted":   &idp.InvalidError{What: "another person"},
		"anything":    errors.New("oops"),
	} {
		r := newRig(t)
		d := r.started()
		want := r.read(d)
		told := watch(d)
		r.source.set(func() { r.source.err = err })
		if p, got := d.Read(context.Background(), alice); p != nil || !errors.Is(got, err) {
			t.Errorf("%s: got %v, %v", name, p, got)
		}
		if d.Person(alice) != want {
			t.Errorf("%s: what was known is gone", name)
		}
		told.none(t)
		if got := d.Check(context.Background()); !errors.Is(got, err) {
			t.Errorf("%s: Check says %v", name, got)
		}
	}
}

func TestAnswerAboutSomebodyElseIsNotTaken(t *testing.T) {
	r := newRig(t)
	d := r.started()
	other := person("admins")
	other.ID = "00ubob"
	r.source.set(func() { r.source.people[alice] = other })
	var bad *idp.InvalidError
	if p, err := d.Read(context.Background(), alice); !errors.As(err, &bad) {
		t.Errorf("got %v, %v; want an InvalidError", p, err)
	}
	if p, known := d.Known(alice); p != nil || known {
		t.Errorf("published %v", p)
	}
	if _, err := d.Read(context.Background(), ""); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("no id: %v", err)
	}
}

func TestReplicasSeeEachOthersReadings(t *testing.T) {
	r := newRig(t)
	a, b := r.started(), r.started()
	told := watch(b)
	r.read(a)
	told.next(t)
	if !b.Person(alice).HasGroup("admins") {
		t.Error("the replica does not know the person")
	}
	r.advance(time.Second)
	r.source.set(func() { r.source.people[alice] = person("tea") })
	want := r.read(a)
	told.next(t)
	if got := b.Person(alice); got.HasGroup("admins") || !got.HasGroup("tea") || got.Version != want.Version {
		t.Errorf("the replica knows %+v", got)
	}
}

// Both replicas ask at once; the answers come in the other order.
func TestEarlierReadingDoesNotUndoALaterOne(t *testing.T) {
	r := newRig(t)
	slow, fast := r.started(), r.started()
	toldSlow := watch(slow)
	r.read(fast)
	toldSlow.next(t)

	entered, leave := make(chan struct{}), make(chan struct{})
	stale := &source{people: map[string]*identity.Person{alice: person("admins")}, before: func(context.Context) {
		close(entered)
		<-leave
	}}
	slow.source = stale
	result := make(chan *identity.Person)
	r.advance(time.Second)
	go func() {
		p, _ := slow.Read(context.Background(), alice)
		result <- p
	}()
	<-entered
	r.advance(time.Second)
	r.source.set(func() { r.source.people[alice] = person() }) // left the group meanwhile
	r.read(fast)
	toldSlow.next(t)
	close(leave)
	if p := <-result; p.HasGroup("admins") {
		t.Errorf("the slow reading returned %+v", p)
	}
	for name, d := range map[string]*Directory{"slow": slow, "fast": fast} {
		if d.Person(alice).HasGroup("admins") {
			t.Errorf("%s replica went back to the earlier reading", name)
		}
	}
}

func TestConcurrentReadingsShareOneAnswer(t *testing.T) {
	r := newRig(t)
	d := r.started()
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.source.before = func(context.Context) {
		once.Do(func() { close(entered) })
		<-leave
	}
	first, cancel := context.WithCancel(context.Background())
	firstErr := make(chan error)
	go func() {
		_, err := d.Read(first, alice)
		firstErr <- err
	}()
	<-entered
	cancel() // whoever came first goes away
	if err := <-firstErr; !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("the one that went: %v", err)
	}
	var wg sync.WaitGroup
	var joined atomic.Int32
	for range 50 {
		wg.Go(func() {
			joined.Add(1)
			if p, err := d.Read(context.Background(), alice); err != nil || !p.HasGroup("admins") {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
	for joined.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	close(leave)
	wg.Wait()
	if n := r.source.count(); n < 1 || n > 2 { // one that came after the end reads anew
		t.Errorf("the source was asked %d times", n)
	}
}

// T36: a thousand people at once, each read twice: each answer is about whom it
// was asked of, with their groups.
func TestManyPeopleAtOnceAreReadAsThemselves(t *testing.T) {
	const people = 1000
	r := newRig(t)
	for i := range people {
		id := fmt.Sprintf("00u%017d", i)
		r.source.people[id] = &identity.Person{
			ID: id, Login: id + "@example.com", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00g" + id, Name: "of " + id}},
		}
	}
	d := r.started()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 2 * people {
		wg.Go(func() {
			id := fmt.Sprintf("00u%017d", i%people)
			<-start
			read, err := d.Read(t.Context(), id)
			if err != nil {
				t.Errorf("%s: %v", id, err)
				return
			}
			for _, p := range []*identity.Person{read, d.Person(id)} {
				if p == nil || p.ID != id || p.Login != id+"@example.com" || len(p.Groups) != 1 || !p.HasGroup("of "+id) {
					t.Errorf("asked for %s, got %+v", id, p)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

func TestPanicOfASourceIsAnError(t *testing.T) {
	r := newRig(t)
	d := r.started()
	r.source.before = func(context.Context) { panic("nobody foresaw this") }
	for range 2 {
		if _, err := d.Read(context.Background(), alice); err == nil {
			t.Error("no error")
		}
	}
}

func TestForgetDropsEverywhere(t *testing.T) {
	r := newRig(t)
	a, b := r.started(), r.started()
	told := watch(b)
	before := r.read(a)
	told.next(t)
	a.Forget(alice)
	told.next(t)
	for name, d := range map[string]*Directory{"here": a, "replica": b, "started later": r.started()} {
		// The feed may still hold what came before the removal.
		if !eventually(func() bool { _, known := d.Known(alice); return !known }) {
			t.Errorf("%s: still known as %v", name, d.Person(alice))
		}
	}
	r.advance(time.Second)
	r.source.set(func() { r.source.people[alice] = person("tea") })
	if after := r.read(a); after.Version <= before.Version {
		t.Errorf("version %d was %d before forgetting: a number stands for two states", after.Version, before.Version)
	}
}

func TestTimeOfReadingAndRetentionReachTheStore(t *testing.T) {
	r := newRig(t)
	d := r.started()
	r.read(d)
	r.advance(time.Hour)
	want := r.read(d)
	if got := r.started().Person(alice); !got.ReadAt.Equal(want.ReadAt) || got.Version != want.Version {
		t.Errorf("after a restart read at %v, want %v", got.ReadAt, want.ReadAt)
	}
	r.advance(DefaultRetention - time.Second)
	if _, known := r.started().Known(alice); !known {
		t.Error("dropped before its time")
	}
	r.advance(2 * time.Second)
	if p, known := r.started().Known(alice); known {
		t.Errorf("somebody not read for %v is still stored: %v", DefaultRetention, p)
	}
}

// The view of the one that reads lags behind the store.
func TestUnchangedReadingBeatsAnOlderAnswerOfAReplica(t *testing.T) {
	r := newRig(t)
	lagging, other := r.replica(), r.started() // lagging follows no feed
	r.source.set(func() { r.source.people[alice] = person() })
	r.read(lagging)
	stale := person("admins")
	at := r.now().Add(time.Second)
	other.settle(context.Background(), alice, reading{person: stale, asked: at})
	r.advance(2 * time.Second)
	r.read(lagging) // says what it said before
	for name, d := range map[string]*Directory{"lagging": lagging, "started later": r.started()} {
		if d.Person(alice).HasGroup("admins") {
			t.Errorf("%s: the older answer of the other replica stands", name)
		}
	}
	other.settle(context.Background(), alice, reading{person: stale, asked: at}) // once more, late
	if r.started().Person(alice).HasGroup("admins") {
		t.Error("an answer from before undid a later one")
	}
}

func TestNewWithoutItsPartsFails(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("no error")
	}
}
