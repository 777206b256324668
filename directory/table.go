package directory

import (
	"slices"
	"strings"
)

// handle numbers a person or a group within a snapshot and its successors.
type handle uint32

// tableWidth is how many buckets a table has: 25 entries each for 100,000 people.
const tableWidth = 4096

type tableEntry struct {
	key string
	h   handle
}

// table maps texts to handles, several to one text where need be. It is
// immutable: an edit copies the buckets it touches and shares the rest.
type table struct {
	buckets *[tableWidth]*[]tableEntry
}

// bucketOf is FNV-1a: the same in every process, and good enough for ids.
func bucketOf(key string) int {
	sum := uint32(2166136261)
	for i := range len(key) {
		sum = (sum ^ uint32(key[i])) * 16777619
	}
	return int((sum ^ sum>>16) % tableWidth)
}

func compareEntry(a, b tableEntry) int {
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	return int(a.h) - int(b.h)
}

// all returns the entries of key, in the order of their handles. It shares
// memory with the table.
func (t table) all(key string) []tableEntry {
	if t.buckets == nil {
		return nil
	}
	bucket := t.buckets[bucketOf(key)]
	if bucket == nil {
		return nil
	}
	list := *bucket
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; list[mid].key < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for hi < len(list) && list[hi].key == key {
		hi++
	}
	return list[lo:hi]
}

// first returns the first handle of key.
func (t table) first(key string) (handle, bool) {
	if found := t.all(key); len(found) > 0 {
		return found[0].h, true
	}
	return 0, false
}

// tableEdit is a table being changed.
type tableEdit struct {
	table
	own   bool
	owned [tableWidth / 64]uint64
}

// bucket returns the bucket of key, copied once per edit.
func (e *tableEdit) bucket(key string) *[]tableEntry {
	if !e.own {
		fresh := new([tableWidth]*[]tableEntry)
		if e.buckets != nil {
			*fresh = *e.buckets
		}
		e.buckets, e.own = fresh, true
	}
	i := bucketOf(key)
	if e.owned[i/64]&(1<<(i%64)) == 0 {
		fresh := new([]tableEntry)
		if was := e.buckets[i]; was != nil {
			*fresh = append(make([]tableEntry, 0, len(*was)+1), *was...)
		}
		e.buckets[i] = fresh
		e.owned[i/64] |= 1 << (i % 64)
	}
	return e.buckets[i]
}

func (e *tableEdit) add(key string, h handle) {
	if key == "" {
		return
	}
	list := e.bucket(key)
	entry := tableEntry{key, h}
	if i, ok := slices.BinarySearchFunc(*list, entry, compareEntry); !ok {
		*list = slices.Insert(*list, i, entry)
	}
}

func (e *tableEdit) remove(key string, h handle) {
	if key == "" {
		return
	}
	list := e.bucket(key)
	if i, ok := slices.BinarySearchFunc(*list, tableEntry{key, h}, compareEntry); ok {
		*list = slices.Delete(*list, i, i+1)
	}
}

// chunkLen is how many values of a vector are copied to change one.
const chunkLen = 256

// vector is an immutable list; an edit copies the chunks it touches.
type vector[T any] struct {
	chunks []*[chunkLen]T
	n      int
}

func (v vector[T]) at(h handle) T { return v.chunks[h/chunkLen][h%chunkLen] }

// vectorEdit is a vector being changed.
type vectorEdit[T any] struct {
	vector[T]
	owned []bool
}

func (e *vectorEdit[T]) set(h handle, value T) {
	c := int(h / chunkLen)
	if e.owned == nil {
		e.chunks = slices.Clone(e.chunks)
		e.owned = make([]bool, len(e.chunks), len(e.chunks)+1)
	}
	for c >= len(e.chunks) {
		e.chunks = append(e.chunks, new([chunkLen]T))
		e.owned = append(e.owned, true)
	}
	if !e.owned[c] {
		fresh := *e.chunks[c]
		e.chunks[c], e.owned[c] = &fresh, true
	}
	e.chunks[c][h%chunkLen] = value
}

func (e *vectorEdit[T]) push(value T) handle {
	h := handle(e.n)
	e.n++
	e.set(h, value)
	return h
}
