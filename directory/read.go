package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

const (
	readTimeout  = 30 * time.Second // one reading, whoever waits for it
	storeTimeout = 5 * time.Second
	writeTries   = 5
)

// Read asks the source for a person, stores and publishes what it said, and
// returns it. Those who ask for the same person meanwhile get the same answer.
// The reading is not given up when ctx ends, only the waiting for it.
//
// idp.ErrNotFound: there is no such person, and everybody who asks Person is told
// so from now on. Any other error leaves what was known in place.
func (d *Directory) Read(ctx context.Context, id string) (*identity.Person, error) {
	if id == "" {
		return nil, fmt.Errorf("directory: no id: %w", idp.ErrNotFound)
	}
	f := d.flights.join(id, func() (*identity.Person, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return d.read(ctx, id)
	})
	select {
	case <-f.done:
		return f.person, f.err
	case <-ctx.Done():
		return nil, &idp.UnavailableError{What: "directory: no answer in time", Err: ctx.Err()}
	}
}

func (d *Directory) read(ctx context.Context, id string) (*identity.Person, error) {
	asked, attributes := d.now(), d.relevant().Attributes
	person, attributes, err := d.ask(ctx, id, attributes)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		person = nil
	case err != nil:
		d.log.Warn("person could not be read, what was known stands", "person", id, "error", err)
		return nil, err
	case person == nil || person.ID != id:
		return nil, &idp.InvalidError{What: fmt.Sprintf("asked for person %q, got another", id)}
	}
	settled := d.settle(ctx, id, reading{person, attributes, asked})
	if settled.Person == nil {
		return nil, fmt.Errorf("directory: person %q: %w", id, idp.ErrNotFound)
	}
	return settled.Person, nil
}

// ask asks for a person with all their groups. Of somebody whose status a
// directory of everybody knows, the groups alone are asked for: one request.
// Returned with them is which attributes of the profile the answer has.
func (d *Directory) ask(ctx context.Context, id string, attributes []string) (*identity.Person, []string, error) {
	source, _ := d.listing()
	snap := d.whole()
	if age, whole := d.Age(); source == nil || snap == nil || !whole || age > WarnAge {
		person, err := d.source.Person(ctx, id)
		return person, attributes, err
	}
	known := snap.Person(id)
	if known == nil {
		person, err := d.source.Person(ctx, id)
		return person, attributes, err
	}
	groups, err := source.GroupsOf(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	person := *known
	person.Groups, person.Apps = groups, nil
	return &person, d.state.Load().Attributes, nil
}

// reading is an answer about one person; nil is nobody.
type reading struct {
	person     *identity.Person
	attributes []string // that were asked for
	asked      time.Time
}

// settle stores and publishes what was read at that time and returns what stands
// then: the reading, or a later one of another replica. An unchanged person is
// written too, since it is the time of reading that keeps a slower replica from
// putting an older answer over it. A store that fails takes nothing back: what
// was read counts here, and is stored next time.
func (d *Directory) settle(ctx context.Context, id string, r reading) *entry {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	standing := d.entry(id)
	for range writeTries {
		if standing != nil && standing.ReadAt.After(r.asked) {
			return d.publish(id, standing)
		}
		next := standing.next(r)
		err := d.write(ctx, id, next)
		if err == nil {
			return d.publish(id, next)
		}
		if errors.Is(err, store.ErrConflict) {
			if standing, err = d.stored(ctx, id); err == nil {
				continue
			}
		}
		d.log.Warn("person could not be stored, the reading counts on this replica", "person", id, "error", err)
		return d.publish(id, next)
	}
	d.log.Warn("person could not be stored for conflicts, the reading counts on this replica", "person", id)
	return d.publish(id, standing.next(r))
}

// write stores e over the version it follows and notes the new one in it.
func (d *Directory) write(ctx context.Context, id string, e *entry) error {
	r, err := e.encode(id, d.retention)
	if err != nil {
		return err
	}
	expect := store.Absent
	if e.version != 0 {
		expect = store.Is(e.version)
	}
	if r, err = d.store.Put(ctx, r, expect); err != nil {
		return err
	}
	e.version = r.Version
	return nil
}

// stored returns the record that stands in the store; nil for none. What this
// replica knows without the store's knowing keeps its place in the count.
func (d *Directory) stored(ctx context.Context, id string) (*entry, error) {
	r, err := d.store.Get(ctx, Kind, id)
	if errors.Is(err, store.ErrNotFound) {
		if known := d.entry(id); known != nil {
			return &entry{record: known.record}, nil
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeEntry(r)
}

func (d *Directory) entry(id string) *entry {
	v, ok := d.people.Load(id)
	if !ok {
		return nil
	}
	return v.(*entry)
}

// publish makes e what is known, unless something newer is, and tells the change.
func (d *Directory) publish(id string, e *entry) *entry {
	d.publishing.Lock()
	was := d.entry(id)
	if was != nil && newer(was, e) {
		d.publishing.Unlock()
		return was
	}
	d.people.Store(id, e)
	d.namesakes.note(e.Person)
	d.lay(id, e)
	d.publishing.Unlock()
	if was == nil || !same(was.Person, e.Person) {
		d.changed(id)
	}
	return e
}

// newer reports whether a stands against b. Versions of the store are in order;
// of two that are no different there, or never reached it, the later reading
// counts, and what is published already where that is the same too.
func newer(a, b *entry) bool {
	switch {
	case a.version != 0 && b.version != 0 && a.version != b.version:
		return a.version > b.version
	case a.version == b.version && a.version != 0:
		return !b.ReadAt.After(a.ReadAt)
	}
	return a.ReadAt.After(b.ReadAt)
}
