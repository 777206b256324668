package policy

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/nearest"
)

// What people write for what the language calls otherwise.
var (
	otherCriteria = map[string]string{
		"ip": "source_ip", "cidr": "source_ip", "remote_ip": "source_ip", "client_ip": "source_ip", "method": "http_method",
		"path": "http_path", "public": "accept", "any": "accept", "anyone": "accept", "authenticated": "authenticated_user",
		"signed_in": "authenticated_user", "sub": "user", "subject": "user", "cors": "cors_preflight",
		"team": "groups", "member_of": "groups", "header": "http_header", "application": "app", "weekday": "day_of_week", "time": "time_of_day",
		"status": "user_status", "amr": "auth_method", "acr": "auth_context", "mfa": "auth_method", "max_age": "auth_age", "certificate": "client_certificate",
	}
	otherEffects   = map[string]string{"permit": "allow", "grant": "allow", "block": "deny", "forbid": "deny", "reject": "deny", "refuse": "deny"}
	otherOperators = map[string]string{"any": "or", "some": "or", "all": "and", "none": "not"}
	otherMatchers  = map[string]string{
		"equals": "is", "equal": "is", "eq": "is", "==": "is", "isnot": "not", "is_not": "not", "ne": "not", "!=": "not",
		"prefix": "starts_with", "suffix": "ends_with",
		"one_of": "in", "any_of": "in", "none_of": "not_in", "has_not": "exclude",
		"includes": "has", "contains": "has", "not": "exclude",
	}
)

func hintRule(name string) string {
	if slices.Contains(operatorNames[:], name) {
		return fmt.Sprintf("put %q under allow or deny", name)
	}
	return meant(closest(name, []string{"allow", "deny"}, otherEffects))
}

func hintOperator(name string) string {
	if base, _, _ := strings.Cut(name, "/"); kinds[base] != nil {
		return fmt.Sprintf("criteria stand in a list: write or: [{%s: ...}]", name)
	}
	if name == "action" { // of Pomerium's grammar, where it means nothing
		return "remove it: the rule stands under allow or deny"
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
	case slices.Contains(operatorNames[:], name):
		return "operators do not nest: put the criterion straight under allow or deny"
	case match == "":
		return "all criteria are in docs/reference/policy.md"
	}
	return meant(match)
}

func hintMatcher(name string, known []string) string {
	if name == "regex" || name == "matches" || name == "pattern" {
		return "patterns are not part of the language"
	}
	if slices.Contains(known, "has") {
		switch name {
		case "in", "one_of", "any_of":
			return `write "has", and repeat the criterion under "or", once for each value`
		case "not_in", "none_of":
			return `write "exclude", and repeat the criterion, once for each value`
		}
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
	if other := others[strings.ToLower(strings.ReplaceAll(name, "-", "_"))]; slices.Contains(known, other) {
		return other
	}
	return nearest.To(name, known)
}
