package proxy

import "slices"

// groupFilter are the only groups that an upstream is told of. nil lets all
// through.
type groupFilter struct{ keep map[string]bool }

func newGroupFilter(groups []string) *groupFilter {
	if groups == nil {
		return nil
	}
	f := &groupFilter{map[string]bool{}}
	for _, g := range groups {
		f.keep[g] = true
	}
	return f
}

// of drops the ids and names that are not listed, each by itself as Pomerium
// does: a group that is listed by name is told by name.
func (f *groupFilter) of(all facts) facts {
	if f != nil {
		all.groups = slices.DeleteFunc(slices.Clone(all.groups), func(g string) bool { return !f.keep[g] })
	}
	return all
}
