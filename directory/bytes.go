package directory

import "unsafe"

// Bytes is about how much memory the snapshot holds: texts, nodes, memberships
// from both sides and indexes. It walks through everybody.
func (s *Snapshot) Bytes() int64 {
	const (
		text    = int64(unsafe.Sizeof(""))
		member  = int64(unsafe.Sizeof(handle(0)))
		entries = int64(unsafe.Sizeof(tableEntry{}))
	)
	var n int64
	for h := range s.people.n {
		p := s.people.at(handle(h))
		if p == nil {
			continue
		}
		n += int64(unsafe.Sizeof(*p)) + int64(len(p.ID)+len(p.Login)+len(p.Name)) + int64(cap(p.groups))*member + 3*entries
		if p.Email != p.Login {
			n += int64(len(p.Email))
		}
		for name, values := range p.Profile {
			n += text + int64(len(name))
			for _, v := range values {
				n += text + int64(len(v))
			}
		}
	}
	for h := range s.groups.n {
		g := s.groups.at(handle(h))
		n += int64(unsafe.Sizeof(*g)) + int64(len(g.ID)+len(g.Name)) + int64(cap(g.members))*member + 2*entries
	}
	for _, a := range s.apps {
		n += int64(len(a.direct))*(text+32) + int64(len(a.groups))*(text+20)
	}
	return n
}
