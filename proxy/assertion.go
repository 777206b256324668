package proxy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/textproto"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/keyring"
	"sallyport/session"
)

// assertionHeader carries the signed assertion.
const assertionHeader = "X-Pomerium-Jwt-Assertion"

const (
	assertionLife = 5 * time.Minute
	// assertionShards keeps requests of different sessions apart; a full shard
	// forgets before it takes more.
	assertionShards   = 64
	assertionPerShard = 1024
)

// AssertionOptions are what Assertions are made from: PEM keys, or the ring of
// the shared secret to derive them from.
type AssertionOptions struct {
	Ring *keyring.Ring
	// Keys are PEM texts (EC, RSA, Ed25519); the first key signs, all are published.
	Keys [][]byte
	// ClaimsHeaders are jwt_claims_headers.
	ClaimsHeaders []config.ClaimHeader
	// GroupsFilter are the only groups that are told of where no route is known;
	// nil: all.
	GroupsFilter []string
	Now          func() time.Time
}

// Assertions tell upstreams who is there: the claims of Pomerium's signed
// header, signed once per (session version, person version, host, issuer
// format, filter of groups) and again at half their life. One is made per generation, so that the
// cache never outlives keys or configuration. Safe for concurrent use.
type Assertions struct {
	keys    []signingKey
	signer  jose.Signer
	headers []claimHeader
	only    *groupFilter
	jwks    *jwks
	now     func() time.Time
	seed    maphash.Seed
	shards  [assertionShards]assertionShard
}

// claimHeader is one of jwt_claims_headers, ready to use.
type claimHeader struct {
	name string // canonical
	path identity.ClaimPath
}

// errUnsigned stands until signing has ended well, so that a panic in between
// leaves an error and not an empty assertion.
var errUnsigned = errors.New("the assertion was not signed")

// NewAssertions reads or derives the keys.
func NewAssertions(o AssertionOptions) (*Assertions, error) {
	keys, err := signingKeys(o.Keys, o.Ring)
	if err != nil {
		return nil, err
	}
	a := &Assertions{keys: keys, now: o.Now, only: newGroupFilter(o.GroupsFilter), seed: maphash.MakeSeed()}
	if a.now == nil {
		a.now = time.Now
	}
	for i := range a.shards {
		a.shards[i].m = map[subjectKey]*told{}
	}
	for _, c := range o.ClaimsHeaders {
		a.headers = append(a.headers, claimHeader{textproto.CanonicalMIMEHeaderKey(c.Header), identity.NewClaimPath(c.Claim)})
	}
	a.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: keys[0].alg, Key: jose.JSONWebKey{Key: keys[0].private, KeyID: keys[0].id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	a.jwks, err = newJWKS(keys)
	return a, err
}

// JWKS serves the keys that verify.
func (a *Assertions) JWKS() http.Handler { return a.jwks }

// Claims are those of the assertion that an upstream on host (with or without
// port) would get about s; p is its directory person or nil.
func (a *Assertions) Claims(s *session.Session, p *identity.Person, host, issuerFormat string) map[string]any {
	return a.claims(a.only.of(factsOf(s, p)), host, issuerFormat)
}

func (a *Assertions) claims(f facts, host, issuerFormat string) map[string]any {
	claims := f.base()
	for _, h := range a.headers {
		name := h.path.String()
		if _, there := claims[name]; !there {
			claims[name] = f.joined(h.path)
		}
	}
	host = hostOnly(host)
	now := a.now()
	claims["iss"], claims["aud"] = host, host
	if issuerFormat == issuerURI {
		claims["iss"] = "https://" + host + "/"
	}
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(assertionLife).Unix()
	claims["jti"] = newUUID()
	return claims
}

// Header is the signed assertion.
func (a *Assertions) Header(s *session.Session, p *identity.Person, host, issuerFormat string) (string, error) {
	t, err := a.tell(s, p, host, issuerFormat, a.only)
	if err != nil {
		return "", err
	}
	return t.jwt[0], nil
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
