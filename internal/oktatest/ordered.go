package oktatest

import (
	"slices"
	"strings"
)

// identified is something with an id.
type identified interface{ key() string }

// ordered is a set of things sorted by id, eight bytes each: a page of a large
// listing starts with one binary search.
type ordered[T identified] []T

// place returns where the id is, or would be.
func (o ordered[T]) place(id string) (int, bool) {
	return slices.BinarySearchFunc(o, id, func(v T, id string) int { return strings.Compare(v.key(), id) })
}

// get returns what has the id.
func (o ordered[T]) get(id string) (T, bool) {
	at, ok := o.place(id)
	if !ok {
		var none T
		return none, false
	}
	return o[at], true
}

func (o ordered[T]) has(id string) bool {
	_, ok := o.place(id)
	return ok
}

// put adds v and reports whether it was missing.
func (o *ordered[T]) put(v T) bool {
	at, ok := o.place(v.key())
	if !ok {
		*o = slices.Insert(*o, at, v)
	}
	return !ok
}

// drop removes what has v's id and reports whether it was there.
func (o *ordered[T]) drop(v T) bool {
	at, ok := o.place(v.key())
	if ok {
		*o = slices.Delete(*o, at, at+1)
	}
	return ok
}

// sort restores the order after things were appended.
func (o ordered[T]) sort() {
	slices.SortFunc(o, func(a, b T) int { return strings.Compare(a.key(), b.key()) })
}
