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

// IsGroupID reports whether text has the form of Okta's group ids: 00g and 17
// letters or digits. A name of that form counts as no name: whoever may name a
// group could otherwise pass it off as the one that a policy means by its id.
func IsGroupID(text string) bool {
	const prefix, length = "00g", 20
	if len(text) != length || !strings.HasPrefix(text, prefix) {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
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

	names Names // ids and names of the groups, for HasGroup
	mail  keptMail
}

// NewPerson indexes p, whose groups it sorts by id, for HasGroup.
func NewPerson(p Person) *Person { return NewPersonPinned(p, nil) }

// NewPersonPinned is NewPerson where some names are pinned to the id of one
// group each: such a name finds that group, whatever it is called now, and no
// other that is called so. A name pinned to "" finds none.
func NewPersonPinned(p Person, pins map[string]string) *Person {
	p.Groups = slices.Clone(p.Groups)
	slices.SortFunc(p.Groups, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	p.names = NewNames(groupNames(p.Groups, pins))
	p.mail = keepMail(p.Email)
	return &p
}

func byID(g Group, id string) int { return strings.Compare(g.ID, id) }

// groupNames are the ids and names that find the groups, which are sorted by id.
func groupNames(groups []Group, pins map[string]string) []string {
	names := make([]string, 0, 2*len(groups))
	for _, g := range groups {
		names = append(names, g.ID)
		if _, pinned := pins[g.Name]; !pinned && !IsGroupID(g.Name) {
			names = append(names, g.Name)
		}
	}
	for name, id := range pins {
		if _, in := slices.BinarySearchFunc(groups, id, byID); in && id != "" && !IsGroupID(name) {
			names = append(names, name)
		}
	}
	return names
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

// HasGroup reports whether the person is in the group with that id or name,
// letter case included (Okta's ids differ by case alone). It does not allocate.
func (p *Person) HasGroup(idOrName string) bool {
	if p == nil || idOrName == "" {
		return false
	}
	return p.names.Has(NewName(idOrName))
}

// GroupNames are what HasGroup finds: the ids and names of the groups.
func (p *Person) GroupNames() *Names { return &p.names }
