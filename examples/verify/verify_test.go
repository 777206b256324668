package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const host = "wiki.example.com"

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, id string, payload map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(payload).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// payload is a good assertion's, with changes.
func payload(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	p := map[string]any{
		"iss": host, "aud": host, "sub": "00ualice", "email": "alice@example.com", "groups": []string{"00g1", "admins"},
		"iat": now, "exp": now + 300, "sid": "s1",
	}
	for k, v := range changes {
		if v == nil {
			delete(p, k)
		} else {
			p[k] = v
		}
	}
	return p
}

func TestOnlyGenuineAssertionsAreGreeted(t *testing.T) {
	key, other := newKey(t), newKey(t)
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	}))
	defer jwks.Close()
	app := httptest.NewServer(greet(newVerifier(host, jwks.URL, jwks.Client())))
	defer app.Close()

	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"good":            {sign(t, jose.ES256, key, "k1", payload(nil)), 200},
		"none":            {"", 401},
		"noise":           {"a.b.c", 401},
		"other key":       {sign(t, jose.ES256, other, "k1", payload(nil)), 401},
		"unknown key id":  {sign(t, jose.ES256, key, "k2", payload(nil)), 401},
		"HMAC":            {sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), "k1", payload(nil)), 401},
		"other audience":  {sign(t, jose.ES256, key, "k1", payload(map[string]any{"aud": "mail.example.com"})), 401},
		"other issuer":    {sign(t, jose.ES256, key, "k1", payload(map[string]any{"iss": "mail.example.com"})), 401},
		"expired":         {sign(t, jose.ES256, key, "k1", payload(map[string]any{"exp": time.Now().Unix() - 300})), 401},
		"never expires":   {sign(t, jose.ES256, key, "k1", payload(map[string]any{"exp": nil})), 401},
		"nobody":          {sign(t, jose.ES256, key, "k1", payload(map[string]any{"sub": nil})), 401},
		"from the future": {sign(t, jose.ES256, key, "k1", payload(map[string]any{"iat": time.Now().Unix() + 3600})), 401},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest("GET", app.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Pomerium-Jwt-Assertion", tt.token)
			resp, err := app.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.want || (tt.want == 200) != strings.Contains(string(body), "Hello alice@example.com (00ualice), member of 2 groups") {
				t.Errorf("got %d %q, want %d", resp.StatusCode, body, tt.want)
			}
		})
	}
}

// Forged key ids must not make the application hammer the proxy.
func TestUnknownKeysDoNotFloodTheKeySet(t *testing.T) {
	fetches := 0
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches++
		_, _ = w.Write([]byte(`{"keys":[]}`))
	}))
	defer jwks.Close()
	v := newVerifier(host, jwks.URL, jwks.Client())
	now := time.Now()
	v.now = func() time.Time { return now }
	token := sign(t, jose.ES256, newKey(t), "forged", payload(nil))
	for range 50 {
		if _, err := v.verify(t.Context(), token); err == nil {
			t.Fatal("a forged assertion is believed")
		}
	}
	if fetches != 1 {
		t.Errorf("key set fetched %d times, want once", fetches)
	}
	now = now.Add(keysPause + time.Second)
	_, _ = v.verify(t.Context(), token)
	if fetches != 2 {
		t.Errorf("after the pause: fetched %d times, want twice", fetches)
	}
}
