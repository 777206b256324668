package policy

import (
	"fmt"
	"slices"
	"strings"
)

// What people write for what the language calls otherwise.
var (
	otherCriteria = map[string]string{
		"ip": "source_ip", "cidr": "source_ip", "remote_ip": "source_ip", "client_ip": "source_ip", "method": "http_method",
		"path": "http_path", "public": "accept", "any": "accept", "anyone": "accept", "authenticated": "authenticated_user",
		"signed_in": "authenticated_user", "mail": "email", "sub": "user", "subject": "user", "cors": "cors_preflight",
		"team": "groups", "member_of": "groups", "header": "http_header", "application": "app", "weekday": "day_of_week", "time": "time_of_day",
		"status": "user_status", "amr": "auth_method", "acr": "auth_context", "mfa": "auth_method", "max_age": "auth_age", "certificate": "client_certificate",
	}
	otherOperators = map[string]string{"any": "or", "some": "or", "all": "and", "none": "not"}
	otherMatchers  = map[string]string{
		"equals": "is", "equal": "is", "eq": "is", "==": "is", "isnot": "not", "is_not": "not", "ne": "not", "!=": "not",
		"prefix": "starts_with", "suffix": "ends_with", "startswith": "starts_with", "endswith": "ends_with",
		"notin": "not_in", "one_of": "in", "any_of": "in", "none_of": "not_in", "has_not": "exclude", "excludes": "exclude",
		"includes": "has", "contains": "has", "in": "has", "not": "exclude",
	}
)

func hintRule(name string) string {
	if slices.Contains(operatorNames[:], name) {
		return fmt.Sprintf("put %q under allow or deny", name)
	}
	return meant(closest(name, []string{"allow", "deny"}, nil))
}

func hintOperator(name string) string {
	if base, _, _ := strings.Cut(name, "/"); kinds[base] != nil {
		return fmt.Sprintf("criteria stand in a list: write or: [{%s: ...}]", name)
	}
	return meant(closest(name, operatorNames[:], otherOperators))
}

func hintCriterion(name string) string {
	base, path, hasPath := strings.Cut(name, "/")
	match := closest(base, Criteria(), otherCriteria)
	switch {
	case match != "" && kinds[match].path && hasPath:
		match += "/" + path
	case match != "" && kinds[match].path:
		match += "/NAME"
	case match == "" && slices.Contains(operatorNames[:], name):
		return "operators do not nest: put the criterion straight under allow or deny"
	}
	return meant(match)
}

func hintMatcher(name string, known []string) string {
	if name == "regex" || name == "matches" || name == "pattern" {
		return "patterns are not part of the language"
	}
	return meant(closest(name, known, otherMatchers))
}

// hintList says how to write what an operator cannot take as a list.
func hintList(op string, k *kind) string {
	switch {
	case op == "is" && !k.list:
		return `write "in: [...]"`
	case op == "not":
		return `write "not_in: [...]"`
	}
	return `repeat the criterion under "or", once for each value`
}

func meant(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", name)
}

// closest returns the known name that was probably meant, "" if none is near.
func closest(name string, known []string, others map[string]string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	if other := others[name]; slices.Contains(known, other) {
		return other
	}
	best, least := "", 3
	if len(name) < 5 {
		least = 2
	}
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out or changed, two
// neighbours changing places counting as one; more than 3 is as good as any.
func distance(a, b string) int {
	if len(a) > len(b)+3 || len(b) > len(a)+3 {
		return 4
	}
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			next[j] = min(last[j]+1, next[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
