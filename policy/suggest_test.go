package policy

import (
	"strings"
	"testing"
)

// People who know another language write its words: each is understood, and told
// by the name that it has here.
func TestWordsOfOtherLanguagesAreUnderstood(t *testing.T) {
	hint := func(criterion string) string {
		t.Helper()
		_, problems := parseText(t, "allow: {or: [{"+criterion+"}]}")
		if len(problems) != 1 {
			t.Fatalf("%s: got %v", criterion, problems)
		}
		return problems[0].Hint
	}
	for meant, written := range map[string]string{
		"source_ip": "ip cidr remote_ip client_ip Client-IP", "http_method": "method", "http_path": "path", "accept": "public any anyone",
		"authenticated_user": "authenticated signed_in", "email": "mail", "user": "sub subject", "cors_preflight": "cors",
		"groups": "team member_of", "http_header/NAME": "header", "app": "application", "day_of_week": "weekday", "time_of_day": "time",
		"user_status": "status", "auth_method": "amr mfa", "auth_context": "acr", "auth_age": "max_age", "client_certificate": "certificate",
		"claim/x": "clam/x", "http_header/x": "header/x", "claim/NAME": "clam",
	} {
		for _, name := range strings.Fields(written) {
			if got, want := hint("'"+name+"': x"), `did you mean "`+meant+`"?`; got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
	for meant, written := range map[string]string{
		"is": "equals equal eq ==", "not": "isnot is_not ne !=", "starts_with": "prefix startswith", "ends_with": "suffix endswith",
		"in": "one_of any_of", "not_in": "notin none_of not-in",
	} {
		for _, name := range strings.Fields(written) {
			if got, want := hint("email: {'"+name+"': x}"), `did you mean "`+meant+`"?`; got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
	for meant, written := range map[string]string{"exclude": "has_not excludes not", "has": "includes contains", "is": "equals"} {
		for _, name := range strings.Fields(written) {
			if got, want := hint("groups: {'"+name+"': x}"), `did you mean "`+meant+`"?`; got != want {
				t.Errorf("%s of a list: got %q, want %q", name, got, want)
			}
		}
	}
	for criterion, want := range map[string]string{
		"email: {regex: x}":   "patterns are not part of the language",
		"email: {matches: x}": "patterns are not part of the language",
		"email: {pattern: x}": "patterns are not part of the language",
		"email: {zzzzzzz: x}": "",
		"zzzzzzzzzz: x":       "all criteria are in docs/reference/policy.md",
		"and: x":              "operators do not nest: put the criterion straight under allow or deny",
		"user: [a]":           `write "in: [...]"`,
		"user: {is: [a]}":     `write "in: [...]"`,
		"user: {not: [a]}":    `write "not_in: [...]"`,
		"groups: [a]":         `repeat the criterion under "or", once for each value`,
		"groups: {is: [a]}":   `repeat the criterion under "or", once for each value`,
		"groups: {in: [a]}":   `write "has", and repeat the criterion under "or", once for each value`,
		"groups: {not_in: x}": `write "exclude", and repeat the criterion, once for each value`,
	} {
		if got := hint(criterion); got != want {
			t.Errorf("%s: got %q, want %q", criterion, got, want)
		}
	}
	for text, want := range map[string]string{
		"allow: {any: []}":      `did you mean "or"?`,
		"allow: {some: []}":     `did you mean "or"?`,
		"allow: {all: []}":      `did you mean "and"?`,
		"allow: {none: []}":     `did you mean "not"?`,
		"allow: {groups: wiki}": "criteria stand in a list: write or: [{groups: ...}]",
		"allow: {claim/a: b}":   "criteria stand in a list: write or: [{claim/a: ...}]",
		"and: [accept: true]":   `put "and" under allow or deny`,
		"alow: {}":              `did you mean "allow"?`,
		"permit: {}":            `did you mean "allow"?`,
		"block: {}":             `did you mean "deny"?`,
		"allow: {action: x}":    "remove it: the rule stands under allow or deny",
		"'allow: {or: []}'":     `write the policy itself, without quotes around it and without "|"`,
		"nobody":                `a policy looks like "allow: {and: [...]}"`,
	} {
		if _, problems := parseText(t, text); len(problems) != 1 || problems[0].Hint != want {
			t.Errorf("%s: got %+v, want %q", text, problems, want)
		}
	}
}
