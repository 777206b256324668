package policy

import (
	"fmt"
	"strings"
	"testing"
)

// many is the same criterion n times, with numbers.
func many(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, ", ")
}

// What was not looked at whole is given up, and never called impossible.
func TestWaysInGiveUpBeforeTheySayNever(t *testing.T) {
	const (
		never   = "never"
		givenUp = "given up"
	)
	nowhere := "{deny: {or: [source_ip: 0.0.0.0/0, source_ip: '::/0']}}"
	for _, tt := range []struct{ name, policy, want string }{
		{"eight changes", "allow: {and: [" + many(maxChanges, "groups: g%d") + "]}", "1 of 8"},
		{"nine changes", "allow: {and: [" + many(maxChanges+1, "groups: g%d") + "]}", givenUp},
		{"few alternatives", "allow: {or: [" + many(MaxWays-1, "groups: g%d") + "]}", fmt.Sprint(MaxWays-1, " of 1")},
		{"many alternatives", "allow: {or: [" + many(MaxWays+1, "groups: g%d") + "]}", fmt.Sprint(MaxWays, " of 1")},
		{"six facts", "allow: {and: [" + many(6, "http_header/x-%d: v") + "]}", "1 of 6"},
		{"too many states", "[{allow: {or: [accept: true]}}, " + many(7, "{deny: {and: [http_header/a-%[1]d: {not: a}, http_header/b-%[1]d: {not: a}, http_header/c-%[1]d: {not: a}, http_header/d-%[1]d: {not: a}]}}") + "]", givenUp},
		{"a few texts", "[{allow: {or: [http_method: {in: [" + many(150, "M%d") + "]}]}}, {deny: {or: [http_method: {in: [" + many(150, "M%d") + "]}]}}]", never},
		{"many texts", "[{allow: {or: [http_method: {in: [" + many(170, "M%d") + "]}]}}, {deny: {or: [http_method: {in: [" + many(170, "M%d") + "]}]}}]", givenUp},
		{"a few domains", "[{allow: {or: [domain: b.org]}}, {deny: {or: [domain: b.org]}}]", never},
		{"many domains", "[{allow: {or: [domain: {in: [" + many(170, "d%d.org") + "]}]}}, {deny: {or: [domain: {in: [" + many(170, "d%d.org") + "]}]}}]", givenUp},
		{"many addresses", "[{allow: {or: [email: {in: [" + many(170, "u%d@b.org") + "]}]}}, {deny: {or: [domain: b.org]}}]", givenUp},
		{"one part", "[{allow: {or: [http_path: /x/]}}, {deny: {or: [http_path: {starts_with: /x}]}}]", never},
		{"several parts", "[{allow: {or: [http_path: {starts_with: /x/}]}}, {deny: {or: [http_path: {starts_with: /x}]}}]", givenUp},
		{"many parts", "[{allow: {or: [http_path: /x/]}}, {deny: {or: [" + many(7, "http_path: {starts_with: /%d}") + ", http_path: /x/]}}]", givenUp},
		{"one fact asked often", "allow: {and: [" + many(maxSame, "user: u%d") + "]}", never},
		{"one fact asked too often", "allow: {and: [" + many(maxSame+1, "user: u%d") + "]}", givenUp},
		{"a few networks", "[{allow: {or: [source_ip: [" + many(30, "10.0.%d.0/24") + "]]}}, " + nowhere + "]", never},
		{"many networks", "[{allow: {or: [source_ip: [" + many(41, "10.0.%d.0/24") + "]]}}, " + nowhere + "]", givenUp},
		{"a few dates", "allow: {and: [date: {after: 2030-01-01T00:00:00Z}, date: {before: 2020-01-01T00:00:00Z}]}", never},
		{"many dates", "allow: {and: [date: {after: 2030-01-01T00:00:00Z, before: 2031-01-01T00:00:00Z}, date: {after: 2032-01-01T00:00:00Z, before: 2033-01-01T00:00:00Z}, date: {before: 2020-01-01T00:00:00Z}]}", givenUp},
		{"one date", "[{allow: {or: [date: {after: 2030-01-01T00:00:00Z}]}}, {deny: {or: [date: {after: 2030-01-01T00:00:00Z}]}}]", never},
		{"a few values", "[{allow: {or: [claim/x: a]}}, {deny: {or: [claim/x: a]}}]", never},
		{"many values", "[{allow: {or: [" + many(30, "claim/x: v%d") + "]}}, {deny: {or: [" + many(30, "claim/x: v%d") + "]}}]", givenUp},
		{"certificates", "[{allow: {or: [client_certificate: {san_dns: a}]}}, {deny: {or: [client_certificate: {san_dns: a}]}}]", givenUp},
		{"a preflight", "allow: {and: [cors_preflight: true, http_method: GET]}", givenUp},
		{"a device", "allow: {or: [device: {type: any}]}", never},
		{"no rule", "[]", never},
		{"no criterion", "allow: {or: []}", never},
	} {
		ways, whole := compiled(t, tt.policy).WaysIn(wanting())
		got := givenUp
		switch {
		case len(ways) > 0:
			got = fmt.Sprintf("%d of %d", len(ways), ways[0].Changes)
		case whole:
			got = never
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, g := range []*Program{nil, {}} {
		if ways, whole := g.WaysIn(wanting()); ways != nil || !whole || g.Satisfiable(wanting()) {
			t.Errorf("no policy: %d ways, whole %v", len(ways), whole)
		}
	}
}

func TestWhatAllowRulesCanComeTo(t *testing.T) {
	for policy, want := range map[string]bool{
		"allow: {or: [groups: a]}":                                                    true,
		"{allow: {or: [groups: a]}, deny: {or: [accept: true]}}":                      true,
		"{allow: {or: [groups: a]}, deny: {not: [groups: a]}}":                        true,
		"{allow: {or: [accept: true]}, deny: {or: [accept: true]}}":                   true,
		"allow: {or: [reject: true]}":                                                 false,
		"allow: {or: [device: {type: any}]}":                                          false,
		"allow: {and: [http_method: GET, http_method: POST]}":                         false,
		"deny: {or: [reject: true]}":                                                  false,
		"allow: {and: [" + many(maxChanges+1, "groups: g%d") + "]}":                   true, // not found out
		"[{allow: {mode: shadow, or: [groups: a]}}, {allow: {or: [reject: true]}}]":   false,
		"{allow: {and: [source_ip: 10.0.0.0/8]}, deny: {or: [source_ip: 0.0.0.0/0]}}": true,
	} {
		if got := compiled(t, policy).Satisfiable(wanting()); got != want {
			t.Errorf("%s: got %v, want %v", policy, got, want)
		}
	}
}
