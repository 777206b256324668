package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// Everybody is all whom a directory knows at one moment. It does not change and
// is safe for concurrent use.
type Everybody struct {
	// Whole says that this is everybody there is; else only those are known who
	// were read one by one.
	Whole bool
	// AsOf is when what is said was last known to be so, by our clock: the log read
	// to its end, and the listings gone through. Of people read one by one it is
	// when the one was read whose reading is oldest. Zero: nobody is known.
	AsOf time.Time
	// Unread is how many groups have members that were not read yet: those that no
	// policy in force names come last.
	Unread int

	snap    *Snapshot
	entries map[string]*entry // of single people, in place of the snapshot's
}

// Everybody returns all whom the directory knows now.
func (d *Directory) Everybody() Everybody {
	st := d.state.Load()
	if snap := d.whole(); snap != nil && st != nil {
		return Everybody{Whole: true, AsOf: st.upTo(), Unread: snap.counts.Unread, snap: snap, entries: *d.overlay.Load()}
	}
	e := Everybody{entries: map[string]*entry{}}
	d.people.Range(func(id, v any) bool {
		single := v.(*entry)
		e.entries[id.(string)] = single
		if single.Person != nil && (e.AsOf.IsZero() || single.ReadAt.Before(e.AsOf)) {
			e.AsOf = single.ReadAt
		}
		return true
	})
	return e
}

// Each tells of everybody in no order until yield returns false. Nothing is kept
// of those who are told of: however many there are, it takes no memory.
func (e Everybody) Each(yield func(*identity.Person) bool) {
	for _, single := range e.entries {
		person := single.Person
		if e.snap != nil {
			person = e.snap.viewOver(single)
		}
		if person != nil && !yield(person) {
			return
		}
	}
	if e.snap == nil {
		return
	}
	for h := range handle(e.snap.people.n) {
		p := e.snap.people.at(h)
		if p == nil || !p.known || p.gone || e.entries[p.ID] != nil {
			continue
		}
		if !yield(e.snap.passing(p)) {
			return
		}
	}
}

// passing is view without remembering what was made.
func (s *Snapshot) passing(p *personNode) *identity.Person {
	if was := p.made.Load(); was != nil && was.epoch == s.epoch {
		return was.person
	}
	return s.shape(p)
}

// Pins are the names of groups that mean one group each, by that group's id: ""
// means none. Read-only.
func (e Everybody) Pins() map[string]string {
	if e.snap == nil {
		return nil
	}
	return e.snap.pins
}

// AgeOf is how old what is known of p is: since the log was read to its end and the
// listings gone through, or since p alone was read, whichever is later. false:
// nothing is known of p.
func (d *Directory) AgeOf(id string) (time.Duration, bool) {
	var at time.Time
	if st := d.state.Load(); st != nil && st.Ready {
		at = st.upTo()
	}
	if e := d.entry(id); e != nil && e.ReadAt.After(at) {
		at = e.ReadAt
	}
	if at.IsZero() {
		return 0, false
	}
	return d.since(at), true
}

// Stored reads what was last known from a store that no instance writes to. It
// follows nothing and asks nobody.
func Stored(ctx context.Context, st store.Store, log *slog.Logger) (Everybody, error) {
	d, err := New(Options{Source: nobody{}, Store: st, Logger: log})
	if err != nil {
		return Everybody{}, err
	}
	if err := d.load(ctx); err != nil {
		return Everybody{}, err
	}
	snap, c, state, err := d.loadSnapshot(ctx, nil)
	if err != nil {
		return Everybody{}, fmt.Errorf("directory: load from the store: %w", err)
	}
	if snap != nil {
		d.follows(snap, c, state)
	}
	return d.Everybody(), nil
}

// nobody is a source that is not asked.
type nobody struct{}

var errNotAsked = errors.New("directory: what is stored is read, nobody is asked")

func (nobody) Person(context.Context, string) (*identity.Person, error) { return nil, errNotAsked }

func (nobody) Check(context.Context) error { return nil }

var _ idp.Directory = nobody{}
