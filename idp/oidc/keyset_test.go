package oidc

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"sallyport/idp"
)

// go-jose alone drops the whole set over one key of a curve it does not know.
func TestKeysAreDecodedOneByOne(t *testing.T) {
	o := newOP(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go refuses to make short keys")
	}
	o.keys = []any{
		map[string]any{"kty": "EC", "crv": "P-999", "x": "AQ", "y": "AQ", "kid": "odd"},
		map[string]any{"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ", "kid": "odd", "alg": "ES256K"},
		map[string]any{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
		map[string]any{"kty": "RSA", "n": "AQ", "kid": "half"},
		"not even an object", nil, 7,
		jose.JSONWebKey{Key: &otherKey.PublicKey, KeyID: "k1", Use: "enc"},
		jwk(&weak.PublicKey, "k1", "RS256"),
		jwk(&rsaKey.PublicKey, "k1", "RS256"),
	}
	under(t, o).signIn(t)
}

func TestKeyForAnythingElseVerifiesNothing(t *testing.T) {
	for name, key := range map[string]any{
		"for encryption":            jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "k1", Use: "enc"},
		"for another algorithm":     jwk(&rsaKey.PublicKey, "k1", "PS256"),
		"under another id":          jwk(&rsaKey.PublicKey, "k2", "RS256"),
		"for a symmetric algorithm": jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "k1", Algorithm: "HS256"},
	} {
		o := newOP(t)
		o.keys = []any{key, jwk(&otherKey.PublicKey, "k3", "RS256")}
		var bad *idp.InvalidError
		if _, _, err := under(t, o).Exchange(context.Background(), callback()); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want an InvalidError", name, err)
		}
	}
}

func TestWeakKeyVerifiesNothing(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go refuses to make short keys")
	}
	keys, skipped, err := decodeKeys([]byte(fmt.Sprintf(`{"keys":[%s]}`, must(t, jwk(&weak.PublicKey, "w", "RS256")))))
	if err == nil || skipped != 1 {
		t.Errorf("got %d keys, %d skipped, %v; want the short key to be skipped", len(keys), skipped, err)
	}
}

func TestRotatedKeyIsFoundAtOnce(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	r.signIn(t)
	o.set(func() {
		o.keys = []any{jwk(&otherKey.PublicKey, "k2", "RS256")}
		o.sign = func(c map[string]any) string { return signed(t, jose.RS256, otherKey, "k2", c) }
	})
	r.advance(31 * time.Second)
	r.signIn(t)
	if n := o.count("/keys"); n != 2 {
		t.Errorf("keys were fetched %d times, want 2", n)
	}
}

func TestRemovedKeyStopsVerifying(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	r.signIn(t)
	o.set(func() { o.keys = []any{jwk(&otherKey.PublicKey, "k2", "RS256")} }) // tokens still come with k1
	r.advance(keysHardAge)
	o.set(func() { o.now = r.now() })
	_, _, err := r.Exchange(context.Background(), callback())
	var bad *idp.InvalidError
	if !errors.As(err, &bad) {
		t.Errorf("got %v, want an InvalidError", err)
	}
}

// Forged key ids must not become requests to the provider.
func TestKeyIDStormFetchesKeysOnce(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	r.signIn(t)
	e, err := r.endpoints(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	forged := signed(t, jose.RS256, otherKey, "k9", o.good("a", false))
	storm := func() (unavailable, bad int) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 200 {
			wg.Go(func() {
				_, err := r.verify(context.Background(), e, forged, expected{nonce: testNonce, access: "a"})
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, idp.ErrUnavailable) {
					unavailable++
				} else if err != nil {
					bad++
				}
			})
		}
		wg.Wait()
		return unavailable, bad
	}
	if unavailable, bad := storm(); unavailable != 200 || bad != 0 || o.count("/keys") != 1 {
		t.Errorf("just after a fetch: %d unavailable, %d refused, %d fetches in all; want 200, 0, 1", unavailable, bad, o.count("/keys"))
	}
	r.advance(keysGap)
	if unavailable, bad := storm(); unavailable+bad != 200 || bad == 0 || o.count("/keys") != 2 {
		t.Errorf("half a minute later: %d unavailable, %d refused, %d fetches in all; want some refused and 2", unavailable, bad, o.count("/keys"))
	}
}

func TestKeysThatCannotBeHadAreAnOutageAndNoForgery(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"500":          answer(500, "application/json", `{}`),
		"HTML":         answer(200, "text/html", `<html>`),
		"empty":        answer(200, "application/json", ``),
		"no keys":      answer(200, "application/json", `{"keys":[]}`),
		"null":         answer(200, "application/json", `null`),
		"truncated":    answer(200, "application/json", `{"keys":[`),
		"useless keys": answer(200, "application/json", `{"keys":[{"kty":"oct","k":"AQ"}]}`),
		"too large":    answer(200, "application/json", `{"keys":[`+string(make([]byte, 2<<20))),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			o.handle("/keys", h)
			_, _, err := under(t, o).Exchange(context.Background(), callback())
			var bad *idp.InvalidError
			if !errors.Is(err, idp.ErrUnavailable) || errors.As(err, &bad) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		})
	}
}

func TestKnownKeysServeWhileTheirEndpointIsDown(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	r.signIn(t)
	o.handle("/keys", answer(500, "text/plain", "down"))
	r.advance(keysHardAge - time.Second)
	o.set(func() { o.now = r.now() })
	r.signIn(t)
	r.advance(2 * time.Second)
	o.set(func() { o.now = r.now() })
	if _, _, err := r.Exchange(context.Background(), callback()); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("past the hard age: got %v, want ErrUnavailable", err)
	}
}

func must(t *testing.T, v any) []byte {
	t.Helper()
	key, ok := v.(jose.JSONWebKey)
	if !ok {
		t.Fatalf("%T is no key", v)
	}
	b, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
