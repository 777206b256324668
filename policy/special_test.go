package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"sallyport/identity"
	"sallyport/internal/clientcert"
)

func withNow(at string) *Input {
	in := alice()
	var err error
	if in.Now, err = time.Parse(time.RFC3339, at); err != nil {
		panic(err)
	}
	return in
}

func altered(change func(*Input)) *Input {
	in := alice()
	change(in)
	return in
}

// tested is one restricting option with an input for which it holds and one for
// which it does not.
type tested struct {
	criterion        string
	passes, stops    *Input
	passWhy, stopWhy string
}

func (tt tested) check(t *testing.T) {
	t.Helper()
	if holds, why := criterionHolds(t, tt.criterion, tt.passes); !holds || why != tt.passWhy {
		t.Errorf("%s: got %v because of %s, want true because of %s", tt.criterion, holds, why, tt.passWhy)
	}
	if holds, why := criterionHolds(t, tt.criterion, tt.stops); holds || why != tt.stopWhy {
		t.Errorf("%s: got %v because of %s, want false because of %s", tt.criterion, holds, why, tt.stopWhy)
	}
}

func TestTimesRestrict(t *testing.T) {
	for _, tt := range []struct{ criterion, passes, stops, why string }{
		{"date: {after: '2026-01-31T12:00:00Z'}", "2026-01-31T12:00:01Z", "2026-01-31T12:00:00Z", "date"},
		{"date: {before: '2026-01-31T12:00:00+01:00'}", "2026-01-31T10:59:59Z", "2026-01-31T11:00:00Z", "date"},
		// Without a zone it is UTC, and a date alone is its first moment.
		{"date: {after: 2020-01-02T16:20:00, before: 2150-01-02T16:20:00}", "2020-01-02T16:20:01Z", "2020-01-02T16:20:00Z", "date"},
		{"date: {after: 2020-01-02T16:20, before: 2150-01-02T16:20:00}", "2150-01-02T16:19:59Z", "2150-01-02T16:20:00Z", "date"},
		{"date: {before: 2020-01-02}", "2020-01-01T23:59:59Z", "2020-01-02T00:00:00Z", "date"},
		{"time_of_day: {after: 3 PM, before: '15:04:05.999999999'}", "2026-10-05T15:04:04Z", "2026-10-05T15:04:05Z", "time-of-day"},
		{"day_of_week: mon-fri", "2026-10-02T23:59:59Z", "2026-10-03T00:00:00Z", "day-of-week"},
		{"day_of_week: 'sat,Sunday'", "2026-10-04T12:00:00Z", "2026-10-05T00:00:00Z", "day-of-week"},
		{"day_of_week: fri-mon", "2026-10-05T12:00:00Z", "2026-10-06T12:00:00Z", "day-of-week"},
		{"day_of_week: {is: mon, timezone: Asia/Tokyo}", "2026-10-04T15:00:00Z", "2026-10-05T15:00:00Z", "day-of-week"},
		{"time_of_day: {after: 8:00, before: 4:30PM}", "2026-10-05T08:00:00Z", "2026-10-05T16:30:00Z", "time-of-day"},
		{"time_of_day: {after: 8:00, before: 4:30PM}", "2026-10-05T16:29:59Z", "2026-10-05T07:59:59Z", "time-of-day"},
		{"time_of_day: {after: 22:00, before: 2:20:00}", "2026-10-05T23:00:00Z", "2026-10-05T02:20:00Z", "time-of-day"},
		{"time_of_day: {after: 22:00, before: 2:20:00}", "2026-10-05T02:19:59Z", "2026-10-05T21:59:59Z", "time-of-day"},
		{"time_of_day: {after: 22:00, before: 2:20:00}", "2026-10-05T22:00:00Z", "2026-10-05T12:00:00Z", "time-of-day"},
		{"time_of_day: {after: 8:00}", "2026-10-05T23:59:59Z", "2026-10-05T07:59:59Z", "time-of-day"},
		{"date: {before: '2026-01-31T12:00:00Z'}", "0001-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "date"},
		{"time_of_day: {before: 9 am}", "2026-10-05T08:59:59Z", "2026-10-05T09:00:00Z", "time-of-day"},
		// Zurich is an hour ahead in winter and two in summer.
		{"time_of_day: {after: 8:00, timezone: Europe/Zurich}", "2026-03-28T07:00:00Z", "2026-03-28T06:59:59Z", "time-of-day"},
		{"time_of_day: {after: 8:00, timezone: Europe/Zurich}", "2026-03-29T06:00:00Z", "2026-03-29T05:59:59Z", "time-of-day"},
		// 2:30 comes twice when clocks are set back, and never when they are set on.
		{"time_of_day: {after: 2:00, before: 3:00, timezone: Europe/Zurich}", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "time-of-day"},
		{"time_of_day: {after: 2:00, before: 3:00, timezone: Europe/Zurich}", "2026-10-25T01:30:00Z", "2026-03-29T01:00:00Z", "time-of-day"},
	} {
		tested{tt.criterion, withNow(tt.passes), withNow(tt.stops), tt.why + "-ok", tt.why + "-unauthorized"}.check(t)
	}
	for day := range 7 {
		at := fmt.Sprintf("2026-10-%02dT00:00:00Z", day+5)
		if holds, _ := criterionHolds(t, "day_of_week: '*'", withNow(at)); !holds {
			t.Errorf("* is not every day: not %s", at)
		}
	}
}

func TestWhatTheDirectoryKnowsRestricts(t *testing.T) {
	person := func(p identity.Person) *Input { return altered(func(in *Input) { in.Person = identity.NewPerson(p) }) }
	wiki := person(identity.Person{Apps: []string{"0oawiki", "wiki"}, Profile: map[string][]string{"dept": {"a", "b"}, "one": {"3"}}, Status: identity.StatusLockedOut})
	none := person(identity.Person{Status: identity.StatusActive})
	nobody := altered(func(in *Input) { in.Person = nil })
	for _, tt := range []tested{
		{"app: wiki", wiki, none, "app-ok", "app-unauthorized"},
		{"app: {has: 0oawiki}", wiki, nobody, "app-ok", "app-unauthorized"},
		{"app: {exclude: wiki}", none, wiki, "app-ok", "app-unauthorized"},
		{"app: {exclude: wiki}", none, nobody, "app-ok", "app-unauthorized"},
		{"profile/dept: b", wiki, none, "profile-ok", "profile-unauthorized"},
		{"profile/one: 3", wiki, none, "profile-ok", "profile-unauthorized"},
		{"profile/dept: {exclude: b}", none, wiki, "profile-ok", "profile-unauthorized"},
		{"profile/one: {is: 3}", wiki, none, "profile-ok", "profile-unauthorized"},
		{"profile/x: {exclude: b}", none, nobody, "profile-ok", "profile-unauthorized"},
		{"user_status: locked_out", wiki, none, "user-status-ok", "user-status-unauthorized"},
		{"user_status: {not: ACTIVE}", wiki, nobody, "user-status-ok", "user-status-unauthorized"},
	} {
		tt.check(t)
	}
	if holds, _ := criterionHolds(t, "profile/dept: {is: a}", wiki); holds {
		t.Error("one of two values is taken for the only one")
	}
	if got := compiled(t, "allow: {or: [profile/dept: {is: a}, profile/dept: {is: b}]}").Eval(wiki).Effect; got != Deny {
		t.Errorf("two values are taken for the only one: %s", got)
	}
	if holds, _ := criterionHolds(t, "profile/one: {is: 4}", wiki); holds {
		t.Error("another value is taken for the only one")
	}
}

func TestCertificatesRestrict(t *testing.T) {
	cert := altered(func(in *Input) { trust(in, someCertificate) })
	other := altered(func(in *Input) { trust(in, otherCertificate) })
	bad := altered(func(in *Input) {
		trust(in, someCertificate)
		in.Request.ClientCertificateError = errors.New("expired")
	})
	unverified := altered(func(in *Input) { in.Request.ClientCertificate = someCertificate })
	nothing := altered(func(in *Input) { in.Request.ClientCertificateTrusted = true })
	none := alice()
	const ok, no = "client-certificate-ok", "client-certificate-unauthorized"
	for _, tt := range []tested{
		{"client_certificate: {fingerprint: " + fingerprintOf(someCertificate) + "}", cert, other, ok, no},
		{"client_certificate: {fingerprint: '" + colons(fingerprintOf(someCertificate)) + "'}", cert, none, ok, no},
		{"client_certificate: {spki_hash: [" + keyHashOf(someCertificate) + "]}", cert, other, ok, no},
		{"client_certificate: {san_dns: b.example.com}", cert, none, ok, no},
		{"client_certificate: {san_email: {ends_with: '@example.com'}}", cert, bad, ok, no},
		{"client_certificate: {san_uri: 'spiffe://example.com/a'}", cert, none, ok, no},
		{"client_certificate: {san_dns: b.example.com, spki_hash: " + keyHashOf(someCertificate) + "}", cert, other, ok, no},
		{"invalid_client_certificate: true", none, cert, "client-certificate-required", "valid-client-certificate"},
		{"invalid_client_certificate: true", bad, cert, "invalid-client-certificate", "valid-client-certificate"},
		{"client_certificate: {san_dns: b.example.com}", cert, unverified, ok, no},
		{"client_certificate: {san_dns: b.example.com}", cert, nothing, ok, no},
		{"invalid_client_certificate: true", unverified, cert, "invalid-client-certificate", "valid-client-certificate"},
		{"invalid_client_certificate: true", nothing, cert, "client-certificate-required", "valid-client-certificate"},
	} {
		tt.check(t)
	}
	for _, field := range []string{"san_dns", "san_email", "san_uri"} {
		if holds, _ := criterionHolds(t, "client_certificate: {"+field+": nobody}", cert); holds {
			t.Errorf("%s: a name that the certificate has not is found in it", field)
		}
	}
	// A certificate that the deny rules refuse comes before a sign-in.
	refuses := compiled(t, "{allow: {or: [email: a@b.c]}, deny: {or: [invalid_client_certificate: true]}}")
	in := stranger()
	if got := refuses.Eval(in).Effect; got != Deny {
		t.Errorf("without certificate: %s", got)
	}
	if in.Request.ClientCertificate = someCertificate; refuses.Eval(in).Effect != Deny {
		t.Errorf("with a certificate that nobody verified: %s", refuses.Eval(in).Effect)
	}
	if trust(in, someCertificate); refuses.Eval(in).Effect != Unauthenticated {
		t.Errorf("with certificate: %s", refuses.Eval(in).Effect)
	}
}

func TestRequestsRestrict(t *testing.T) {
	read, write := "read", "write"
	for _, tt := range []tested{
		{"http_header/x-team: a", withHeader(alice(), "X-Team", "a"), withHeader(alice(), "X-Team", "b"), "http-header-ok", "http-header-unauthorized"},
		{"http_header/X-Team: {not: a}", withHeader(alice(), "X-Team", "b"), alice(), "http-header-ok", "http-header-unauthorized"},
		{"http_header/X-Team: 'a, b'", altered(func(in *Input) { in.Request.Header["X-Team"] = []string{"a", "b"} }), withHeader(alice(), "X-Team", "a"), "http-header-ok", "http-header-unauthorized"},
		{"pomerium_routes: true", withPath("/.pomerium/user"), withPath("/.pomeriumx"), "pomerium-route", "non-pomerium-route"},
		{"mcp_tool: read", altered(func(in *Input) { in.Request.Tool = &read }), altered(func(in *Input) { in.Request.Tool = &write }), "mcp-tool-match", "mcp-tool-no-match"},
		{"mcp_tool: {not_in: [write]}", altered(func(in *Input) { in.Request.Tool = &read }), alice(), "mcp-tool-match", "mcp-not-a-tool-call"},
	} {
		tt.check(t)
	}
}

func TestDeviceKeepsOutWhoeverNeedsOne(t *testing.T) {
	for policy, want := range map[string]Effect{
		"allow: {or: [device: {approved: true}]}":                      Deny,
		"allow: {or: [accept: true, device: {approved: true}]}":        Allow,
		"{allow: {or: [accept: true]}, deny: {or: [device: {is: x}]}}": Deny,
		"allow: {not: [device: {type: any}]}":                          Deny,
	} {
		if got := compiled(t, policy).Eval(alice()); got.Effect != want {
			t.Errorf("%s: got %+v", policy, got)
		}
	}
}

func TestUnmetStepUpAsksForASignInThatWouldHelp(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	signedIn := func(ago time.Duration, acr string, amr ...string) *Input {
		return altered(func(in *Input) {
			in.Now = now
			in.Subject.AuthenticatedAt, in.Subject.Context, in.Subject.Methods = now.Add(-ago), acr, amr
		})
	}
	for _, tt := range []struct {
		policy string
		in     *Input
		effect Effect
		want   SignIn
	}{
		{"allow: {and: [groups: wiki, auth_age: {max: 15m}]}", signedIn(15*time.Minute, ""), Allow, SignIn{}},
		{"allow: {and: [groups: wiki, auth_age: {max: 15m}]}", signedIn(16*time.Minute, ""), StepUp, SignIn{Aged: true, MaxAge: 15 * time.Minute}},
		{"allow: {and: [groups: none, auth_age: {max: 15m}]}", signedIn(16*time.Minute, ""), Deny, SignIn{}},
		{"allow: {or: [groups: wiki, auth_age: {max: 15m}]}", signedIn(16*time.Minute, ""), Allow, SignIn{}},
		{"allow: {and: [auth_method: mfa]}", signedIn(0, "", "pwd", "mfa"), Allow, SignIn{}},
		{"allow: {and: [auth_method: {has: mfa}, auth_context: urn:a]}", signedIn(0, "urn:b", "pwd"), StepUp, SignIn{Method: "mfa", Context: "urn:a"}},
		{"allow: {or: [auth_context: {in: [urn:a, urn:b]}]}", signedIn(0, "urn:b"), Allow, SignIn{}},
		{"{allow: {or: [groups: wiki]}, deny: {not: [auth_age: {max: 1h}]}}", signedIn(2*time.Hour, ""), StepUp, SignIn{Aged: true, MaxAge: time.Hour}},
		{"{allow: {or: [auth_age: {max: 3h}]}, deny: {not: [auth_age: {max: 1h}, auth_method: mfa]}}", signedIn(4*time.Hour, ""), StepUp, SignIn{Aged: true, MaxAge: time.Hour, Method: "mfa"}},
		{"{allow: {and: [auth_age: {max: 1h}]}, deny: {or: [groups: wiki]}}", signedIn(2*time.Hour, ""), Deny, SignIn{}},
		{"[{allow: {or: [accept: true]}}, {allow: {not: [auth_context: urn:a, device: {approved: true}]}}]", signedIn(0, ""), Deny, SignIn{}},
		{"allow: {and: [auth_age: {max: 1h}]}", altered(func(in *Input) { in.Now = now }), StepUp, SignIn{Aged: true, MaxAge: time.Hour}},
		{"allow: {and: [auth_age: {max: 1h}]}", stranger(), Unauthenticated, SignIn{}},
	} {
		program := compiled(t, tt.policy)
		if got := program.Eval(tt.in); got.Effect != tt.effect || got.SignIn != tt.want || got != program.Trace(tt.in).Decision {
			t.Errorf("%s: got %s, %+v", tt.policy, got.Effect, got.SignIn)
		}
	}
}

func TestRulesInShadowNeverDecide(t *testing.T) {
	for _, tt := range []struct {
		policy string
		effect Effect
		shadow string
	}{
		{"[{allow: {or: [groups: wiki]}}, {deny: {or: [groups: wiki]}, mode: shadow}]", Allow, "shadow-deny"},
		{"[{allow: {or: [groups: wiki]}}, {deny: {or: [groups: none], mode: shadow}}]", Allow, "shadow-allow"},
		{"[{allow: {or: [groups: none]}}, {allow: {or: [groups: wiki]}, mode: shadow}]", Deny, "shadow-allow"},
		{"[{allow: {or: [groups: wiki]}, deny: {or: [groups: wiki]}, mode: shadow}]", Deny, "shadow-deny"},
		{"[{allow: {or: [groups: wiki]}, mode: enforce}]", Allow, ""},
	} {
		p := parsed(t, tt.policy)
		d := must(t, p).Eval(alice())
		if d.Effect != tt.effect || d.Shadow.String() != tt.shadow || d.Rule != nil && d.Rule.Shadow {
			t.Errorf("%s: got %s, %s, %+v", tt.policy, d.Effect, d.Shadow, d.Rule)
		}
		if strings.Contains(p.String(), "in shadow") != (tt.shadow != "") {
			t.Errorf("in one line: %s", p)
		}
	}
	if p := parsed(t, "allow: {or: [accept: true]}\nmode: shadow"); p.Public() {
		t.Error("a policy in shadow is public")
	}
}

func TestNamedPoliciesAndFilesAreReadWhereTheyAreUsed(t *testing.T) {
	parse := func(text string, o ParseOptions) (*Policy, []Problem) {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		return ParseWith(&node, "p.yaml", o)
	}
	o := ParseOptions{
		Named: map[string]*Policy{"wiki": parsed(t, "allow: {or: [groups: wiki]}"), "broken": {broken: true}},
		ReadFile: func(path string) ([]byte, error) {
			if path != "list.txt" {
				return nil, errors.New("no such file")
			}
			return []byte("# people\n\nalice@example.com\r\nwiki\n"), nil
		},
	}
	for text, want := range map[string]Effect{
		"use: wiki": Allow,
		"[{use: wiki}, {deny: {or: [user: 00ualice]}}]":           Deny,
		"{use: wiki, mode: shadow}":                               Deny,
		"allow: {or: [email: {in_file: list.txt}]}":               Allow,
		"allow: {or: [email: {not_in_file: list.txt}]}":           Deny,
		"allow: {or: [groups: {has_file: list.txt}]}":             Allow,
		"allow: {or: [groups: {exclude_file: list.txt}]}":         Deny,
		"allow: {or: [claim/groups: {has_file: list.txt}]}":       Deny,
		"allow: {or: [user: 00ubob, email: {in_file: list.txt}]}": Allow,
	} {
		p, problems := parse(text, o)
		if len(problems) > 0 {
			t.Errorf("%s: %v", text, problems)
			continue
		}
		if got := must(t, p).Eval(alice()).Effect; got != want {
			t.Errorf("%s: got %s", text, got)
		}
	}
	listed, _ := parse("allow: {or: [groups: {has_file: list.txt}]}", o)
	if refs := listed.UsesGroups(); len(refs) != 2 || refs[0].Position != (Position{"list.txt", 3, 1}) || refs[1].Position != (Position{"list.txt", 4, 1}) {
		t.Errorf("values of a file stand at %v", refs)
	}
	if p, problems := parse("use: broken", o); len(problems) > 0 || p.Public() {
		t.Errorf("got %v", problems)
	} else if _, err := Compile(p); err == nil {
		t.Error("a policy that uses a broken one compiles")
	}
	if _, problems := parse("allow: {or: [email: {in_file: none.txt}]}", o); len(problems) != 1 || !strings.Contains(problems[0].Message, "no such file") {
		t.Errorf("got %v", problems)
	}
}

func TestEveryCriterionIsInTheReference(t *testing.T) {
	for _, c := range Reference() {
		if c.Data == "" || c.Doc == "" || len(c.Reasons) == 0 && c.Name != "accept" {
			t.Errorf("%s is not described: %+v", c.Name, c)
		}
	}
	if len(criterionTexts) != len(kinds) {
		t.Errorf("%d criteria are described, there are %d", len(criterionTexts), len(kinds))
	}
}

func TestSpecialCriteriaAllocateNothing(t *testing.T) {
	program := compiled(t, `allow: {and: [http_header/x-team: a, {client_certificate: {san_dns: b.example.com, fingerprint: `+fingerprintOf(someCertificate)+`}}, {date: {after: '2020-01-01T00:00:00Z'}},
		{day_of_week: {is: mon-sun, timezone: Europe/Zurich}}, {time_of_day: {timezone: Asia/Tokyo, after: 0:00}}, {app: wiki}, {profile/a: b}, {user_status: ACTIVE}, {auth_method: mfa}, {auth_age: {max: 1h}}, {auth_context: urn:a}]}`)
	in := withHeader(alice(), "X-Team", "a")
	in.Now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	trust(in, someCertificate)
	in.Request.ClientCertificateFacts = clientcert.FactsOf(someCertificate)
	in.Person = identity.NewPerson(identity.Person{Status: identity.StatusActive, Apps: []string{"wiki"}, Profile: map[string][]string{"a": {"b"}}})
	if n := testing.AllocsPerRun(100, func() { program.Eval(in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := program.Eval(in).Effect; got != StepUp {
		t.Errorf("got %s", got)
	}
}
