package policy

import "math/bits"

// few is up to how many strings a list is searched as fast as a map.
const few = 4

// words is a set of strings that says no fast: a person's hundred groups are
// mostly not the ones a policy names.
type words struct {
	few []string
	all map[string]struct{}
	// filter has a bit for the hash of every member; its size is a power of two.
	filter []uint64
}

func newWords(members []string) *words {
	if len(members) <= few {
		return &words{few: members}
	}
	// 16 bits a member leave one string in 16 to look up in vain.
	w := &words{
		all:    make(map[string]struct{}, len(members)),
		filter: make([]uint64, 1<<bits.Len(uint(len(members))/4)),
	}
	for _, m := range members {
		w.all[m] = struct{}{}
		word, bit := w.place(m)
		w.filter[word] |= bit
	}
	return w
}

func (w *words) has(s string) bool {
	if w.all == nil {
		for _, m := range w.few {
			if m == s {
				return true
			}
		}
		return false
	}
	if word, bit := w.place(s); w.filter[word]&bit == 0 {
		return false
	}
	_, ok := w.all[s]
	return ok
}

func (w *words) place(s string) (word, bit uint64) {
	h := ends(s)
	return h >> 6 & uint64(len(w.filter)-1), 1 << (h & 63)
}

// ends hashes the length and both ends of s, where names differ.
func ends(s string) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xff51afd7ed558ccd
	n := len(s)
	h := uint64(n)
	switch {
	case n >= 8:
		h += eight(s)*k1 ^ eight(s[n-8:])
	case n > 0:
		h |= uint64(s[0])<<8 | uint64(s[n/2])<<16 | uint64(s[n-1])<<24
	}
	h *= k2
	return h ^ h>>32
}

func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
