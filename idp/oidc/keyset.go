package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Ages and bounds of the provider's keys.
const (
	keysSoftAge = 5 * time.Minute  // asked for again beside their use
	keysHardAge = time.Hour        // not used when older: a removed key is dead by then
	keysGap     = 30 * time.Second // between fetches, however many unknown ids come
	maxKeys     = 100
	minRSABits  = 2048
)

// keySet implements go-oidc's KeySet over the provider's jwks_uri. Keys are
// decoded one by one, so that one that nobody understands costs only itself.
type keySet struct {
	p          *Provider
	url        string
	algorithms []string
	keys       *cached[[]jose.JSONWebKey]
}

func newKeySet(p *Provider, url string, algorithms []string) *keySet {
	k := &keySet{p: p, url: url, algorithms: algorithms}
	k.keys = &cached[[]jose.JSONWebKey]{fetch: k.fetch, now: p.now, gap: keysGap}
	return k
}

// verdictKey carries a *error through go-oidc, which keeps only the text of what
// a KeySet returns and so would make "cannot know" look like "forged".
type verdictKey struct{}

// VerifySignature implements go-oidc's KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.verify(ctx, token)
	if verdict, ok := ctx.Value(verdictKey{}).(*error); ok {
		*verdict = err
	}
	return payload, err
}

// verify returns the payload, an *idp.InvalidError, or an ErrUnavailable where
// the keys could not be had.
func (k *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	signed, err := parseSigned(token, k.algorithms)
	if err != nil {
		return nil, err
	}
	keys, fresh, err := k.keys.current(ctx, keysSoftAge, keysHardAge)
	if err != nil {
		return nil, err
	}
	payload, known := tryKeys(signed, keys)
	if payload != nil {
		return payload, nil
	}
	if !fresh {
		// Rotated since: ask once, for all tokens that the known keys do not fit.
		keys, err = k.keys.renew(ctx)
		switch {
		case known && errors.Is(err, errGap):
			return nil, errSignature
		case err != nil:
			return nil, err
		}
		payload, known = tryKeys(signed, keys)
	}
	switch {
	case payload != nil:
		return payload, nil
	case known:
		return nil, errSignature
	}
	return nil, invalid("id token is signed with key %q, which the provider does not have", clip(signed.Signatures[0].Header.KeyID, 64))
}

var errSignature = invalid("id token signature is wrong")

// parseSigned takes the compact form with one signature and nothing unusual in
// its header; go-jose alone would take the JSON form, several signatures and
// unencoded payloads as well.
func parseSigned(token string, algorithms []string) (*jose.JSONWebSignature, error) {
	if strings.Count(token, ".") != 2 || strings.ContainsAny(token, "{}\" \t\r\n") {
		return nil, invalid("id token is not a signed token in compact form")
	}
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, invalid("id token cannot be read or is signed with none of %q", algorithms)
	}
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, there := signed.Signatures[0].Protected.ExtraHeaders[name]; there {
			return nil, invalid("id token header holds %q, which is not understood", name)
		}
	}
	return signed, nil
}

// tryKeys verifies with the keys of the token's key id. known says that there
// was one; payload is nil if none of them fits. A token without an id may be
// signed by any.
func tryKeys(signed *jose.JSONWebSignature, keys []jose.JSONWebKey) (payload []byte, known bool) {
	header := signed.Signatures[0].Header
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		known = true
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, known
}

func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	body, err := k.p.get(ctx, endpointKeys, k.url, "")
	if err != nil {
		k.p.log.Warn("identity provider keys could not be fetched", "issuer", k.p.o.Issuer, "error", err)
		return nil, err
	}
	keys, skipped, err := decodeKeys(body)
	if err != nil {
		err = unavailable(err, "keys: %v", err)
		k.p.log.Error("identity provider keys refused", "issuer", k.p.o.Issuer, "error", err)
		return nil, err
	}
	if skipped > 0 {
		k.p.log.Debug("identity provider keys skipped", "issuer", k.p.o.Issuer, "skipped", skipped, "used", len(keys))
	}
	return keys, nil
}

// decodeKeys returns the keys that can verify an ID token and how many others
// were passed over. A set without one usable key is an error: it would turn a
// provider's slip into "every signature is wrong".
func decodeKeys(body []byte) (keys []jose.JSONWebKey, skipped int, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, 0, fmt.Errorf("not a key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("expected at most %d keys, got %d", maxKeys, len(set.Keys))
	}
	for _, raw := range set.Keys {
		if key, ok := decodeKey(raw); ok {
			keys = append(keys, key)
		} else {
			skipped++
		}
	}
	if len(keys) == 0 {
		return nil, skipped, errors.New("no usable key among them")
	}
	return keys, skipped, nil
}

func decodeKey(raw json.RawMessage) (jose.JSONWebKey, bool) {
	var key jose.JSONWebKey
	if err := json.Unmarshal(raw, &key); err != nil || !key.Valid() || !key.IsPublic() {
		return key, false
	}
	if key.Use != "" && key.Use != "sig" {
		return key, false
	}
	if key.Algorithm != "" && !slices.Contains(asymmetric, key.Algorithm) {
		return key, false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return key, false
	}
	return key, true
}
