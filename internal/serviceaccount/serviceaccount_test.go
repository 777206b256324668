package serviceaccount

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return made(rsa.GenerateKey(rand.Reader, 2048)) })

var ecKey = sync.OnceValue(func() *ecdsa.PrivateKey { return made(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })

func made[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(key any) string { return block("PRIVATE KEY", made(x509.MarshalPKCS8PrivateKey(key))) }

func jwk(key any, id string) string {
	return string(made((&jose.JSONWebKey{Key: key, KeyID: id}).MarshalJSON()))
}

func quoted(s string) string { return string(made(json.Marshal(s))) }

// account is the JSON of an app with that private key, given as JSON.
func account(key, more string) string {
	return `{"client_id":"0oaservice1","private_key":` + key + more + `}`
}

func TestKeysOfEveryFormAreRead(t *testing.T) {
	ec := block("EC PRIVATE KEY", made(x509.MarshalECPrivateKey(ecKey())))
	for name, c := range map[string]struct {
		text, id string
		alg      jose.SignatureAlgorithm
	}{
		"JWK":                     {account(jwk(rsaKey(), "k1"), ""), "k1", jose.RS256},
		"JWK as text":             {account(quoted(jwk(ecKey(), "k1")), ""), "k1", jose.ES256},
		"key_id before the JWK's": {account(jwk(rsaKey(), "k1"), `,"key_id":"k2"`), "k2", jose.RS256},
		"PKCS#1":                  {account(quoted(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()))), `,"key_id":"k1"`), "k1", jose.RS256},
		"PKCS#8 RSA":              {account(quoted(pkcs8(rsaKey())), `,"key_id":"k1"`), "k1", jose.RS256},
		"PKCS#8 EC":               {account(quoted(pkcs8(ecKey())), ""), "", jose.ES256},
		"EC":                      {account(quoted(ec), `,"key_id":"k1"`), "k1", jose.ES256},
		"EC with parameters":      {account(quoted(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})+ec), ""), "", jose.ES256},
		"P-384":                   {account(quoted(pkcs8(made(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)))), ""), "", jose.ES384},
		"escaped twice":           {account(quoted(strings.ReplaceAll(pkcs8(ecKey()), "\n", `\n`)), ""), "", jose.ES256},
		"JWK that says RS512":     {account(strings.Replace(jwk(rsaKey(), "k1"), `{`, `{"alg":"RS512",`, 1), ""), "k1", jose.RS512},
		"list of one":             {`{"client_id":"0oa1","private_keys":[` + jwk(ecKey(), "k1") + `]}`, "k1", jose.ES256},
		"list with ids":           {`{"client_id":"0oa1","private_keys":[{"private_key":` + quoted(pkcs8(ecKey())) + `,"key_id":"k1"}]}`, "k1", jose.ES256},
		"list with a JWK inside":  {`{"client_id":"0oa1","private_keys":[{"private_key":` + jwk(ecKey(), "k1") + `}]}`, "k1", jose.ES256},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Parse(base64.StdEncoding.EncodeToString([]byte(c.text)))
			if err != nil {
				t.Fatal(err)
			}
			if k := a.Keys[0]; len(a.Keys) != 1 || k.ID != c.id || k.Algorithm != c.alg || k.Private == nil {
				t.Errorf("got %v, want %s %q", a.Keys, c.alg, c.id)
			}
		})
	}
}

func TestNewestKeyIsFirst(t *testing.T) {
	text := account(jwk(ecKey(), "new"), `,"private_keys":[`+jwk(rsaKey(), "old")+`,{"private_key":`+quoted(pkcs8(ecKey()))+`,"key_id":"older"}],"scopes":["okta.users.read","okta.logs.read"]`)
	a, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range a.Keys {
		ids = append(ids, k.ID)
	}
	if diff := cmp.Diff([]string{"new", "old", "older"}, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"okta.users.read", "okta.logs.read"}, a.Scopes); diff != "" {
		t.Error(diff)
	}
	if a, err := Parse(account(jwk(ecKey(), ""), `,"scopes":"okta.users.read  okta.logs.read"`)); err != nil || len(a.Scopes) != 2 {
		t.Errorf("scopes as one text: %v, %v", a, err)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	small := made(rsa.GenerateKey(rand.Reader, 1024))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	encrypted := block("ENCRYPTED PRIVATE KEY", []byte("x"))
	enc := made(json.Marshal(jose.JSONWebKey{Key: rsaKey(), KeyID: "k", Use: "enc"}))
	for name, c := range map[string]struct{ text, says string }{
		"empty":                  {"", "base64"},
		"short token":            {"abc", "base64"},
		"bare PEM":               {pkcs8(ecKey()), "does not say whose"},
		"not JSON":               {"{client_id}", "not JSON at byte"},
		"nothing in it":          {"{}", "api_key, or client_id"},
		"client alone":           {`{"client_id":"0oa1"}`, "private_key beside client_id"},
		"key alone":              {`{"private_key":` + jwk(ecKey(), "k") + `}`, "client_id beside private_key"},
		"client of two words":    {`{"client_id":"a b","private_key":` + jwk(ecKey(), "k") + `}`, "client_id beside private_key"},
		"both ways":              {account(jwk(ecKey(), "k"), `,"api_key":"00x"`), "got both"},
		"token of two words":     {`{"api_key":"a b"}`, "one word"},
		"public JWK":             {account(jwk(&ecKey().PublicKey, "k"), ""), "public one"},
		"public PEM":             {account(quoted(block("PUBLIC KEY", made(x509.MarshalPKIXPublicKey(&ecKey().PublicKey)))), ""), "PUBLIC KEY"},
		"certificate":            {account(quoted(block("CERTIFICATE", []byte("x"))), ""), "CERTIFICATE"},
		"passphrase":             {account(quoted(encrypted), ""), "without a passphrase"},
		"legacy passphrase":      {account(quoted(strings.Replace(block("RSA PRIVATE KEY", []byte("x")), "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\n", 1)), ""), "without a passphrase"},
		"broken PEM":             {account(quoted(block("PRIVATE KEY", []byte("x"))), ""), "cannot be read"},
		"1024 bits":              {account(jwk(small, "k"), ""), "2048"},
		"Ed25519":                {account(quoted(pkcs8(ed)), ""), "RSA or EC"},
		"symmetric":              {account(`{"kty":"oct","k":"AAAA"}`, ""), ""},
		"for encryption":         {account(string(enc), ""), "enc"},
		"algorithm of another":   {account(strings.Replace(jwk(ecKey(), "k"), `{`, `{"alg":"RS256",`, 1), ""), "does not fit"},
		"half a JWK":             {account(`{"kty":"RSA","n":"AQAB"}`, ""), "not a JWK"},
		"number":                 {account(`7`, ""), "JWK or PEM"},
		"list":                   {account(`[1]`, ""), "JWK or PEM"},
		"nested for ever":        {account(strings.Repeat(`{"private_key":`, 50)+`1`+strings.Repeat(`}`, 50), ""), "not a JWK"},
		"second of two is wrong": {account(jwk(ecKey(), "k"), `,"private_keys":["x"]`), "key 2 of 2"},
		"eleven keys":            {`{"client_id":"0oa1","private_keys":[` + strings.Repeat("1,", 10) + `1]}`, "at most 10"},
		"scopes of numbers":      {account(jwk(ecKey(), "k"), `,"scopes":[1]`), "scopes"},
		"scope with a quote":     {account(jwk(ecKey(), "k"), `,"scopes":["a\"b"]`), "scopes"},
		"huge":                   {strings.Repeat("A", maxText+1), "at most"},
		"wrong type":             {`{"client_id":7,"private_key":"x"}`, "client_id"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Parse(c.text)
			var wrong *Error
			if !errors.As(err, &wrong) || !strings.Contains(wrong.Message, c.says) {
				t.Fatalf("got %v, %v; want an Error that says %q", a, err, c.says)
			}
			if all := wrong.Message + wrong.Hint; strings.Contains(all, "BEGIN PRIVATE") || strings.Contains(all, "AQAB") {
				t.Errorf("repeats the value: %s", all)
			}
		})
	}
}

func TestThumbprintIsRFC7638s(t *testing.T) {
	// The example of RFC 7638 §3.1.
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}`)); err != nil {
		t.Fatal(err)
	}
	got, err := Thumbprint(key.Key)
	if err != nil || got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestKeysDoNotPrintThemselves(t *testing.T) {
	a, err := Parse(account(jwk(rsaKey(), "k1"), ""))
	if err != nil {
		t.Fatal(err)
	}
	secret := rsaKey().D.String()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, a.Keys[0]); strings.Contains(s, secret) || !strings.Contains(s, "k1") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"api_key":"x"}`, account(jwk(ecKey(), "k"), ""), account(quoted(pkcs8(ecKey())), `,"scopes":"a b"`), "SSWS 00token_of-20.characters",
		base64.StdEncoding.EncodeToString([]byte(`{"api_key":"x"}`)), `{"client_id":"a","private_keys":[{"private_key":{"kty":"EC"}}]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		var wrong *Error
		switch {
		case err != nil && !errors.As(err, &wrong):
			t.Errorf("%T is no *Error", err)
		case err != nil:
		case (a.APIKey == "") == (a.ClientID == ""), a.ClientID != "" && len(a.Keys) == 0:
			t.Errorf("neither or both: %q", s)
		}
		for _, k := range keysOf(a) {
			if k.Private == nil || k.Algorithm == "" {
				t.Errorf("key that cannot sign: %q", s)
			}
			if _, err := Thumbprint(k.Private.Public()); err != nil {
				t.Error(err)
			}
		}
	})
}

func keysOf(a *Account) []Key {
	if a == nil {
		return nil
	}
	return a.Keys
}
