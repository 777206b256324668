package oktatest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// keySize is what Okta signs with.
const keySize = 2048

// keyPool holds the process's RSA keys: making one takes longer than most
// tests, and nothing is gained by every Okta having its own.
var keyPool struct {
	mu   sync.Mutex
	made []*signingKey
}

type signingKey struct {
	private *rsa.PrivateKey
	kid     string
}

func pooledKey(n int) *signingKey {
	keyPool.mu.Lock()
	defer keyPool.mu.Unlock()
	for len(keyPool.made) <= n {
		private := must(rsa.GenerateKey(rand.Reader, keySize))
		sum := must((&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256))
		keyPool.made = append(keyPool.made, &signingKey{private, base64.RawURLEncoding.EncodeToString(sum)})
	}
	return keyPool.made[n]
}

// keys are an org's signing keys: one signs, the published ones verify.
type keys struct {
	mu        sync.Mutex
	rotations int
	published []*signingKey // the last one signs
}

// foreignKey is the place in the pool of the key that no org publishes.
const foreignKey = 0

func newKeys() *keys { return &keys{published: []*signingKey{pooledKey(foreignKey + 1)}} }

// RotateKeys signs with a new key from now on. With keepOld the old ones stay in
// the JWKS, as at Okta; without, only the new one is there.
func (k *Okta) RotateKeys(keepOld bool) { k.keys.rotate(keepOld) }

func (k *keys) rotate(keepOld bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rotations++
	if !keepOld {
		k.published = nil
	}
	k.published = append(k.published[:len(k.published):len(k.published)], pooledKey(foreignKey+1+k.rotations))
}

func (k *keys) current() *signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.published[len(k.published)-1]
}

// set is the JWKS.
func (k *keys) set() jose.JSONWebKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	var s jose.JSONWebKeySet
	for _, key := range k.published {
		s.Keys = append(s.Keys, jose.JSONWebKey{Key: key.private.Public(), KeyID: key.kid, Algorithm: "RS256", Use: "sig"})
	}
	return s
}

// header is the JOSE header of tokens signed with the key.
func (key *signingKey) header(typ string) map[string]any {
	h := map[string]any{"kid": key.kid, "alg": "RS256"}
	if typ != "" {
		h["typ"] = typ
	}
	return h
}

// sign writes the token in compact form. It is done by hand and not by a library
// since the header and the signature may be lies.
func (key *signingKey) sign(header, claims map[string]any, how Signing) string {
	input := segment(header) + "." + segment(claims)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	switch how {
	case SignNone:
		return input + "."
	case SignHS256:
		mac := hmac.New(sha256.New, publicPEM(key.private))
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	case SignForeign:
		signature = must(rsa.SignPKCS1v15(nil, pooledKey(foreignKey).private, crypto.SHA256, digest[:]))
	default:
		signature = must(rsa.SignPKCS1v15(nil, key.private, crypto.SHA256, digest[:]))
	}
	if how == SignBroken {
		signature[len(signature)/2] ^= 1
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(v map[string]any) string {
	return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v)))
}

func publicPEM(key *rsa.PrivateKey) []byte {
	der := must(x509.MarshalPKIXPublicKey(key.Public()))
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// verify returns the claims of a token this org signed with a key it publishes.
// Expiry is the caller's matter.
func (k *keys) verify(token string) (map[string]any, error) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify(k.set())
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(payload, &claims)
}
