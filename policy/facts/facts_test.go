package facts

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
)

const paper = `
groups:
  - {id: 00gadmins, name: admins}
  - {name: everyone}
people:
  - {id: 00ualice, email: Alice@example.com, groups: [00gadmins, everyone, admins], apps: [wiki, 0oawiki], profile: {department: engineering, level: 3, tags: [a, true]}}
  - {email: bob@example.com, status: SUSPENDED}
sessions:
  - {id: s1, subject: 00ualice, claims: {family_name: [Smith], n: 1}, authenticated_at: 2026-01-01T00:00:00Z, amr: [pwd, mfa], acr: "urn:x"}
  - {id: s2, subject: stranger, email: s@example.org}
`

func read(t *testing.T, text string) *Facts {
	t.Helper()
	f, problems := Read("facts.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return f
}

func TestFactsAreADirectory(t *testing.T) {
	f := read(t, paper)
	alice := f.Person("00ualice")
	if alice == nil || alice.Status != identity.StatusActive || !alice.HasGroup("admins") || !alice.HasGroup("00gadmins") || !alice.HasGroup("everyone") ||
		len(alice.Groups) != 2 || !alice.HasApp("wiki") || !alice.HasApp("0oawiki") || alice.HasGroup("wiki") {
		t.Errorf("got %+v", alice)
	}
	if diff := cmp.Diff(map[string][]string{"department": {"engineering"}, "level": {"3"}, "tags": {"a", "true"}}, alice.Profile); diff != "" {
		t.Error(diff)
	}
	if bob := f.Person("bob@example.com"); bob == nil || bob.Status != identity.StatusSuspended {
		t.Errorf("got %+v", bob)
	}
	if got := f.ByEmail("aLICE@EXAMPLE.com"); len(got) != 1 || got[0] != alice {
		t.Errorf("got %v", got)
	}
	if got := f.NearEmail("allice@example.com"); got != "alice@example.com" {
		t.Errorf("got %q", got)
	}
	s, ok := f.Session("s1")
	want := identity.Subject{
		ID: "00ualice", Email: "Alice@example.com", Claims: identity.Claims{"family_name": []any{"Smith"}, "n": 1.0},
		AuthenticatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Methods: []string{"pwd", "mfa"}, Context: "urn:x",
	}
	if diff := cmp.Diff(want, s.Subject); diff != "" || !ok {
		t.Errorf("%v %s", ok, diff)
	}
	if s, _ := f.Session("s2"); s.Subject.Email != "s@example.org" || len(f.SessionsOf("stranger")) != 1 {
		t.Errorf("got %+v", s)
	}
	if !f.Directory || read(t, "sessions: []").Directory {
		t.Error("people that are listed make a directory, and only they")
	}
}

func TestWithoutAListGroupsAreWhatPeopleAreIn(t *testing.T) {
	f := read(t, "people: [{id: a, groups: [admins]}, {id: b, groups: [admins]}]")
	if !f.Person("a").HasGroup("admins") || len(f.Groups) != 1 {
		t.Errorf("got %+v", f.Groups)
	}
}

func TestNobodyIsKnownWithoutFacts(t *testing.T) {
	var f *Facts
	if _, ok := f.Session("s"); ok || f.Person("a") != nil || f.ByEmail("a") != nil || f.NearEmail("a") != "" || f.SessionsOf("a") != nil {
		t.Error("nil facts know somebody")
	}
}

func TestMistakesAreTold(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown group":    {"groups: [{name: admins}]\npeople: [{id: a, groups: [admin]}]", `2:27: groups: there is no group "admin" (did you mean "admins"?)`},
		"unknown group 2":  {"groups: [{name: admins}]\npeople: [{id: a, groups: [xyz]}]", `2:27: groups: there is no group "xyz" (list it under groups)`},
		"unknown status":   {"people: [{id: a, status: ACTIV}]", `1:26: status: unknown status "ACTIV" (did you mean "ACTIVE"?)`},
		"person twice":     {"people:\n- {id: a}\n- {id: a}", `3:3: people: person id "a" stands twice, first on line 2 (keep one of them)`},
		"group twice":      {"groups:\n- {id: a}\n- {id: a}", `3:3: groups: group id "a" stands twice (keep one of them)`},
		"session twice":    {"sessions:\n- {id: a, subject: x}\n- {id: a, subject: x}", `3:3: sessions: session id "a" stands twice, first on line 2 (keep one of them)`},
		"nameless person":  {"people: [{status: ACTIVE}]", "1:10: people: a person needs an id or an email"},
		"nameless group":   {"groups: [{}]", "1:10: groups: a group needs an id or a name"},
		"nameless session": {"sessions: [{id: x}]", "1:12: sessions: a session needs an id and a subject"},
		"nested profile":   {"people: [{id: a, profile: {x: {y: z}}}]", "1:31: x: expected text or a list of texts, got a mapping (attributes do not nest)"},
		"unknown key":      {"peple: []", `1:1: the file: unknown key "peple" (did you mean "people"?)`},
		"a bad time":       {"sessions: [{id: x, subject: y, authenticated_at: yesterday}]", `1:50: authenticated_at: expected a time`},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := Read("f", []byte(tt.text))
			if len(problems) == 0 {
				t.Fatal("nothing was told")
			}
			got := problems[0].Error()
			if problems[0].Hint != "" {
				got += " (" + problems[0].Hint + ")"
			}
			if !strings.HasPrefix(got, "f:"+tt.want) {
				t.Errorf("got  %s\nwant f:%s", got, tt.want)
			}
		})
	}
}
