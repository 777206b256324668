package directory

import (
	"slices"
	"sync"

	"sallyport/identity"
)

// namesakes remembers the groups that were seen in readings of single people, by
// name: without a list of groups nothing else tells that a name means two.
type namesakes struct {
	mu   sync.RWMutex
	seen map[string][]string // name -> ids, sorted
}

// maxNamesakes bounds what is remembered of one name.
const maxNamesakes = 8

func (n *namesakes) note(p *identity.Person) {
	if p == nil {
		return
	}
	n.mu.RLock()
	known := !slices.ContainsFunc(p.Groups, func(g identity.Group) bool { return !slices.Contains(n.seen[g.Name], g.ID) })
	n.mu.RUnlock()
	if known {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = map[string][]string{}
	}
	for _, g := range p.Groups {
		if ids := n.seen[g.Name]; !slices.Contains(ids, g.ID) && len(ids) < maxNamesakes {
			ids = append(slices.Clone(ids), g.ID) // readers may hold the last one
			slices.Sort(ids)
			n.seen[g.Name] = ids
		}
	}
}

func (n *namesakes) of(name string) []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.seen[name]
}
