package session

import "time"

// bygone remembers, for a while and in bounded memory, ids that are no session,
// so that a client that keeps sending an old cookie does not keep asking the
// store. Two maps take turns: the older is forgotten when the younger is full or
// old enough.
type bygone struct {
	young, old map[string]struct{}
	since      time.Time
}

const (
	bygoneBound = 8192
	bygoneFor   = 15 * time.Second
)

func (b *bygone) add(id string, now time.Time) {
	b.turn(now)
	if b.young == nil {
		b.young = make(map[string]struct{})
	}
	b.young[id] = struct{}{}
}

func (b *bygone) has(id string, now time.Time) bool {
	b.turn(now)
	_, young := b.young[id]
	_, old := b.old[id]
	return young || old
}

func (b *bygone) remove(id string) {
	delete(b.young, id)
	delete(b.old, id)
}

func (b *bygone) turn(now time.Time) {
	switch age := now.Sub(b.since); {
	case age >= 2*bygoneFor || age < 0:
		b.young, b.old, b.since = nil, nil, now
	case age >= bygoneFor || len(b.young) >= bygoneBound:
		b.young, b.old, b.since = nil, b.young, now
	}
}
