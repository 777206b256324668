package proxy

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/keyring"
)

func pemKey(t *testing.T, kind string, key any) []byte {
	t.Helper()
	var der []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		der, err = x509.MarshalPKCS1PrivateKey(k), nil
	case *ecdsa.PrivateKey:
		der, err = x509.MarshalECPrivateKey(k)
	}
	if kind == "PRIVATE KEY" {
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestSigningKeysFromPEMAndFromTheRing(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	big, _ := rsa.GenerateKey(rand.Reader, 2048)
	small := new(rsa.PrivateKey)
	*small = *big
	ecPEM, rsaPEM := pemKey(t, "EC PRIVATE KEY", ec), pemKey(t, "RSA PRIVATE KEY", big)
	for _, tt := range []struct {
		name string
		pems [][]byte
		alg  string
		n    int
	}{
		{"EC", [][]byte{ecPEM}, "ES256", 1},
		{"EC in PKCS 8", [][]byte{pemKey(t, "PRIVATE KEY", ec384)}, "ES384", 1},
		{"RSA", [][]byte{rsaPEM}, "RS256", 1},
		{"two, the first signs", [][]byte{rsaPEM, ecPEM}, "RS256", 2},
		{"two in one text", [][]byte{append(append([]byte{}, ecPEM...), rsaPEM...)}, "ES256", 2},
		{"base64 of PEM", [][]byte{[]byte(base64.StdEncoding.EncodeToString(ecPEM))}, "ES256", 1},
	} {
		a := assertions(t, AssertionOptions{Keys: tt.pems})
		jwt, err := a.Header(aSession("alice"), nil, "app.test", "")
		if err != nil {
			t.Fatal(err)
		}
		verified(t, a, jwt)
		if string(a.keys[0].alg) != tt.alg || len(a.keys) != tt.n {
			t.Errorf("%s: %s of %d keys, want %s of %d", tt.name, a.keys[0].alg, len(a.keys), tt.alg, tt.n)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing": {}, "no PEM": []byte("secret"), "public key": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
		"garbage": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("secret")}),
	} {
		if _, err := NewAssertions(AssertionOptions{Keys: [][]byte{bad}}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewAssertions(AssertionOptions{}); err == nil {
		t.Error("no key at all was accepted")
	}
}

func TestDerivedKeyIsTheSameEverywhereAndRotates(t *testing.T) {
	one, two := []byte(strings.Repeat("1", 32)), []byte(strings.Repeat("2", 32))
	ring := func(secrets ...[]byte) *keyring.Ring {
		r, err := keyring.New(secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := assertions(t, AssertionOptions{Ring: ring(one)}), assertions(t, AssertionOptions{Ring: ring(one)})
	if a.keys[0].id != b.keys[0].id {
		t.Error("two replicas derive two keys")
	}
	rotated := assertions(t, AssertionOptions{Ring: ring(two, one)})
	jwt, err := a.Header(aSession("alice"), nil, "app.test", "")
	if err != nil {
		t.Fatal(err)
	}
	verified(t, rotated, jwt) // the old key is published still
	if rotated.keys[0].id == a.keys[0].id {
		t.Error("the new secret does not sign")
	}
	sum, err := (&jose.JSONWebKey{Key: a.keys[0].private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil || a.keys[0].id != base64.RawURLEncoding.EncodeToString(sum) {
		t.Errorf("kid = %q, want the RFC 7638 thumbprint", a.keys[0].id)
	}
}

func TestJWKSCanBeCachedAndReadFromAnywhere(t *testing.T) {
	h := assertions(t, AssertionOptions{}).JWKS()
	ask := func(method, tag string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(method, "/.well-known/pomerium/jwks.json", nil)
		r.Header.Set("If-None-Match", tag)
		h.ServeHTTP(rec, r)
		return rec
	}
	first := ask("GET", "")
	tag := first.Header().Get("Etag")
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		t.Errorf("ETag %s is not quoted", tag)
	}
	for name, want := range map[string]string{"Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff"} {
		if got := first.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if strings.Contains(first.Body.String(), `"d"`) || tag == "" {
		t.Errorf("tag %q, body %s", tag, first.Body)
	}
	for _, tt := range []struct {
		method, tag  string
		status, size int
	}{
		{"GET", tag, 304, 0},
		{"GET", `"other", W/` + tag, 304, 0},
		{"GET", "*", 304, 0},
		{"GET", `"other"`, 200, first.Body.Len()},
		{"HEAD", "", 200, 0},
		{"OPTIONS", "", http.StatusNoContent, 0},
		{"POST", "", 405, 0},
	} {
		if rec := ask(tt.method, tt.tag); rec.Code != tt.status || rec.Body.Len() != tt.size {
			t.Errorf("%s with %q: %d of %d bytes, want %d of %d", tt.method, tt.tag, rec.Code, rec.Body.Len(), tt.status, tt.size)
		}
	}
}

func TestJWKSAnswersPreflightsAndNamesItsMethods(t *testing.T) {
	h := assertions(t, AssertionOptions{}).JWKS()
	for method, want := range map[string]map[string]string{
		"OPTIONS": {"Access-Control-Allow-Methods": "GET, HEAD", "Access-Control-Allow-Headers": "*", "Access-Control-Allow-Origin": "*"},
		"POST":    {"Allow": "GET, HEAD, OPTIONS"},
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(method, "/", nil))
		for name, value := range want {
			if got := rec.Header().Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", method, name, got, value)
			}
		}
	}
}

func TestKeysOfEveryKindSignOrAreRefused(t *testing.T) {
	generate := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	dh, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	beside := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte("x")}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...)
	for _, tt := range []struct {
		name string
		pem  []byte
		alg  jose.SignatureAlgorithm // "": refused
	}{
		{"P-521", pemKey(t, "EC PRIVATE KEY", generate(elliptic.P521())), jose.ES512},
		{"Ed25519", pemKey(t, "PRIVATE KEY", ed), jose.EdDSA},
		{"beside parameters and a certificate", append(beside, pemKey(t, "EC PRIVATE KEY", generate(elliptic.P256()))...), jose.ES256},
		{"a curve without an algorithm", pemKey(t, "EC PRIVATE KEY", generate(elliptic.P224())), ""},
		{"RSA of 1024 bits", pemKey(t, "RSA PRIVATE KEY", weak), ""},
		{"a key that cannot sign", pemKey(t, "PRIVATE KEY", dh), ""},
		{"a good one before a bad one", append(pemKey(t, "EC PRIVATE KEY", generate(elliptic.P256())), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("x")})...), ""},
		{"no key", beside, ""},
	} {
		keys, err := parseKeys(tt.pem)
		if (err == nil) != (tt.alg != "") || tt.alg != "" && keys[0].alg != tt.alg {
			t.Errorf("%s: %v, %v; want algorithm %q", tt.name, keys, err, tt.alg)
		}
	}
}
