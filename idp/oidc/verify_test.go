package oidc

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"sallyport/idp"
)

// Each of these passes go-oidc's Verify or is the caller's business there.
func TestIDTokenThatMustNotBeBelievedIsRefused(t *testing.T) {
	at := func(d time.Duration) func(*op) any { return func(o *op) any { return o.now.Add(d).Unix() } }
	is := func(v any) func(*op) any { return func(*op) any { return v } }
	for _, c := range []struct {
		name, claim string
		value       func(*op) any // nil: taken out
		says        string
	}{
		{"issuer of another", "iss", is("https://evil.example"), "issued by a different provider"},
		{"no issuer", "iss", nil, "issued by a different provider"},
		{"audience of another client", "aud", is("0oaSomebodyElse"), "expected audience"},
		{"no audience", "aud", nil, "expected audience"},
		{"audience of numbers", "aud", is([]any{testClient, 1}), "failed to unmarshal"},
		{"foreign authorized party", "azp", is("0oaSomebodyElse"), "another party"},
		{"authorized party that is no string", "azp", is([]string{testClient}), "another party"},
		{"two audiences without a party", "aud", is([]string{testClient, "0oaElse"}), "no authorized party"},
		{"no subject", "sub", nil, "subject has 0"},
		{"empty subject", "sub", is(""), "subject has 0"},
		{"long subject", "sub", is(strings.Repeat("x", 256)), "subject has 256"},
		{"subject of other letters", "sub", is("аlice"), "not printable ASCII"},
		{"subject with a line end", "sub", is("a\nb"), "not printable ASCII"},
		{"subject that is a number", "sub", is(7), "failed to unmarshal"},
		{"no expiry", "exp", nil, `"exp" is missing`},
		{"expiry that is a text", "exp", is("tomorrow"), "failed to unmarshal"},
		{"expired past the leeway", "exp", at(-61 * time.Second), "expired 1m1s ago"},
		{"no time of issue", "iat", nil, `"iat" is missing`},
		{"issued in the future", "iat", at(95 * time.Second), "clock skew 1m35s"},
		{"issued absurdly long ago", "iat", at(-11 * time.Minute), "issued 11m0s ago"},
		{"not valid yet", "nbf", at(95 * time.Second), "clock skew 1m35s"},
		{"expires before it was issued", "exp", at(-30 * time.Second), "before it was issued"},
		{"time of authentication that is a text", "auth_time", is("now"), "auth_time"},
		{"nonce of another sign-in", "nonce", is("other"), "nonce"},
		{"no nonce", "nonce", nil, "nonce"},
		{"access token swapped", "at_hash", is("AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"},
		{"empty at_hash", "at_hash", is(""), "at_hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			if c.value == nil {
				o.drop = []string{c.claim}
			} else {
				o.claims = map[string]any{c.claim: c.value(o)}
			}
			_, _, err := under(t, o).Exchange(context.Background(), callback())
			var bad *idp.InvalidError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an InvalidError that says %q", err, c.says)
			}
			if errors.Is(err, idp.ErrUnavailable) {
				t.Error("a token that must not be believed counts as an outage")
			}
		})
	}
}

func TestIDTokenWithinTheRulesIsBelieved(t *testing.T) {
	at := func(o *op, d time.Duration) any { return o.now.Add(d).Unix() }
	for name, change := range map[string]func(*op){
		"as made":                 func(*op) {},
		"issued a little ahead":   func(o *op) { o.claims = map[string]any{"iat": at(o, 59*time.Second)} },
		"expired within leeway":   func(o *op) { o.claims = map[string]any{"exp": at(o, -59*time.Second), "iat": at(o, -time.Minute)} },
		"dated five minutes back": func(o *op) { o.claims = map[string]any{"iat": at(o, -5*time.Minute), "nbf": at(o, -5*time.Minute)} },
		"two audiences and us as party": func(o *op) {
			o.claims = map[string]any{"aud": []string{"0oaElse", testClient}, "azp": testClient}
		},
		"no at_hash": func(o *op) { o.drop = []string{"at_hash"} },
		"ES256": func(o *op) {
			o.keys = []any{jwk(&ecKey.PublicKey, "e1", "ES256")}
			o.sign = func(c map[string]any) string { return signed(t, jose.ES256, ecKey, "e1", c) }
		},
		"no key id": func(o *op) {
			o.sign = func(c map[string]any) string {
				payload, _ := json.Marshal(c)
				return signedRaw(t, jose.RS256, rsaKey, nil, payload)
			}
		},
		"key without algorithm": func(o *op) { o.keys = []any{jwk(&rsaKey.PublicKey, "k1", "")} },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			change(o)
			s, tokens := under(t, o).signIn(t)
			if s.ID != testSubject || s.Issuer != o.URL || s.ClientID != testClient || tokens.Refresh == "" || tokens.ID == "" {
				t.Errorf("got subject %+v", s)
			}
		})
	}
}

func TestSignatureThatProvesNothingIsRefused(t *testing.T) {
	public, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hmacKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	encode := base64.RawURLEncoding.EncodeToString
	body := func(c map[string]any) []byte { b, _ := json.Marshal(c); return b }
	for name, sign := range map[string]func(map[string]any) string{
		"none": func(c map[string]any) string {
			return encode([]byte(`{"alg":"none","kid":"k1"}`)) + "." + encode(body(c)) + "."
		},
		"unsigned RS256": func(c map[string]any) string {
			return encode([]byte(`{"alg":"RS256","kid":"k1"}`)) + "." + encode(body(c)) + "."
		},
		"HS256 with the public key": func(c map[string]any) string { return signed(t, jose.HS256, hmacKey, "k1", c) },
		"HS256 with the client secret": func(c map[string]any) string {
			return signed(t, jose.HS256, []byte(testSecret+"padding-to-32"), "k1", c)
		},
		"foreign key, known id":   func(c map[string]any) string { return signed(t, jose.RS256, otherKey, "k1", c) },
		"foreign key, unknown id": func(c map[string]any) string { return signed(t, jose.RS256, otherKey, "k9", c) },
		"foreign key, no id": func(c map[string]any) string {
			return signedRaw(t, jose.RS256, otherKey, nil, body(c))
		},
		"key of its own in the header": func(c map[string]any) string {
			return signedRaw(t, jose.RS256, otherKey, map[jose.HeaderKey]any{"jwk": jwk(&otherKey.PublicKey, "", ""), "kid": "k1"}, body(c))
		},
		"unknown critical header": func(c map[string]any) string {
			return signedRaw(t, jose.RS256, rsaKey, map[jose.HeaderKey]any{"kid": "k1", "crit": []string{"exp"}, "exp": 1}, body(c))
		},
		"unencoded payload": func(c map[string]any) string {
			return signedRaw(t, jose.RS256, rsaKey, map[jose.HeaderKey]any{"kid": "k1", "b64": true}, body(c))
		},
		"an algorithm that was not announced": func(c map[string]any) string { return signed(t, jose.PS256, rsaKey, "k1", c) },
		"JSON form": func(c map[string]any) string {
			parts := strings.Split(signed(t, jose.RS256, rsaKey, "k1", c), ".")
			return `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`
		},
		"encrypted":   func(map[string]any) string { return "eyJhbGciOiJkaXIifQ..a.b.c" },
		"not a token": func(map[string]any) string { return "garbage" },
		"empty parts": func(map[string]any) string { return ".." },
		"half a MiB": func(c map[string]any) string {
			c["x"] = strings.Repeat("x", 512<<10)
			return signed(t, jose.RS256, rsaKey, "k1", c)
		},
		"no object": func(map[string]any) string {
			return signedRaw(t, jose.RS256, rsaKey, map[jose.HeaderKey]any{"kid": "k1"}, []byte(`[]`))
		},
		"claim is twice": func(c map[string]any) string {
			b := strings.Replace(string(body(c)), `"sub":`, `"sub":"00uevil","sub":`, 1)
			return signedRaw(t, jose.RS256, rsaKey, map[jose.HeaderKey]any{"kid": "k1"}, []byte(b))
		},
		"subject in other letter case too": func(c map[string]any) string {
			delete(c, "sub")
			c["SUB"] = testSubject // encoding/json fills a struct's sub with it
			return signed(t, jose.RS256, rsaKey, "k1", c)
		},
		"nested too deep": func(c map[string]any) string {
			b := strings.TrimSuffix(string(body(c)), "}") + `,"x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}"
			return signedRaw(t, jose.RS256, rsaKey, map[jose.HeaderKey]any{"kid": "k1"}, []byte(b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			o.sign = sign
			_, _, err := under(t, o).Exchange(context.Background(), callback())
			var bad *idp.InvalidError
			if !errors.As(err, &bad) {
				t.Errorf("got %v, want an InvalidError", err)
			}
		})
	}
}

// A clock of ours that is ahead makes good tokens look old; the provider's Date
// tells it from a provider that dates its tokens back.
func TestClockSkewIsNamedBothWays(t *testing.T) {
	for _, c := range []struct {
		name   string
		ours   time.Duration // our clock against the provider's
		noDate bool
		says   string // "": accepted
	}{
		{"50 s ahead", 50 * time.Second, false, ""},
		{"50 s behind", -50 * time.Second, false, ""},
		{"95 s ahead", 95 * time.Second, false, "clock skew 1m35s"},
		{"95 s behind", -95 * time.Second, false, "clock skew 1m35s"},
		{"5 min ahead", 5 * time.Minute, false, "clock skew 5m0s"},
		{"5 min behind", -5 * time.Minute, false, "clock skew 5m0s"},
		{"95 s ahead, no Date to tell by", 95 * time.Second, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			o.noDate = c.noDate
			r := under(t, o)
			r.advance(c.ours)
			_, _, err := r.Exchange(context.Background(), callback())
			if c.says == "" {
				if err != nil {
					t.Errorf("got %v, want it to be accepted", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want it to say %q", err, c.says)
			}
			if !strings.Contains(r.logs.String(), c.says) {
				t.Errorf("the log does not say %q:\n%s", c.says, r.logs.String())
			}
		})
	}
}
