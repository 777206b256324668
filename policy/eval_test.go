package policy

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/internal/clientcert"
)

// inGroups is a person in n groups.
func inGroups(n int) *identity.Person {
	groups := make([]identity.Group, n)
	for i := range groups {
		groups[i] = identity.Group{ID: fmt.Sprintf("00g%05d", i), Name: fmt.Sprintf("g%d", i)}
	}
	return identity.NewPerson(identity.Person{
		ID: "00ualice", Email: "Alice.Liddell@Example.com", Status: identity.StatusActive, Groups: groups,
		Apps: []string{"0oawiki", "wiki"}, Profile: map[string][]string{"dept": {"a", "b"}},
	})
}

// busy is an input with much to look through: 100 groups, in the directory and
// in the token, and an e-mail in mixed case.
func busy() *Input {
	in := alice()
	in.Person = inGroups(100)
	var claim []any
	for i := range 100 {
		claim = append(claim, fmt.Sprintf("g%d", i))
	}
	in.Subject.Claims["groups"] = claim
	in.Subject.Index() // as sessions do
	in.Subject.Methods, in.Subject.Context = []string{"pwd", "mfa"}, "urn:a"
	in.Now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	in.Subject.AuthenticatedAt = in.Now.Add(-time.Minute)
	in.Request.IP = netip.MustParseAddr("::ffff:10.1.2.3")
	in.Request.Header = http.Header{"X-Team": {"a"}}
	leaf := &x509.Certificate{
		Raw: []byte("certificate"), RawSubjectPublicKeyInfo: []byte("key"), DNSNames: []string{"a.example.com", "alice.example.com"},
		EmailAddresses: []string{"alice@example.com"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/alice"}},
	}
	in.Request.ClientCertificate, in.Request.ClientCertificateTrusted, in.Request.ClientCertificateFacts = leaf, true, clientcert.FactsOf(leaf)
	return in
}

func repeated(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, 1000+i)
	}
	return strings.Join(parts, ", ")
}

// mixtures are policies with every criterion and operator; the first is what a
// route usually has.
var mixtures = []struct{ name, policy string }{
	{"groups", "{allow: {or: [groups: g99, groups: none]}, deny: {or: [email: {ends_with: '@contractor.example.com'}]}}"},
	{"everything", `{allow: {and: [accept: true, authenticated_user: true, email: {not: a@b.c, contains: liddell, starts_with: alice, ends_with: .com, not_in: [x, y]},
		domain: {in: [a, b, c, d, e, example.com]}, user: 00ualice, groups: {has: g50, exclude: none}, claim/groups: {has: g99, exclude: none}, claim/single: {is: one},
		claim/address/country: CH, http_method: {in: [GET, HEAD]}, http_path: {starts_with: /}, source_ip: [10.0.0.0/8, '2001:db8::/32']]},
		deny: {or: [reject: true, cors_preflight: true, claim/level: 4], nor: [accept: true], not: [accept: true]}}`},
	{"long lists", "allow: {or: [" + repeated(1000, "email: u%d@example.com") + ", " + repeated(1000, "groups: x%d") + ", " + repeated(1000, "source_ip: 192.0.2.1/32, user: %d") + "]}"},
	{"claims", "allow: {or: [" + repeated(50, "claim/groups: x%d") + "]}"},
	{"denied", "allow: {and: [groups: none, email: nobody@example.com]}"},
	{"claims alike", "allow: {or: [" + repeated(50, "claim/groups: x%d") + ", claim/groups: y1, claim/groups: z12]}"},
	{"circumstances", `{allow: {and: [http_header/x-team: a, user_status: ACTIVE, {profile/dept: b}, {app: wiki}, {auth_method: mfa}, {auth_age: {max: 1h}}, {auth_context: urn:a},
		{day_of_week: {is: mon-sun, timezone: Europe/Zurich}}, {time_of_day: {timezone: Asia/Tokyo, after: 0:00}}, {date: {after: '2020-01-01T00:00:00Z'}}, groups: {exclude: none}]}}`},
	{"certificate", `{allow: {and: [{client_certificate: {fingerprint: [abababababababababababababababababababababababababababababababab, 03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72], spki_hash: LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM=,
		san_dns: {is: alice.example.com}, san_email: {ends_with: '@example.com'}, san_uri: {starts_with: 'spiffe://example.com/'}}}, groups: {has: g99}]},
		deny: {or: [invalid_client_certificate: true]}}`},
	{"step-up", "allow: {and: [groups: g50, {auth_age: {max: 15s}}, {auth_method: hwk}, {auth_context: urn:b}, claim/groups: {has: g99, exclude: none}]}"},
	{"shadow", `[{allow: {and: [groups: g50, claim/groups: {has: g99, exclude: none}]}}, {mode: shadow, deny: {or: [email: {ends_with: '@contractor.example.com'}, groups: {exclude: g7}]}},
		{mode: shadow, allow: {or: [profile/dept: c, domain: example.org]}}]`},
}

func TestEvalAllocatesNothing(t *testing.T) {
	for _, mix := range mixtures {
		program := compiled(t, mix.policy)
		for name, in := range map[string]*Input{"person": busy(), "stranger": stranger(), "bad mail": withMail("a@b@c"), "letters": withMail("\u00c4\u212A@EXAMPLE.com")} {
			if n := testing.AllocsPerRun(100, func() { program.Eval(in) }); n != 0 {
				t.Errorf("%s, %s: %v allocations", mix.name, name, n)
			}
		}
	}
}

func TestMixesDecideAsMeant(t *testing.T) {
	for i, want := range []Effect{Allow, Allow, Deny, Deny, Deny, Deny, Allow, Allow, StepUp, Allow} {
		if got := compiled(t, mixtures[i].policy).Trace(busy()); got.Decision.Effect != want {
			t.Errorf("%s: got %s", mixtures[i].name, got.Decision.Effect)
		}
	}
}

func BenchmarkDecision(b *testing.B) {
	for _, mix := range mixtures {
		b.Run(mix.name, func(b *testing.B) {
			var c Compiler
			programs := make([]*Program, 1000)
			var text string
			var policy *Policy
			for i := range programs {
				if next := strings.ReplaceAll(mix.policy, "none", fmt.Sprintf("n%d", i)); next != text {
					text, policy = next, parsed(b, next)
				}
				var err error
				if programs[i], err = c.Compile(policy); err != nil {
					b.Fatal(err)
				}
			}
			in := busy()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				programs[i%len(programs)].Eval(in)
			}
		})
	}
}

// BenchmarkCompile reports what a compiled policy of its own holds on to, the
// policy as written not counted, and how long 1,000 take.
func BenchmarkCompile(b *testing.B) {
	policies := make([]*Policy, 1000)
	for i := range policies {
		policies[i] = parsed(b, fmt.Sprintf("{allow: {or: [groups: g%d, email: u%d@example.com, domain: d%d.example.com]}, deny: {or: [email: {ends_with: x%d}]}}", i, i, i, i))
	}
	programs := make([]*Program, len(policies))
	for b.Loop() {
		var c Compiler
		for i, p := range policies {
			var err error
			if programs[i], err = c.Compile(p); err != nil {
				b.Fatal(err)
			}
		}
	}
	held := heap()
	runtime.KeepAlive(programs)
	programs = nil
	b.ReportMetric(float64(held-heap())/float64(len(policies)), "B/policy")
}

// BenchmarkParse reports what a policy as written holds on to.
func BenchmarkParse(b *testing.B) {
	held := heap()
	policies := make([]*Policy, 1000)
	for i := range policies {
		policies[i] = parsed(b, fmt.Sprintf("{allow: {or: [groups: g%d, email: u%d@example.com, domain: d%d.example.com]}, deny: {or: [email: {ends_with: x%d}]}}", i, i, i, i))
	}
	held = heap() - held
	runtime.KeepAlive(policies)
	for b.Loop() {
		parsed(b, mixtures[1].policy)
	}
	b.ReportMetric(float64(held)/float64(len(policies)), "B/policy")
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
