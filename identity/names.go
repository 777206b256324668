package identity

import (
	"cmp"
	"hash/maphash"
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// seed makes hashes of names differ from one process to the next, so that nobody
// can choose names that collide.
var seed = maphash.MakeSeed()

// Name is a name with its hash, for who looks the same one up again and again.
// The zero value is the empty name, which is in no set.
type Name struct {
	text string
	hash uint32
}

// NewName hashes text.
func NewName(text string) Name { return Name{text, uint32(maphash.String(seed, text))} }

// Names is a set of names, read-only once made. The zero value is empty. Nothing
// here allocates but NewNames.
type Names struct {
	// filter has a bit for most of what is in the set, and few others: most names
	// that are looked up are in no set. Its length is a power of two.
	filter []uint64
	// sorted by hash; texts in the order of hashes.
	hashes []uint32
	texts  []string
}

// NewNames makes a set of texts; empty ones are left out.
func NewNames(texts []string) Names {
	all := make([]Name, 0, len(texts))
	for _, text := range texts {
		if text != "" {
			all = append(all, NewName(text))
		}
	}
	if len(all) == 0 {
		return Names{}
	}
	slices.SortFunc(all, func(a, b Name) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return strings.Compare(a.text, b.text)
	})
	all = slices.Compact(all)
	n := Names{
		// 16 bits a name let one other in 16 through.
		filter: make([]uint64, 1<<bits.Len(uint(len(all)-1)/4)),
		hashes: make([]uint32, len(all)), texts: make([]string, len(all)),
	}
	for i, name := range all {
		n.hashes[i], n.texts[i] = name.hash, name.text
		n.filter[n.word(name.hash)] |= 1 << (name.hash & 63)
	}
	return n
}

func (n *Names) word(hash uint32) uint32 { return hash >> 6 & uint32(len(n.filter)-1) }

// maybe is false for most names that are not in the set.
func (n *Names) maybe(hash uint32) bool {
	return len(n.filter) > 0 && n.filter[n.word(hash)]>>(hash&63)&1 == 1
}

// Len is how many names are in the set.
func (n *Names) Len() int { return len(n.texts) }

// All ranges over the names, in no order that means anything.
func (n *Names) All() iter.Seq[string] { return slices.Values(n.texts) }

// Has reports whether the name is in the set, letter case included.
func (n *Names) Has(name Name) bool {
	return n.maybe(name.hash) && n.find(name.hash, name.text)
}

// find looks where the hash would stand if hashes were spread evenly, which they
// nearly are.
func (n *Names) find(hash uint32, text string) bool {
	i := int(uint64(hash) * uint64(len(n.hashes)) >> 32)
	for i > 0 && n.hashes[i-1] >= hash {
		i--
	}
	for i < len(n.hashes) && n.hashes[i] < hash {
		i++
	}
	for ; i < len(n.hashes) && n.hashes[i] == hash; i++ {
		if n.texts[i] == text {
			return true
		}
	}
	return false
}

// Overlap reports whether the sets have a name in common.
func (n *Names) Overlap(m *Names) bool {
	if len(n.texts) > len(m.texts) {
		n, m = m, n
	}
	for i, hash := range n.hashes {
		if m.maybe(hash) && m.find(hash, n.texts[i]) {
			return true
		}
	}
	return false
}
