package oidc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
)

func TestEmailCountsOnlyWhenVouchedFor(t *testing.T) {
	const a, b = "alice@example.com", "boss@example.com"
	type c = identity.Claims
	for _, tc := range []struct {
		name              string
		idToken, userinfo c
		vouched           bool
		want              string
	}{
		{"true", c{"email": a, "email_verified": true}, nil, true, a},
		{"text true", c{"email": a, "email_verified": "true"}, nil, true, a},
		{"false", c{"email": a, "email_verified": false}, nil, false, a},
		{"text false", c{"email": a, "email_verified": "false"}, nil, false, a},
		{"null", c{"email": a, "email_verified": nil}, nil, false, a},
		{"a number", c{"email": a, "email_verified": 1.0}, nil, false, a},
		{"other text", c{"email": a, "email_verified": "True"}, nil, false, a},
		{"absent", c{"email": a}, nil, false, a},
		{"of userinfo", c{}, c{"email": a, "email_verified": true}, true, a},
		{"userinfo's address, the id token's word on another", c{"email": a, "email_verified": true}, c{"email": b}, false, b},
		{"userinfo silent on the same address", c{"email": a, "email_verified": true}, c{"email": a}, true, a},
		{"id token silent on the same address", c{"email": a}, c{"email": a, "email_verified": true}, true, a},
		{"id token says no to the same address", c{"email": a, "email_verified": false}, c{"email": a, "email_verified": true}, false, a},
		{"userinfo says no", c{"email": a, "email_verified": true}, c{"email": a, "email_verified": false}, false, a},
		{"id token's no is about another", c{"email": b, "email_verified": false}, c{"email": a, "email_verified": true}, true, a},
		{"userinfo's word without address", c{"email": a}, c{"email_verified": true}, false, a},
		{"not a text", c{"email": []any{a}, "email_verified": true}, nil, true, ""},
		{"none", c{"email_verified": true}, nil, true, ""},
	} {
		if got, vouched := email(tc.idToken, tc.userinfo); got != tc.want || vouched != tc.vouched {
			t.Errorf("%s: got %q, vouched for: %v; want %q, %v", tc.name, got, vouched, tc.want, tc.vouched)
		}
	}
}

func TestAddressThatCouldBeTwoIsNone(t *testing.T) {
	for address, want := range map[string]string{
		" alice@example.com ":                     "alice@example.com",
		"Älice@exämple.com":                       "Älice@exämple.com",
		"alice@example.com@evil.com":              "",
		`"a@b"@example.com`:                       "",
		"alice":                                   "",
		"@example.com":                            "",
		"alice@":                                  "",
		"alice@example.com.":                      "",
		"alice@.example.com":                      "",
		"alice@example..com":                      "",
		"alice@example.com\r\nBcc: x":             "",
		"al ice@example.com":                      "",
		"alice\u00a0@example.com":                 "",
		"alice\u200b@example.com":                 "",
		"a\x00@example.com":                       "",
		strings.Repeat("x", 400) + "@example.com": "",
	} {
		if got := plausibleEmail(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestDisplayNameIsForPeopleToRead(t *testing.T) {
	for _, c := range []struct {
		claims identity.Claims
		want   string
	}{
		{identity.Claims{"name": "Alice", "given_name": "A"}, "Alice"},
		{identity.Claims{"name": " ", "given_name": "Alice", "family_name": "Liddell"}, "Alice Liddell"},
		{identity.Claims{"family_name": "Liddell"}, "Liddell"},
		{identity.Claims{"preferred_username": "alice@example.com"}, "alice@example.com"},
		{identity.Claims{"name": "A\u202elice\x1b[31m"}, "Alice[31m"},
		{identity.Claims{"name": strings.Repeat("ä", 500)}, strings.Repeat("ä", maxName)},
		{identity.Claims{"name": 7.0}, ""},
	} {
		if got := displayName(c.claims); got != c.want {
			t.Errorf("%v: got %q, want %q", c.claims, got, c.want)
		}
	}
}

func TestClaimsThatReadersWouldDifferOnAreRefused(t *testing.T) {
	for _, bad := range []string{
		``, `null`, `[]`, `"x"`, `{`, `{} {}`, `{"a":1}x`, `{"a":1,"a":1}`, `{"x":{"a":1,"a":2}}`, `{"x":[{"a":1,"a":2}]}`,
		`{"a":1,"\u0061":2}`, `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"a":1e999}`,
	} {
		if c, err := decodeClaims([]byte(bad)); err == nil {
			t.Errorf("%s: got %v, want an error", bad, c)
		}
	}
	c, err := decodeClaims([]byte(`{"a":[],"b":{"a":[null,true,1.5,"x"]},"A":2}`))
	if err != nil || c["A"] != 2.0 || len(c) != 3 {
		t.Errorf("got %v, %v", c, err)
	}
	c, err = decodeClaims([]byte(`{"account":175928847299117063,"all":[9007199254740993],"small":-7}`))
	want := identity.Claims{"account": "175928847299117063", "all": []any{"9007199254740993"}, "small": -7.0}
	if diff := cmp.Diff(want, c); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
}

func FuzzDecodeClaims(f *testing.F) {
	for _, s := range []string{`{"sub":"x","aud":["a"],"x":{"y":[1,{"z":null}]}}`, `{"a":1,"a":2}`, `[[[[`, `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := decodeClaims(payload)
		if err != nil {
			return
		}
		p := &Provider{o: Options{Issuer: "i", ClientID: "c"}, now: fixedNow}
		_ = p.checkParties(c, expected{})
		_ = checkSubject(c, expected{})
		_ = p.checkTimes(c, expected{})
		s := p.subject(c, c)
		if strings.Count(s.Email, "@") > 1 {
			t.Errorf("e-mail %q", s.Email)
		}
	})
}

func FuzzDecodeKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"},null,7]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, _, err := decodeKeys(body)
		if err == nil && len(keys) == 0 {
			t.Error("no key and no error")
		}
		if signed, err := parseSigned(string(body), asymmetric); err == nil {
			tryKeys(signed, keys)
		}
	})
}
