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
	// Version changes whenever anything above does.
	Version uint64 `json:"version"`
	// ReadAt is when the directory was asked.
	ReadAt time.Time `json:"read_at"`

	keys map[string]struct{}
}

// NewPerson indexes p, whose groups it sorts by id, for HasGroup.
func NewPerson(p Person) *Person {
	p.Groups = slices.Clone(p.Groups)
	slices.SortFunc(p.Groups, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	p.keys = make(map[string]struct{}, 2*len(p.Groups))
	for _, g := range p.Groups {
		for _, key := range []string{g.ID, g.Name} {
			if key != "" {
				p.keys[key] = struct{}{}
			}
		}
	}
	return &p
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
