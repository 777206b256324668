package policy

import (
	"net/netip"
	"strings"
	"testing"

	"sallyport/identity"
)

// Each row is a restricting option: it must hold for one input and not for the
// other, with its reasons.
func TestEachOptionRestricts(t *testing.T) {
	preflight := withHeader(withMethod(alice(), "OPTIONS"), "Origin", "https://a.example", "Access-Control-Request-Method", "PUT")
	for _, tt := range []struct {
		name, criterion  string
		passes, stops    *Input
		passWhy, stopWhy string
	}{
		{"authenticated_user", "authenticated_user: true", alice(), stranger(), "user-ok", "user-unauthenticated"},

		{"email", "email: alice@example.com", alice(), withMail("bob@example.com"), "email-ok", "email-unauthorized"},
		{"email is", "email: {is: alice@example.com}", alice(), withMail("malice@example.com"), "email-ok", "email-unauthorized"},
		{"email not", "email: {not: alice@example.com}", withMail("bob@example.com"), alice(), "email-ok", "email-unauthorized"},
		{"email contains", "email: {contains: lice@ex}", alice(), withMail("bob@example.com"), "email-ok", "email-unauthorized"},
		{"email starts_with", "email: {starts_with: alice@}", alice(), withMail("malice@example.com"), "email-ok", "email-unauthorized"},
		{"email ends_with", "email: {ends_with: .com}", alice(), withMail("alice@example.com.org"), "email-ok", "email-unauthorized"},
		{"email in", "email: {in: [bob@example.com, alice@example.com]}", alice(), withMail("eve@example.com"), "email-ok", "email-unauthorized"},
		{"email not_in", "email: {not_in: [bob@example.com, eve@example.com]}", alice(), withMail("bob@example.com"), "email-ok", "email-unauthorized"},

		{"domain", "domain: example.com", alice(), withMail("alice@sub.example.com"), "domain-ok", "domain-unauthorized"},
		{"domain is", "domain: {is: example.com}", alice(), withMail("alice@xexample.com"), "domain-ok", "domain-unauthorized"},
		{"domain not", "domain: {not: example.org}", alice(), withMail("alice@example.org"), "domain-ok", "domain-unauthorized"},
		{"domain contains", "domain: {contains: ample}", alice(), withMail("ample@other.com"), "domain-ok", "domain-unauthorized"},
		{"domain starts_with", "domain: {starts_with: exam}", alice(), withMail("exam@my.example.com"), "domain-ok", "domain-unauthorized"},
		{"domain ends_with", "domain: {ends_with: .example.com}", withMail("a@sub.example.com"), alice(), "domain-ok", "domain-unauthorized"},
		{"domain in", "domain: {in: [example.org, example.com]}", alice(), withMail("a@example.net"), "domain-ok", "domain-unauthorized"},
		{"domain not_in", "domain: {not_in: [example.org, example.net]}", alice(), withMail("a@example.net"), "domain-ok", "domain-unauthorized"},

		{"user", "user: 00ualice", alice(), withUser("00uALICE"), "user-ok", "user-unauthorized"},
		{"user is", "user: {is: 00ualice}", alice(), withUser("00ubob"), "user-ok", "user-unauthorized"},
		{"user not", "user: {not: 00ubob}", alice(), withUser("00ubob"), "user-ok", "user-unauthorized"},
		{"user contains", "user: {contains: ali}", alice(), withUser("00ubob"), "user-ok", "user-unauthorized"},
		{"user starts_with", "user: {starts_with: 00ua}", alice(), withUser("x00ualice"), "user-ok", "user-unauthorized"},
		{"user ends_with", "user: {ends_with: alice}", alice(), withUser("00ualicex"), "user-ok", "user-unauthorized"},
		{"user in", "user: {in: [00ualice]}", alice(), withUser("00ubob"), "user-ok", "user-unauthorized"},
		{"user not_in", "user: {not_in: [00ubob]}", alice(), withUser("00ubob"), "user-ok", "user-unauthorized"},

		{"groups", "groups: 00gwiki", alice(), withGroups(identity.Group{ID: "00gWIKI"}), "groups-ok", "groups-unauthorized"},
		{"groups by name", "groups: wiki", alice(), withGroups(identity.Group{ID: "00gx", Name: "Wiki"}), "groups-ok", "groups-unauthorized"},
		{"groups has", "groups: {has: developers}", alice(), withGroups(), "groups-ok", "groups-unauthorized"},
		{"groups is", "groups: {is: wiki}", withGroups(identity.Group{ID: "00gwiki", Name: "wiki"}), alice(), "groups-ok", "groups-unauthorized"},
		{"groups is another", "groups: {is: wiki}", withGroups(identity.Group{ID: "00gwiki", Name: "wiki"}), withGroups(identity.Group{ID: "00gx", Name: "x"}), "groups-ok", "groups-unauthorized"},
		{"groups exclude", "groups: {exclude: contractors}", alice(), withGroups(identity.Group{ID: "00gc", Name: "contractors"}), "groups-ok", "groups-unauthorized"},

		{"claim", "claim/family_name: Smith", alice(), withClaim("family_name", "smith"), "claim-ok", "claim-unauthorized"},
		{"claim has", "claim/groups: {has: engineering}", alice(), withClaim("groups", []any{"everyone"}), "claim-ok", "claim-unauthorized"},
		{"claim is", "claim/single: {is: one}", alice(), withClaim("single", []any{"one", "two"}), "claim-ok", "claim-unauthorized"},
		{"claim exclude", "claim/groups: {exclude: contractors}", alice(), withClaim("groups", []any{"x", "contractors"}), "claim-ok", "claim-unauthorized"},

		{"http_method", "http_method: GET", alice(), withMethod(alice(), "POST"), "http-method-ok", "http-method-unauthorized"},
		{"http_method case", "http_method: GET", alice(), withMethod(alice(), "get"), "http-method-ok", "http-method-unauthorized"},
		{"http_method not", "http_method: {not: DELETE}", alice(), withMethod(alice(), "DELETE"), "http-method-ok", "http-method-unauthorized"},
		{"http_method in", "http_method: {in: [GET, HEAD]}", alice(), withMethod(alice(), "PUT"), "http-method-ok", "http-method-unauthorized"},
		{"http_method not_in", "http_method: {not_in: [PUT]}", alice(), withMethod(alice(), "PUT"), "http-method-ok", "http-method-unauthorized"},
		{"http_path", "http_path: /wiki", alice(), withPath("/wiki/"), "http-path-ok", "http-path-unauthorized"},
		{"http_path not", "http_path: {not: /admin}", alice(), withPath("/admin"), "http-path-ok", "http-path-unauthorized"},
		{"http_path starts_with", "http_path: {starts_with: /wiki}", alice(), withPath("/x/wiki"), "http-path-ok", "http-path-unauthorized"},
		{"http_path ends_with", "http_path: {ends_with: iki}", alice(), withPath("/wiki2"), "http-path-ok", "http-path-unauthorized"},
		{"http_path contains", "http_path: {contains: wik}", alice(), withPath("/"), "http-path-ok", "http-path-unauthorized"},

		{"source_ip", "source_ip: 10.1.2.3", alice(), withIP("10.1.2.4"), "source-ip-ok", "source-ip-unauthorized"},
		{"source_ip network", "source_ip: 10.1.0.0/16", alice(), withIP("10.2.0.1"), "source-ip-ok", "source-ip-unauthorized"},
		{"source_ip list", "source_ip: [192.0.2.0/24, 10.0.0.0/8]", alice(), withIP("192.0.3.1"), "source-ip-ok", "source-ip-unauthorized"},

		{"cors_preflight", "cors_preflight: true", preflight, withMethod(alice(), "OPTIONS"), "cors-request", "non-cors-request"},
		{"several operators", "email: {starts_with: alice, ends_with: .com}", alice(), withMail("alice@example.org"), "email-ok", "email-unauthorized"},
		{"several operators, the other", "email: {starts_with: alice, ends_with: .com}", alice(), withMail("bob@example.com"), "email-ok", "email-unauthorized"},
		{"several list operators", "claim/groups: {has: engineering, exclude: contractors}", alice(), withClaim("groups", []any{"engineering", "contractors"}), "claim-ok", "claim-unauthorized"},
		{"several group operators", "groups: {has: wiki, exclude: contractors}", alice(), withGroups(identity.Group{ID: "1", Name: "wiki"}, identity.Group{ID: "2", Name: "contractors"}), "groups-ok", "groups-unauthorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if holds, why := criterionHolds(t, tt.criterion, tt.passes); !holds || why != tt.passWhy {
				t.Errorf("got %v because of %s, want true because of %s", holds, why, tt.passWhy)
			}
			if holds, why := criterionHolds(t, tt.criterion, tt.stops); holds || why != tt.stopWhy {
				t.Errorf("got %v because of %s, want false because of %s", holds, why, tt.stopWhy)
			}
		})
	}
}

func withUser(id string) *Input {
	in := alice()
	in.Subject.ID = id
	return in
}

func withClaim(name string, v any) *Input {
	in := alice()
	in.Subject.Claims[name] = v
	return in
}

func withPath(path string) *Input {
	in := alice()
	in.Request.Path = path
	return in
}

func TestCriterionOnThePersonNeverHoldsWithoutSession(t *testing.T) {
	for _, criterion := range []string{
		"authenticated_user: true", "email: a@b.c", "email: {not: a@b.c}", "email: {not_in: [a@b.c]}", "email: {contains: ''}",
		"domain: {not: b.c}", "domain: {not_in: [b.c]}", "user: {not: x}", "user: {not_in: [x]}", "user: {is: ''}",
		"groups: x", "groups: {exclude: x}", "claim/x: y", "claim/x: {exclude: y}", "claim/groups: {is: engineering}",
	} {
		in := stranger()
		in.Person = alice().Person // even if somebody's record slipped in
		if holds, why := criterionHolds(t, criterion, in); holds || why != "user-unauthenticated" {
			t.Errorf("%s: got %v because of %s, want false because of user-unauthenticated", criterion, holds, why)
		}
	}
}

func TestConstantCriteria(t *testing.T) {
	for _, in := range []*Input{alice(), stranger()} {
		if holds, why := criterionHolds(t, "accept: true", in); !holds || why != "accept" {
			t.Errorf("accept: got %v because of %s", holds, why)
		}
		if holds, why := criterionHolds(t, "reject: true", in); holds || why != "reject" {
			t.Errorf("reject: got %v because of %s", holds, why)
		}
	}
}

func TestMailThatCanBeReadTwoWaysMatchesNothing(t *testing.T) {
	for _, mail := range []string{
		"", "a@evil.com@example.com", `"a@b"@example.com`, `"alice"@example.com`, "alice@", "@example.com", " alice@example.com",
		"alice@example.com ", "alice@example.com\t", "al ice@example.com", "alice@example.com\x00", "alice@example.com\n",
		"alice\x7f@example.com", "alice@example.com.", "alice@.example.com", "alice@example..com", "alice\u00a0@example.com",
		"alice\u200b@example.com", "\ufeffalice@example.com", "alice\u202e@example.com", "alice\xff@example.com",
		"\x80lice@example.com", "alice\u0085@example.com", "\u00e4\"@example.com", strings.Repeat("a", 309) + "@example.com",
	} {
		for _, criterion := range []string{
			"email: {not: bob@example.com}", "email: {contains: ''}", "domain: example.com", "domain: {not: x}", "domain: {ends_with: com}",
		} {
			if holds, _ := criterionHolds(t, criterion, withMail(mail)); holds {
				t.Errorf("%s holds for %q", criterion, mail)
			}
		}
	}
	if holds, _ := criterionHolds(t, "email: {not: bob@example.com}", withMail(strings.Repeat("a", 308)+"@example.com")); !holds {
		t.Error("an address of 320 bytes does not match")
	}
}

func TestMailWithoutAtHasNoDomain(t *testing.T) {
	if holds, _ := criterionHolds(t, "email: alice", withMail("Alice")); !holds {
		t.Error("an address without @ does not equal itself")
	}
	if holds, _ := criterionHolds(t, "domain: {contains: ''}", withMail("alice")); holds {
		t.Error("an address without @ has a domain")
	}
}

func TestMailAndDomainCompareWithoutCase(t *testing.T) {
	for _, criterion := range []string{
		"email: aLiCe@Example.com", "email: {is: ALICE@EXAMPLE.COM}", "email: {in: [x@y.z, 1, Alice@example.com]}", "email: {contains: LICE@EX}",
		"email: {starts_with: ALICE@}", "email: {ends_with: EXAMPLE.COM}", "domain: Example.Com", "domain: {in: [EXAMPLE.COM]}",
		"domain: {contains: AMPLE}", "domain: {starts_with: EX}", "domain: {ends_with: .COM}",
	} {
		for _, mail := range []string{"alice@example.com", "ALICE@example.COM", "Alice@Example.Com"} {
			if holds, _ := criterionHolds(t, criterion, withMail(mail)); !holds {
				t.Errorf("%s does not hold for %q", criterion, mail)
			}
		}
	}
	for _, criterion := range []string{
		"email: {not: Alice@Example.com}", "email: {not_in: [x@y.z, ALICE@example.com]}", "domain: {not: EXAMPLE.com}", "domain: {not_in: [Example.com]}",
	} {
		for _, mail := range []string{"alice@example.com", "ALICE@example.COM"} {
			if holds, _ := criterionHolds(t, criterion, withMail(mail)); holds {
				t.Errorf("%s holds for %q", criterion, mail)
			}
		}
	}
}

func TestEveryLetterFoldsAndNothingElse(t *testing.T) {
	const upper, lower = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[`{", "@abcdefghijklmnopqrstuvwxyz[`{"
	if got := identity.Fold(upper); got != lower {
		t.Errorf("got %q", got)
	}
	for i := range upper {
		for j := range lower {
			if got := equalFolded(upper[i:i+1], lower[j:j+1]); got != (i == j) {
				t.Errorf("%q and %q: got %v", upper[i], lower[j], got)
			}
		}
	}
}

func TestLettersThatOnlyLookLikeOthersDiffer(t *testing.T) {
	for _, tt := range []struct{ criterion, mail string }{
		{"email: kim@example.com", "\u212Aim@example.com"},          // Kelvin sign
		{"email: {in: [kim@example.com]}", "\u212Aim@example.com"},  // the same, in a set
		{"email: sam@example.com", "\u017Fam@example.com"},          // long s
		{"email: iris@example.com", "\u0130ris@example.com"},        // dotted I
		{"email: alice@example.com", "\u0430lice@example.com"},      // Cyrillic a
		{"domain: example.com", "alice@exampl\u0435.com"},           // Cyrillic e
		{"email: {starts_with: kim@}", "\u212Aim@example.com"},      // prefix
		{"email: alice@example.com", "alice\uFF20example.com"},      // full-width @
		{"domain: {ends_with: example.com}", "a\uFF20example.com"},  // the same
		{"email: {contains: admin@}", "\u0430dmin@example.com"},     // contains
		{"email: {ends_with: k.com}", "a@\u212A.com"},               // suffix
		{"email: \"\\u212Aim@example.com\"", "kim@example.com"},     // in the policy
		{"email: {not: \"\\u212Aim@example.com\"}", "a@b@evil.com"}, // and malformed
	} {
		if holds, _ := criterionHolds(t, tt.criterion, withMail(tt.mail)); holds {
			t.Errorf("%s holds for %q", tt.criterion, tt.mail)
		}
	}
	// A capital sharp s is three bytes long, the small one two.
	if holds, _ := criterionHolds(t, "email: {ends_with: \u00df.example}", withMail("a@\u1e9e.example")); !holds {
		t.Error("a suffix that is shorter in small letters is not found")
	}
	for _, criterion := range []string{"email: \u00e4rzte@example.com", "email: {in: [\u00c4RZTE@example.com]}", "email: {contains: \u00c4}"} {
		if holds, _ := criterionHolds(t, criterion, withMail("\u00c4rzte@example.com")); !holds {
			t.Errorf("%s does not hold for an upper-case umlaut", criterion)
		}
	}
}

func TestDirectoryMailWinsOverTheTokens(t *testing.T) {
	if holds, _ := criterionHolds(t, "email: token@example.net", alice()); holds {
		t.Error("the token's e-mail counts for a person of the directory")
	}
	in := alice()
	in.Person = nil
	if holds, _ := criterionHolds(t, "email: token@example.net", in); !holds {
		t.Error("the token's e-mail does not count without a directory record")
	}
	if holds, _ := criterionHolds(t, "email: token@example.net", withMail("")); holds {
		t.Error("the token's e-mail stands in for one that the directory does not have")
	}
}

func TestGroupsNeedADirectoryRecord(t *testing.T) {
	in := alice()
	in.Person = nil
	in.Subject.Claims["groups"] = []any{"wiki"}
	for _, criterion := range []string{"groups: wiki", "groups: {exclude: contractors}"} {
		if holds, why := criterionHolds(t, criterion, in); holds || why != "groups-unauthorized" {
			t.Errorf("%s: got %v because of %s", criterion, holds, why)
		}
	}
}

func TestEmptyGroupNameNeverMatches(t *testing.T) {
	nameless := withGroups(identity.Group{ID: "00gx"})
	for _, criterion := range []string{`groups: ""`, `groups: {is: ""}`, `groups: {has: ""}`} {
		if holds, _ := criterionHolds(t, criterion, nameless); holds {
			t.Errorf("%s holds for a group without a name", criterion)
		}
	}
	// Many names are walked the other way round: from the person's groups.
	if holds := compiled(t, `allow: {or: [groups: "", groups: a, groups: b, groups: c, groups: d]}`).Eval(nameless).AllowHolds; holds {
		t.Error("an empty name among several holds for a group without a name")
	}
}

func TestUserWithoutIDIsNobodysUser(t *testing.T) {
	for _, criterion := range []string{`user: ""`, `user: {not: x}`, `user: {not_in: [x]}`} {
		if holds, _ := criterionHolds(t, criterion, withUser("")); holds {
			t.Errorf("%s holds without an id", criterion)
		}
	}
}

func TestOperandsCompareWithValuesOfTheirOwnType(t *testing.T) {
	for criterion, want := range map[string]bool{
		"claim/level: 3":                  true,
		"claim/level: 3.0":                true,
		`claim/level: "3"`:                false,
		"claim/level: true":               false,
		"claim/ratio: 0.5":                true,
		"claim/admin: true":               true,
		"claim/admin: false":              false,
		`claim/admin: "true"`:             false,
		"claim/admin: 1":                  false,
		"claim/mixed: 1":                  true,
		`claim/mixed: "1"`:                true,
		`claim/mixed: "true"`:             false,
		"claim/mixed: 0":                  false,
		"claim/mixed: {exclude: 1}":       false,
		"claim/mixed: {exclude: 2}":       true,
		"claim/level: {is: 3}":            true,
		"claim/level: {exclude: '3'}":     true,
		"claim/null: ''":                  false,
		"claim/null: {exclude: x}":        true,
		"claim/null: {is: ''}":            false,
		"claim/empty: ''":                 false,
		"claim/empty: {is: ''}":           false,
		"claim/missing: {exclude: x}":     true,
		"claim/missing: {is: ''}":         false,
		"claim/address: CH":               false,
		"claim/address: {exclude: CH}":    true,
		"claim/address/country: CH":       true,
		"claim/address.country: CH":       true,
		"claim/address/city/zip: '8000'":  true,
		"claim/address/city.zip: '8000'":  true,
		"claim/example.com/key: whole":    true,
		"claim/address/country/x: CH":     false,
		"claim/single: {is: one}":         true,
		"claim/family_name: {is: Smith}":  true,
		"claim/groups: {is: engineering}": false,
		"email: 1":                        false,
		"email: {not: 1}":                 true,
		"email: {in: [1, true]}":          false,
		"email: {not_in: [1, true]}":      true,
		"groups: 1":                       false,
		"groups: {exclude: true}":         true,
		"http_method: {is: 1}":            false,
	} {
		if got, _ := criterionHolds(t, criterion, alice()); got != want {
			t.Errorf("%s: got %v, want %v", criterion, got, want)
		}
	}
}

func TestSourceIP(t *testing.T) {
	for _, tt := range []struct {
		criterion, ip string
		want          bool
	}{
		{"source_ip: 10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"source_ip: '::ffff:10.0.0.0/104'", "10.1.2.3", true},
		{"source_ip: '::ffff:10.0.0.0/104'", "11.1.2.3", false},
		{"source_ip: '::ffff:10.1.2.3'", "10.1.2.3", true},
		{"source_ip: 10.1.2.3/8", "10.9.9.9", true},
		{"source_ip: '::ffff:10.1.2.3/104'", "10.9.9.9", true},
		{"source_ip: '::ffff:0.0.0.0/96'", "10.9.9.9", true},
		{"source_ip: 0.0.0.0/0", "2001:db8::1", false},
		{"source_ip: '::/0'", "10.1.2.3", false},
		{"source_ip: '::/0'", "2001:db8::1", true},
		{"source_ip: '2001:db8::/32'", "2001:db8:1::1", true},
		{"source_ip: '2001:db8::/32'", "2001:db9::1", false},
		{"source_ip: 'fe80::/10'", "fe80::1%eth0", true},
		{"source_ip: 'fe80::1'", "fe80::1%eth0", true},
		{"source_ip: ['2001:db8::/32', 10.0.0.0/8, 192.0.2.0/24, 192.0.2.0/25]", "192.0.2.200", true},
	} {
		if got, _ := criterionHolds(t, tt.criterion, withIP(tt.ip)); got != tt.want {
			t.Errorf("%s for %s: got %v, want %v", tt.criterion, tt.ip, got, tt.want)
		}
	}
	unknown := alice()
	unknown.Request.IP = netip.Addr{}
	for _, criterion := range []string{"source_ip: 0.0.0.0/0", "source_ip: '::/0'"} {
		if got, _ := criterionHolds(t, criterion, unknown); got {
			t.Errorf("%s holds for an unknown address", criterion)
		}
	}
}

func TestCORSPreflightNeedsAllOfIt(t *testing.T) {
	for name, in := range map[string]*Input{
		"another method": withHeader(alice(), "Origin", "x", "Access-Control-Request-Method", "PUT"),
		"no origin":      withHeader(withMethod(alice(), "OPTIONS"), "Access-Control-Request-Method", "PUT"),
		"empty origin":   withHeader(withMethod(alice(), "OPTIONS"), "Origin", "", "Access-Control-Request-Method", "PUT"),
		"no method":      withHeader(withMethod(alice(), "OPTIONS"), "Origin", "x"),
		"no header":      {Request: Request{Method: "OPTIONS"}},
	} {
		if holds, _ := criterionHolds(t, "cors_preflight: true", in); holds {
			t.Errorf("%s counts as a preflight", name)
		}
	}
}

func TestMethodAndPathLookAtExactlyTheirField(t *testing.T) {
	in := alice()
	in.Request.Method, in.Request.Path, in.Request.Host = "GET", "/POST", "POST"
	for criterion, want := range map[string]bool{
		"http_method: POST":                 false,
		"http_method: {not: GET}":           false,
		"http_method: {not_in: [GET]}":      false,
		"http_path: GET":                    false,
		"http_path: {not: /POST}":           false,
		"http_path: {not_in: [/POST, GET]}": false,
		"http_path: {not: GET}":             true,
	} {
		if got, _ := criterionHolds(t, criterion, in); got != want {
			t.Errorf("%s: got %v, want %v", criterion, got, want)
		}
	}
}

// Lists of several types are told apart by every operator.
func TestClaimsOfSeveralTypes(t *testing.T) {
	in := withClaim("x", []any{1.0, true, "a"})
	for criterion, want := range map[string]bool{
		"claim/x: {has: 1, exclude: b}":     true,
		"claim/x: {exclude: b, has: 1}":     true,
		"claim/x: {has: 2, exclude: b}":     false,
		"claim/x: {has: a, exclude: true}":  false,
		"claim/x: {has: a, exclude: false}": true,
		"claim/x: {is: a}":                  false,
		"claim/single: {is: one}":           true,
		"claim/single: {is: two}":           false,
	} {
		if got, _ := criterionHolds(t, criterion, in); got != want && criterion[:8] != "claim/si" {
			t.Errorf("%s: got %v", criterion, got)
		}
		if got, _ := criterionHolds(t, criterion, alice()); criterion[:8] == "claim/si" && got != want {
			t.Errorf("%s: got %v", criterion, got)
		}
	}
}

func TestNothingIsNoLetter(t *testing.T) {
	if equalFolded("a", "a\ufffd") || hasPrefixFolded("", "\ufffd") {
		t.Error("the end of a text is taken for a character that cannot be read")
	}
}
