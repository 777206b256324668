package oidc

import (
	"crypto/ed25519"
	"encoding/base64"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// FuzzIDToken feeds tokens to a key that signed one payload in its life: nothing
// else ever verifies, and nothing panics on the way.
func FuzzIDToken(f *testing.F) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // the same in every process
	const payload = `{"sub":"00ualice","aud":"c","exp":1}`
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": "k1"}})
	if err != nil {
		f.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		f.Fatal(err)
	}
	good, err := jws.CompactSerialize()
	if err != nil {
		f.Fatal(err)
	}
	keys := []jose.JSONWebKey{{Key: private.Public(), KeyID: "k1", Algorithm: string(jose.EdDSA)}}
	if signed, err := parseSigned(good, asymmetric); err != nil {
		f.Fatal(err)
	} else if got, _ := tryKeys(signed, keys); string(got) != payload {
		f.Fatalf("the good token verifies as %q", got)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, header := range []string{`{"alg":"none"}`, `{"alg":"EdDSA","kid":"k1","crit":["b64"],"b64":false}`, `{"alg":"HS256","kid":"k1"}`, `{"alg":"EdDSA","jwk":{"kty":"OKP"}}`, `{`} {
		f.Add(encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode(make([]byte, 64)))
	}
	f.Add(good)
	f.Add(good + "=")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		signed, err := parseSigned(token, asymmetric)
		if err != nil {
			return
		}
		if got, _ := tryKeys(signed, keys); got != nil && string(got) != payload {
			t.Errorf("%q verifies as %q", token, got)
		}
		_, _ = decodeClaims(signed.UnsafePayloadWithoutVerification())
	})
}
