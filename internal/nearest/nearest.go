// Package nearest finds the known name that somebody who misspelt one probably
// meant, for hints like "did you mean". What is known, and what is done with the
// answer, is the caller's matter.
package nearest

import "strings"

// To returns the name among known that was most likely meant, "" if none is
// near. Case counts for nothing, nor does a dash for an underscore. The longer
// the name, the more may be wrong with it.
func To(name string, known []string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	best, least := "", 2+len(name)/6
	if len(name) < 5 {
		least = 2
	}
	for _, k := range known {
		if abs(len(k)-len(name)) >= least {
			continue
		}
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance counts the letters to insert, remove, replace or swap with their
// neighbour that make a of b.
func distance(a, b string) int {
	rows := make([]int, 3*(len(b)+1))
	before, last, row := rows[:len(b)+1], rows[len(b)+1:2*(len(b)+1)], rows[2*(len(b)+1):]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
