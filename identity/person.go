package identity

import (
	"slices"
	"strings"
	"time"
)

// Status is a person's life-cycle status in Okta's words
// (https://developer.okta.com/docs/concepts/user-profiles/).
type Status string

// The statuses Okta has.
const (
	StatusStaged          Status = "STAGED"
	StatusProvisioned     Status = "PROVISIONED"
	StatusActive          Status = "ACTIVE"
	StatusRecovery        Status = "RECOVERY"
	StatusPasswordExpired Status = "PASSWORD_EXPIRED"
	StatusLockedOut       Status = "LOCKED_OUT"
	StatusSuspended       Status = "SUSPENDED"
	StatusDeprovisioned   Status = "DEPROVISIONED"
)

// MayPass reports whether a person of this status may pass any policy. Statuses
// that Okta might add later may not. The three that a person can hold while
// signed in (password expired, recovery, locked out) may.
func (s Status) MayPass() bool {
	switch s {
	case StatusActive, StatusPasswordExpired, StatusRecovery, StatusLockedOut:
		return true
	}
	return false
}

// Group is a group of the directory. Names are neither unique nor stable.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Person is a person as the directory knows them. Build with NewPerson;
// read-only afterwards.
type Person struct {
	ID      string              `json:"id"`
	Login   string              `json:"login,omitempty"`
	Email   string              `json:"email,omitempty"`
	Name    string              `json:"name,omitempty"`
	Status  Status              `json:"status"`
	Groups  []Group             `json:"groups"`
	Profile map[string][]string `json:"profile,omitempty"`
	// Apps are the ids and labels of those applications that the person is
	// assigned to, directly or through a group, and that the directory was asked
	// to follow; sorted.
	Apps []string `json:"apps,omitempty"`
	// Version changes whenever anything above does.
	Version uint64 `json:"version"`
	// ReadAt is when the directory was asked.
	ReadAt time.Time `json:"read_at"`

	keys map[string]struct{}
}

// NewPerson indexes p, whose groups it sorts by id, for HasGroup.
func NewPerson(p Person) *Person { return NewPersonPinned(p, nil) }

// NewPersonPinned is NewPerson where some names are pinned to the id of one
// group each: such a name finds that group, whatever it is called now, and no
// other that is called so. A name pinned to "" finds none.
func NewPersonPinned(p Person, pins map[string]string) *Person {
	p.Groups = slices.Clone(p.Groups)
	slices.SortFunc(p.Groups, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	p.keys = make(map[string]struct{}, 2*len(p.Groups))
	for _, g := range p.Groups {
		if g.ID != "" {
			p.keys[g.ID] = struct{}{}
		}
		if _, pinned := pins[g.Name]; !pinned && g.Name != "" {
			p.keys[g.Name] = struct{}{}
		}
	}
	for name, id := range pins {
		if _, ok := p.keys[id]; ok && id != "" && name != "" {
			p.keys[name] = struct{}{}
		}
	}
	return &p
}

// HasApp reports whether the person is assigned to the application with that id
// or label. It does not allocate.
func (p *Person) HasApp(idOrLabel string) bool {
	if p == nil || idOrLabel == "" {
		return false
	}
	_, ok := slices.BinarySearch(p.Apps, idOrLabel)
	return ok
}

// EachGroupKey calls f with all that HasGroup holds for, in no order.
func (p *Person) EachGroupKey(f func(idOrName string)) {
	for key := range p.keys {
		f(key)
	}
}

// HasGroup reports whether the person is in the group with that id or name,
// letter case included (Okta's ids differ by case alone). It does not allocate.
func (p *Person) HasGroup(idOrName string) bool {
	if p == nil || idOrName == "" {
		return false
	}
	_, ok := p.keys[idOrName]
	return ok
}
