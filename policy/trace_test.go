package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
)

func TestTraceTellsEachStep(t *testing.T) {
	const policy = `- allow:
    and:
      - groups: {has: admins, exclude: contractors}
      - http_method: {in: [GET, HEAD]}
    nor: []
- deny:
    not:
      - source_ip: [10.0.0.0/8, 192.0.2.1]
`
	program := compiled(t, policy)
	at := func(line, col int) Position { return Position{"policy.yaml", line, col} }
	want := []RuleTrace{
		{Rule: program.rules[0], Lists: []ListTrace{
			{Operator: And, Position: at(2, 5), Reasons: Reasons(ReasonGroupsUnauthorized), Criteria: []CriterionTrace{
				{Name: "groups", Position: at(3, 9), Reason: ReasonGroupsUnauthorized, Wanted: `has "admins" and exclude "contractors"`, Had: []string{"developers (00gdev)", "wiki (00gwiki)"}},
				{Name: "http_method", Position: at(4, 9), Holds: true, Reason: ReasonHTTPMethodOK, Wanted: `in "GET", "HEAD"`, Had: []string{"GET"}},
			}},
			{Operator: Nor, Position: at(5, 5)},
		}},
		{Rule: program.rules[1], Lists: []ListTrace{
			{Operator: Not, Position: at(7, 5), Reasons: Reasons(ReasonSourceIPOK), Criteria: []CriterionTrace{
				{Name: "source_ip", Position: at(8, 9), Holds: true, Reason: ReasonSourceIPOK, Wanted: "in 10.0.0.0/8, 192.0.2.1/32", Had: []string{"10.1.2.3"}},
			}},
		}},
	}
	got := program.Trace(alice())
	if diff := cmp.Diff(want, got.Rules, cmp.AllowUnexported(Rule{}), cmp.Comparer(func(a, b *Rule) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Decision != program.Eval(alice()) {
		t.Errorf("decision %+v", got.Decision)
	}
}

// Whoever asks why a rule on the e-mail did not hold must see an address that was
// there and did not count.
func TestTraceTellsOfAddressesThatDoNotCount(t *testing.T) {
	in := alice()
	in.Person, in.Subject.Email, in.Subject.UnverifiedEmail = nil, "", "alice@example.com"
	program := compiled(t, "allow: {or: [email: alice@example.com]}")
	trace := program.Trace(in)
	if trace.Decision.Effect != Deny {
		t.Error("the address counts")
	}
	want := []string{"alice@example.com (the identity provider does not vouch for it)"}
	if got := trace.Rules[0].Lists[0].Criteria[0].Had; !slices.Equal(got, want) {
		t.Errorf("had %q, want %q", got, want)
	}
	in.Person = alice().Person
	if got := program.Trace(in).Rules[0].Lists[0].Criteria[0].Had; !slices.Equal(got, []string{"alice@example.com"}) {
		t.Errorf("with a directory: had %q", got)
	}
}

func TestTraceMarksRulesAndListsThatHold(t *testing.T) {
	program := compiled(t, "- allow: {or: [http_method: GET, reject: true], and: [reject: true], not: []}\n- deny: {or: [reject: true]}")
	got := program.Trace(alice())
	if !got.Rules[0].Holds || got.Rules[1].Holds || !got.Rules[0].Lists[0].Holds || got.Rules[0].Lists[1].Holds || got.Rules[0].Lists[2].Holds {
		t.Errorf("got %+v", got.Rules)
	}
}

func TestTraceSaysWhatWasThere(t *testing.T) {
	long := make([]string, 25)
	for i := range long {
		long[i] = "a"
	}
	nameless := alice()
	nameless.Person = nil
	nameless.Subject = &identity.Subject{}
	for _, tt := range []struct {
		criterion string
		in        *Input
		wanted    string
		had       []string
	}{
		{"accept: true", alice(), "", nil},
		{"reject: true", alice(), "", nil},
		{"authenticated_user: true", alice(), "", []string{"00ualice"}},
		{"authenticated_user: true", stranger(), "", nil},
		{"authenticated_user: true", nameless, "", nil},
		{"cors_preflight: true", alice(), "", []string{"GET"}},
		{"email: {is: a, not: 1}", alice(), "", []string{"alice@example.com"}},
		{"email: x", withMail("a@b@c"), `is "x"`, []string{"a@b@c"}},
		{"domain: {starts_with: x}", alice(), `starts_with "x"`, []string{"example.com"}},
		{"email: x", stranger(), `is "x"`, nil},
		{"http_method: GET", stranger(), `is "GET"`, []string{"GET"}},
		{"user: true", alice(), "is true", []string{"00ualice"}},
		{"groups: 1", nameless, "has 1", nil},
		{"claim/groups: x", alice(), `has "x"`, []string{"engineering", "everyone"}},
		{"claim/level: 1.5", alice(), "has 1.5", []string{"3"}},
		{"claim/address: x", alice(), `has "x"`, []string{`{"city":{"zip":"8000"},"country":"CH"}`}},
		{"claim/none: x", alice(), `has "x"`, nil},
		{"claim/odd: x", withClaim("odd", func() {}), `has "x"`, []string{"func()"}},
		{"http_path: {ends_with: /}", alice(), `ends_with "/"`, []string{"/wiki"}},
		{"source_ip: '::1'", withIP("fe80::1%eth0"), "in ::1/128", []string{"fe80::1"}},
		{"source_ip: '::1'", &Input{}, "in ::1/128", nil},
		{"user: {in: [" + strings.Join(long[:20], ", ") + "]}", alice(), "in " + strings.Repeat(`"a", `, 19) + `"a"`, []string{"00ualice"}},
		{"user: {in: [" + strings.Join(long, ", ") + "]}", alice(), "in " + strings.Repeat(`"a", `, 19) + `"a" and 5 more`, []string{"00ualice"}},
	} {
		c := compiled(t, "allow: {or: [{"+tt.criterion+"}]}").Trace(tt.in).Rules[0].Lists[0].Criteria[0]
		if c.Name != strings.Split(tt.criterion, ":")[0] {
			t.Errorf("%s is called %q", tt.criterion, c.Name)
		}
		if tt.wanted != "" && c.Wanted != tt.wanted {
			t.Errorf("%s: wanted %q, want %q", tt.criterion, c.Wanted, tt.wanted)
		}
		if diff := cmp.Diff(tt.had, c.Had); diff != "" {
			t.Errorf("%s: had (-want +got):\n%s", tt.criterion, diff)
		}
	}
}

// checkHad evaluates one criterion and compares what was there.
func checkHad(t *testing.T, criterion string, in *Input, want []string) {
	t.Helper()
	got := compiled(t, "allow: {or: [{"+criterion+"}]}").Trace(in).Rules[0].Lists[0].Criteria[0].Had
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: had (-want +got):\n%s", criterion, diff)
	}
}

func TestTraceSaysWhatSpecialCriteriaSaw(t *testing.T) {
	untrusted := altered(func(in *Input) {
		trust(in, someCertificate)
		in.Request.ClientCertificateError = errors.New("expired")
	})
	names := append(append([]string{"fingerprint " + fingerprintOf(someCertificate)}, someCertificate.EmailAddresses...), someCertificate.DNSNames...)
	for _, u := range someCertificate.URIs {
		names = append(names, u.String())
	}
	known := altered(func(in *Input) {
		in.Person = identity.NewPerson(identity.Person{
			Status: identity.StatusActive, Apps: []string{"wiki"}, Profile: map[string][]string{"dept": {"a", "b"}},
			Groups: []identity.Group{{ID: "00gnone"}},
		})
	})
	unknown := altered(func(in *Input) { in.Person = nil })
	read := "read"
	for _, tt := range []struct {
		criterion string
		in        *Input
		want      []string
	}{
		{"invalid_client_certificate: true", alice(), nil},
		{"invalid_client_certificate: true", altered(func(in *Input) { trust(in, someCertificate) }), names},
		{"invalid_client_certificate: true", untrusted, append(slices.Clone(names), "not trusted: expired")},
		{"invalid_client_certificate: true", altered(func(in *Input) { in.Request.ClientCertificate = someCertificate }), append(slices.Clone(names), "not trusted: nobody verified it")},
		{"client_certificate: {san_dns: x}", altered(func(in *Input) { trust(in, someCertificate) }), names},
		{"app: wiki", known, []string{"wiki"}},
		{"app: wiki", unknown, nil},
		{"profile/dept: x", known, []string{"a", "b"}},
		{"profile/dept: x", unknown, nil},
		{"user_status: x", known, []string{"ACTIVE"}},
		{"user_status: x", unknown, nil},
		{"groups: x", known, []string{"00gnone"}},
		{"mcp_tool: x", alice(), nil},
		{"mcp_tool: x", altered(func(in *Input) { in.Request.Tool = &read }), []string{"read"}},
		{"http_header/x-team: x", withHeader(alice(), "X-Team", "a"), []string{"a"}},
		{"date: {after: '2020-01-01T00:00:00Z'}", withNow("2026-10-02T23:59:59Z"), []string{"Fri 2026-10-02 23:59:59 UTC"}},
		{"day_of_week: {is: mon, timezone: Asia/Tokyo}", withNow("2026-10-02T23:59:59Z"), []string{"Sat 2026-10-03 08:59:59 JST"}},
		{"device: {type: any}", known, nil},
		{"pomerium_routes: true", alice(), []string{"/wiki"}},
	} {
		checkHad(t, tt.criterion, tt.in, tt.want)
	}
}
