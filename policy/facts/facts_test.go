package facts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"sallyport/identity"
	"sallyport/policy"
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
	if diff := cmp.Diff(want, s.Subject, cmpopts.IgnoreUnexported(identity.Subject{})); diff != "" || !ok {
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
		"session of none":  {"sessions: [{subject: x}]", "1:12: sessions: a session needs an id and a subject"},
		"strange status":   {"people: [{id: a, status: xyz}]", `1:26: status: unknown status "xyz" (known are ACTIVE, STAGED, PROVISIONED, RECOVERY, PASSWORD_EXPIRED, LOCKED_OUT, SUSPENDED, DEPROVISIONED)`},
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

func TestEveryFieldIsRead(t *testing.T) {
	f := read(t, `
people: [{id: 00ua, email: a@example.com, login: a.login, name: Ann, apps: [y, x, y], groups: [g, g, '']}]
sessions:
  - {id: s1, subject: 00ua}
  - {id: s2, subject: 00ua, email: other@example.com, name: Ann B, issuer: https://okta.example, client_id: 0oac}
  - {id: s3, subject: someone}`)
	want := identity.Person{
		ID: "00ua", Email: "a@example.com", Login: "a.login", Name: "Ann", Status: identity.StatusActive, Version: 1,
		Apps: []string{"x", "y"}, Groups: []identity.Group{{ID: "g", Name: "g"}},
	}
	if diff := cmp.Diff(want, *f.Person("00ua"), cmpopts.IgnoreUnexported(identity.Person{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.People) != 1 || f.People[0] != f.Person("00ua") {
		t.Errorf("people are %v", f.People)
	}
	var subjects []identity.Subject
	for _, s := range f.SessionsOf("00ua") {
		subjects = append(subjects, s.Subject)
	}
	if diff := cmp.Diff([]identity.Subject{
		{ID: "00ua", Email: "a@example.com"},
		{ID: "00ua", Email: "other@example.com", Name: "Ann B", Issuer: "https://okta.example", ClientID: "0oac"},
	}, subjects, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(identity.Subject{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A person listed in "b" is in the group of that id, whichever group is called so.
func TestIDsComeBeforeNames(t *testing.T) {
	f := read(t, "groups: [{id: a, name: b}, {id: b, name: c}, {id: d, name: c}]\npeople: [{id: x, groups: [b]}, {id: y, groups: [c]}]")
	for id, want := range map[string]string{"x": "b", "y": "b"} {
		if got := f.Person(id).Groups; len(got) != 1 || got[0].ID != want {
			t.Errorf("%s: got %v, want %s", id, got, want)
		}
	}
}

func TestFactsFromElsewhereAreADirectory(t *testing.T) {
	ann := identity.NewPerson(identity.Person{ID: "00ua", Email: "Ann@example.com"})
	groups := []identity.Group{{ID: "00ga", Name: "admins"}}
	f := New(groups, []*identity.Person{ann})
	if !f.Directory || len(f.People) != 1 || f.Person("00ua") != ann || len(f.ByEmail("ann@example.com")) != 1 {
		t.Errorf("got %+v", f)
	}
	if diff := cmp.Diff(groups, f.Groups); diff != "" {
		t.Error(diff)
	}
	if _, ok := f.Session("s"); ok {
		t.Error("there is a session")
	}
}

func TestWhatTheDirectoryDoesNotKnowIsTold(t *testing.T) {
	f := read(t, paper)
	const text = `
allow:
  or:
    - groups: admins
    - groups: 00gadmins
    - groups: admin
    - groups: xyz
    - email: ALICE@example.com
    - email: alise@example.com
    - profile/department: engineering
    - profile/departement: engineering
    - profile/d: x
    - app: wiki
    - user_status: ACTIVE
    - app: wikj
    - user: 00ualice
    - user: 00uallice
    - user: {starts_with: x}
`
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse(&node, "p.yaml")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, w := range f.Unknown(p) {
		got = append(got, strings.TrimSpace(w.Error()+" "+w.Hint))
	}
	want := []string{
		`p.yaml:6:15: group "admin" is not in the directory did you mean "admins"?`,
		`p.yaml:7:15: group "xyz" is not in the directory`,
		`p.yaml:9:14: e-mail "alise@example.com" is not in the directory did you mean "alice@example.com"?`,
		`p.yaml:11:7: attribute "departement" is not in the directory did you mean "department"?`,
		`p.yaml:12:7: attribute "d" is not in the directory`,
		`p.yaml:15:12: application "wikj" is not in the directory did you mean "wiki"?`,
		`p.yaml:17:13: user "00uallice" is not in the directory did you mean "00ualice"?`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
