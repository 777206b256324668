package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sallyport/identity"
	"sallyport/store"
)

// record is one id as the store holds it. Person is nil for somebody the source
// said does not exist. Version grows through that, and past a Forget, because it
// follows the clock where that is ahead: no two states of one id ever share a
// number, and what was made for one of them is never taken for another's.
type record struct {
	Person  *identity.Person `json:"person"`
	Version uint64           `json:"version"`
	ReadAt  time.Time        `json:"read_at"`
	// Attributes are those of the profile that were asked for.
	Attributes []string `json:"attributes,omitempty"`
}

// decodeEntry reads a stored record and indexes the person in it.
func decodeEntry(r store.Record) (*entry, error) {
	e := &entry{version: r.Version}
	if err := json.Unmarshal(r.Value, &e.record); err != nil {
		return nil, fmt.Errorf("person record %q: %w", r.Key, err)
	}
	if e.Person == nil {
		return e, nil
	}
	if e.Person.ID != r.Key {
		return nil, errors.New("person record is about another person than its key says")
	}
	e.Person = identity.NewPerson(*e.Person)
	return e, nil
}

// next returns what follows e (nil: nothing was known) when person was read at
// that time. The version grows only when something but the time differs.
func (e *entry) next(r reading) *entry {
	person, at := r.person, r.asked
	n := &entry{record: record{ReadAt: at, Attributes: r.attributes}}
	if e != nil {
		n.version, n.Version = e.version, e.Version
	}
	if e == nil || !same(e.Person, person) {
		n.Version = max(n.Version+1, uint64(max(at.UnixMilli(), 0)))
	}
	if person != nil {
		p := *person
		p.Version, p.ReadAt = n.Version, at
		n.Person = identity.NewPerson(p)
	}
	return n
}

// same compares all that a decision or an assertion could be made of.
func same(a, b *identity.Person) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID && a.Login == b.Login && a.Email == b.Email && a.Name == b.Name && a.Status == b.Status &&
		slices.Equal(sorted(a.Groups), sorted(b.Groups)) && maps.EqualFunc(a.Profile, b.Profile, slices.Equal[[]string]) && slices.Equal(a.Apps, b.Apps)
}

func sorted(groups []identity.Group) []identity.Group {
	return slices.SortedFunc(slices.Values(groups), func(a, b identity.Group) int {
		switch {
		case a.ID < b.ID || a.ID == b.ID && a.Name < b.Name:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
}

// encode returns e as a store record.
func (e *entry) encode(id string, retention time.Duration) (store.Record, error) {
	value, err := json.Marshal(e.record)
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{Kind: Kind, Key: id, Value: value, Expires: e.ReadAt.Add(retention)}, nil
}
