package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// keysLife is how long a fetched key set is used; an unknown key asks again,
// but not more often than every keysPause.
const (
	keysLife  = 5 * time.Minute
	keysPause = 10 * time.Second
)

// claims are those of the assertion that applications use most.
type claims struct {
	jwt.Claims
	Email   string   `json:"email"`
	Groups  []string `json:"groups"`
	Session string   `json:"sid"`
}

// verifier checks assertions made for one public host.
type verifier struct {
	host, jwksURL string
	http          *http.Client
	now           func() time.Time

	mu      sync.Mutex
	keys    jose.JSONWebKeySet
	fetched time.Time
}

func newVerifier(host, jwksURL string, client *http.Client) *verifier {
	return &verifier{host: host, jwksURL: jwksURL, http: client, now: time.Now}
}

// verify returns the claims of a genuine, current assertion for this host.
func (v *verifier) verify(ctx context.Context, token string) (*claims, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	key, err := v.key(ctx, parsed.Headers[0].KeyID)
	if err != nil {
		return nil, err
	}
	var c claims
	if err := parsed.Claims(key, &c); err != nil {
		return nil, err
	}
	expected := jwt.Expected{Issuer: v.host, AnyAudience: jwt.Audience{v.host}, Time: v.now()}
	if err := c.Claims.ValidateWithLeeway(expected, time.Minute); err != nil {
		return nil, err
	}
	if c.Expiry == nil || c.Subject == "" {
		return nil, errors.New("assertion lacks exp or sub")
	}
	return &c, nil
}

// key returns the published key with this id.
func (v *verifier) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	age := v.now().Sub(v.fetched)
	if found := v.keys.Key(id); len(found) > 0 && age < keysLife {
		return found[0], nil
	}
	if age > keysPause {
		if err := v.fetch(ctx); err != nil {
			return jose.JSONWebKey{}, err
		}
	}
	if found := v.keys.Key(id); len(found) > 0 {
		return found[0], nil
	}
	return jose.JSONWebKey{}, fmt.Errorf("no key %q is published", id)
}

func (v *verifier) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.jwksURL, nil)
	if err != nil {
		return err
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("key set: expected 200, got %d", resp.StatusCode)
	}
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&keys); err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	v.keys, v.fetched = keys, v.now()
	return nil
}
