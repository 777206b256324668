package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestWordsHoldTheirMembersOnly(t *testing.T) {
	for _, n := range []int{0, 1, few, few + 1, 7, 1000} {
		for _, pad := range []int{0, 3, 30} {
			var members []string
			for i := range n {
				members = append(members, fmt.Sprintf("%d%s%d", i, strings.Repeat("-", pad), i))
			}
			w := newWords(members)
			for i, m := range members {
				if !w.has(m) {
					t.Errorf("%d words: %q is not found", n, m)
				}
				// The same length, and all but the same ends.
				if other := fmt.Sprintf("%d%s%d", i, strings.Repeat("+", pad), i); pad > 0 && w.has(other) {
					t.Errorf("%d words: %q is found", n, other)
				}
			}
			if w.has("") || w.has("x") {
				t.Errorf("%d words: others are found", n)
			}
		}
	}
	if w := newWords([]string{"", "a", "b", "c", "d"}); !w.has("") {
		t.Error("the empty word is not found among several")
	}
}
