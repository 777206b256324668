package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatAPolicyCanHardlyMeanIsTold(t *testing.T) {
	const (
		denies    = "reject-denies-nobody: reject never holds, so that this denies nobody (to deny everybody write accept: true under deny)"
		nobody    = "never-holds: this list can never hold: it allows nobody (remove it, or ask for less)"
		spares    = "never-holds: this list can never hold: it denies nobody (remove it, or ask for less)"
		everybody = "always-holds: this list always holds: everybody is denied, whatever the other rules say (remove the other rules, or narrow this one)"
		open      = "always-holds: this list always holds: the route is public, and its other criteria mean nothing (remove the other criteria, or accept)"
		empty     = "never-holds: this list is empty: it "
		wide      = "always-holds: this list always holds: the route is public, and its other allow rules mean nothing (remove the other allow rules, or this one)"
	)
	for text, want := range map[string][]string{
		"[]":                                                                                           nil,
		"allow: {or: [groups: wiki]}":                                                                  nil,
		"allow: {or: [accept: true]}":                                                                  nil,
		"allow: {or: []}":                                                                              {"1:9 " + empty + "allows nobody (say whom, or remove it)"},
		"deny: {and: [], or: [groups: wiki]}":                                                          {"1:8 " + empty + "denies nobody (say whom, or remove it)"},
		"allow: {}":                                                                                    {"1:1 never-holds: this rule says nothing: it allows nobody (say whom, or remove it)"},
		"deny: {or: [reject: true]}":                                                                   {"1:13 " + denies},
		"deny: {and: [groups: wiki, reject: true]}":                                                    {"1:8 " + spares},
		"deny: {and: [reject: true, groups: wiki]}":                                                    {"1:14 " + denies},
		"allow: {or: [reject: true]}":                                                                  {"1:9 " + nobody},
		"allow: {and: [reject: true, groups: wiki]}":                                                   {"1:9 " + nobody},
		"allow: {not: [accept: true, groups: wiki]}":                                                   {"1:9 " + nobody},
		"allow: {nor: [accept: true]}":                                                                 {"1:9 " + nobody},
		"allow: {nor: [accept: true, groups: wiki]}":                                                   nil,
		"allow: {or: [reject: true, groups: wiki]}":                                                    nil,
		"deny: {or: [accept: true, groups: wiki]}":                                                     {"1:8 " + everybody},
		"deny: {and: [accept: true]}":                                                                  {"1:8 " + everybody},
		"deny: {not: [reject: true]}":                                                                  {"1:8 " + everybody},
		"deny: {and: [accept: true, groups: wiki]}":                                                    nil,
		"allow: {or: [accept: true, groups: wiki]}":                                                    {"1:9 " + open},
		"allow: {and: [accept: true, accept: true]}":                                                   {"1:9 " + open},
		"allow: {nor: [reject: true, groups: wiki]}":                                                   {"1:9 " + open},
		"allow: {not: [reject: true, groups: wiki]}":                                                   nil,
		"[{allow: {or: [accept: true]}}, {allow: {or: [groups: wiki]}}]":                               {"1:11 " + wide},
		"[{allow: {or: [accept: true]}}, {deny: {or: [groups: wiki]}}]":                                nil,
		"[{allow: {or: [accept: true]}}, {allow: {mode: shadow, or: [groups: wiki]}}]":                 nil,
		"[{allow: {mode: shadow, or: [accept: true]}}, {allow: {or: [groups: wiki]}}]":                 nil,
		"allow: {and: [http_method: GET, http_method: POST]}":                                          {"1:9 " + nobody},
		"allow: {and: [http_method: GET, http_method: GET]}":                                           nil,
		"allow: {and: [http_method: GET, http_path: POST]}":                                            {"1:44 never-holds: paths begin with a slash, and no request has \"POST\" (write /POST)"},
		"allow: {or: [http_path: {starts_with: admin}, http_path: {in: [/a, ''], contains: b}]}":       {"1:39 never-holds: paths begin with a slash, and no request has \"admin\" (write /admin)"},
		"allow: {or: [http_method: {in: [GET, post, own]}]}":                                           {"1:38 never-holds: methods are in capital letters, and no request has \"post\" (write POST)"},
		"deny: {or: [email: 'zoe@example.com,Zoe']}":                                                   {"1:20 never-holds: nobody has the e-mail \"zoe@example.com,Zoe\" (write one address, without spaces or anything else around it)"},
		"deny: {or: [email: 'zoe@example.com # left']}":                                                {"1:20 never-holds: nobody has the e-mail \"zoe@example.com # left\" (write one address, without spaces or anything else around it)"},
		"allow: {or: [http_method: GET, http_method: POST]}":                                           nil,
		"allow: {not: [http_method: GET, http_method: POST]}":                                          nil,
		"allow: {and: [email: A@example.com, email: a@EXAMPLE.com]}":                                   nil,
		"allow: {and: [email: a@example.com, email: b@example.com]}":                                   {"1:9 " + nobody},
		"allow: {and: [groups: a, groups: b]}":                                                         nil,
		"allow: {and: [claim/x: {is: a}, claim/x: {is: b}]}":                                           nil,
		"allow: {and: [http_method: {in: [GET]}, http_method: POST]}":                                  nil,
		"allow: {and: [http_method: {is: GET, not: x}, http_method: {is: POST, not: x}]}":              nil,
		"allow: {and: [day_of_week: mon, day_of_week: tue]}":                                           nil,
		"allow: {and: [http_header/a: x, http_header/b: y]}":                                           nil,
		"allow: {and: [http_header/a: x, http_header/a: y]}":                                           {"1:9 " + nobody},
		"[{allow: {or: [reject: true], and: [reject: true]}}, {deny: {or: [reject: true]}}]":           {"1:11 " + nobody, "1:31 " + nobody, "1:67 " + denies},
		"[{allow: {or: [accept: true]}}, {allow: {or: [accept: true]}}]":                               {"1:11 " + wide, "1:42 " + wide},
		"[{allow: {or: [accept: true], and: [groups: wiki]}}]":                                         nil,
		"[{allow: {or: [accept: true]}}, {deny: {or: [groups: x]}}, {deny: {or: [http_method: GET]}}]": nil,
	} {
		var got []string
		for _, p := range parsed(t, text).Lint() {
			got = append(got, fmt.Sprintf("%d:%d %s: %s (%s)", p.Position.Line, p.Position.Col, p.Code, p.Message, p.Hint))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	broken, _ := parseText(t, "{deny: {or: [reject: true]}, alow: x}")
	if (*Policy)(nil).Lint() != nil || broken.Lint() != nil {
		t.Error("something is told of no policy, or of half a one")
	}
}

func TestWhatACriterionNames(t *testing.T) {
	p := parsed(t, `
allow:
  or:
    - email: a@example.com
    - email: {in: [b@example.com, c@example.com]}
    - email: {not: d@example.com, is: e@example.com}
    - email: {ends_with: "@example.com"}
    - groups: admins
    - groups: {exclude: guests}
    - app: wiki
    - profile/x: y
    - user_status: ACTIVE
deny:
  or:
    - groups: {is: alone}
`)
	texts := func(refs []GroupRef) (out []string) {
		for _, r := range refs {
			out = append(out, fmt.Sprintf("%s %d:%d", r.Name, r.Line, r.Col))
		}
		return out
	}
	for name, tt := range map[string]struct{ got, want []string }{
		"e-mails":   {texts(p.Named("email")), []string{"a@example.com 4:14", "b@example.com 5:20", "c@example.com 5:35", "e@example.com 6:39"}},
		"groups":    {texts(p.Named("groups")), []string{"admins 8:15", "alone 15:20"}},
		"others":    {texts(p.Named("user")), nil},
		"used":      {texts(p.UsesGroups()), []string{"admins 8:15", "guests 9:25", "alone 15:20"}},
		"directory": {texts(p.NeedsDirectory()), []string{"groups 8:7", "groups 9:7", "app 10:7", "profile/x 11:7", "user_status 12:7", "groups 15:7"}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if at := p.Uses("profile"); len(at) != 1 || at[0].Line != 11 {
		t.Errorf("profile stands at %v", at)
	}
	if at := p.Uses("http_method"); at != nil {
		t.Errorf("http_method stands at %v", at)
	}
}

func TestJoinedPoliciesAreBrokenIfOneIs(t *testing.T) {
	good, bad := parsed(t, "allow: {or: [accept: true]}"), &Policy{broken: true}
	for name, p := range map[string]*Policy{"first": Join(bad, good), "last": Join(good, bad), "between": Join(nil, bad, nil, good)} {
		if _, err := Compile(p); err == nil || p.Public() {
			t.Errorf("%s: a joined policy forgets what is broken", name)
		}
	}
	p := Join(good, nil, parsed(t, "deny: {or: [http_method: PUT]}"))
	if must(t, p).Eval(alice()).Effect != Allow || must(t, p).Eval(withMethod(alice(), "PUT")).Effect != Deny {
		t.Error("a joined policy has not the rules of all")
	}
	(*Policy)(nil).criteria()(func(*criterion) bool { t.Error("no policy has a criterion"); return false })
}

// An address where a domain is asked for, and the reverse, lets nobody in.
func TestAddressesAndDomainsInEachOthersPlaceAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"allow: {or: [email: alice@example.com]}":            "",
		"allow: {or: [email: {ends_with: example.com}]}":     "",
		"allow: {or: [email: '@example.com']}":               "write domain: {is: example.com}",
		"allow: {or: [email: '*@example.com']}":              "write domain: {is: example.com}",
		"allow: {or: [email: example.com]}":                  "write NAME@DOMAIN, or ask for the domain",
		"allow: {or: [email: {in: [a@example.com, alice]}]}": "write NAME@DOMAIN, or ask for the domain",
		"allow: {or: [domain: example.com]}":                 "",
		"allow: {or: [domain: '@example.com']}":              "write example.com",
		"deny: {or: [domain: alice@example.com]}":            "write example.com",
		"allow: {or: [domain: '*.example.com']}":             "write domain: {ends_with: .example.com}, or is for the domain itself",
		"allow: {or: [domain: '*']}":                         "to let in everybody who signs in write authenticated_user: true",
	} {
		got := ""
		for _, p := range parsed(t, text).Lint() {
			got += p.Hint
			if p.Code != LintNeverHolds {
				t.Errorf("%s: code %s", text, p.Code)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	legacy := (*Policy)(nil).WithLegacy(Legacy{AllowedUsers: []Valued{{Value: "00ualice"}}})
	if got := legacy.Lint(); len(got) > 0 {
		t.Errorf("an allowed user may be an id: %v", got)
	}
}
