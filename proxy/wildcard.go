package proxy

import (
	"cmp"
	"slices"
	"strings"
)

// specificity orders wildcards: more literal text first, then fewer stars, then
// file order.
func specificity(a, b *wildcard) int {
	return cmp.Or(
		cmp.Compare(b.literal, a.literal),
		cmp.Compare(len(a.parts), len(b.parts)),
		cmp.Compare(a.order, b.order),
	)
}

// wildcards are host patterns with stars, indexed by the labels after the last
// star and the text before the first.
type wildcards struct {
	bySuffix map[string]*wildcardBucket
}

// wildcardBucket holds the patterns that end in the same labels.
type wildcardBucket struct {
	byPrefix map[string][]*wildcard
	lengths  []int // of the prefixes, longest first
}

// wildcard is one pattern, split at its stars: "a*b*.c" is ["a", "b", ".c"].
type wildcard struct {
	parts   []string
	literal int
	order   int
	routes  *hostRoutes
}

func newWildcards() *wildcards {
	return &wildcards{bySuffix: map[string]*wildcardBucket{}}
}

func (w *wildcards) add(pattern string, order int, routes *hostRoutes) {
	parts := strings.Split(pattern, "*")
	wc := &wildcard{parts: parts, literal: len(pattern) - len(parts) + 1, order: order, routes: routes}
	_, suffix, _ := strings.Cut(parts[len(parts)-1], ".") // whole labels only
	b := w.bySuffix[suffix]
	if b == nil {
		b = &wildcardBucket{byPrefix: map[string][]*wildcard{}}
		w.bySuffix[suffix] = b
	}
	b.byPrefix[parts[0]] = append(b.byPrefix[parts[0]], wc)
}

func (w *wildcards) sort() {
	for _, b := range w.bySuffix {
		for prefix, list := range b.byPrefix {
			slices.SortFunc(list, specificity)
			if !slices.Contains(b.lengths, len(prefix)) {
				b.lengths = append(b.lengths, len(prefix))
			}
		}
		slices.SortFunc(b.lengths, func(x, y int) int { return y - x })
	}
}

// find returns the routes of the most specific pattern that matches name and
// has a route on port.
func (w *wildcards) find(name []byte, port string) *pathIndex {
	if len(w.bySuffix) == 0 {
		return nil
	}
	var best *wildcard
	var paths *pathIndex
	try := func(suffix []byte) {
		b := w.bySuffix[string(suffix)]
		if b == nil {
			return
		}
		for _, n := range b.lengths {
			if n > len(name) {
				continue
			}
			for _, wc := range b.byPrefix[string(name[:n])] {
				if best != nil && specificity(best, wc) < 0 {
					break
				}
				if !wc.matches(name) {
					continue
				}
				if on := wc.routes.on(port); on != nil {
					best, paths = wc, on
					break
				}
			}
		}
	}
	for i := range name {
		if name[i] == '.' {
			try(name[i+1:])
		}
	}
	try(nil)
	return paths
}

// any reports whether some pattern matches name.
func (w *wildcards) any(name []byte) bool {
	for _, b := range w.bySuffix {
		for _, list := range b.byPrefix {
			for _, wc := range list {
				if wc.matches(name) {
					return true
				}
			}
		}
	}
	return false
}

// matches finds the parts one after another; each star takes any text, the
// empty one and dots included.
func (wc *wildcard) matches(name []byte) bool {
	first, last := wc.parts[0], wc.parts[len(wc.parts)-1]
	if len(name) < len(first)+len(last) || string(name[:len(first)]) != first || string(name[len(name)-len(last):]) != last {
		return false
	}
	middle := name[len(first) : len(name)-len(last)]
	for _, part := range wc.parts[1 : len(wc.parts)-1] {
		i := indexBytes(middle, part)
		if i < 0 {
			return false
		}
		middle = middle[i+len(part):]
	}
	return true
}

// indexBytes is strings.Index without a conversion that allocates.
func indexBytes(s []byte, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		if string(s[i:i+len(sub)]) == sub {
			return i
		}
	}
	return -1
}
