package okta

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DPoP is RFC 9449: each request proves that it comes from the holder of a key,
// so that a stolen token alone is worth nothing. Okta asks for it where an app
// has "Require Demonstrating Proof of Possession" checked, as new ones do.
const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"
	headerDPoP   = "DPoP"
	headerNonce  = "DPoP-Nonce"
	codeUseNonce = "use_dpop_nonce"
	codeBadProof = "invalid_dpop_proof"
	maxNonce     = 1024
)

// nonce names who gave a nonce: the token endpoint and the API give their own.
type nonce int

const (
	nonceToken nonce = iota
	nonceAPI
)

func nonceOf(token bool) nonce {
	if token {
		return nonceToken
	}
	return nonceAPI
}

// prover makes proofs with a key of this process. It is guarded by the mutex of
// the tokens it belongs to.
type prover struct {
	signer jose.Signer
	nonces [2]string
}

func newProver() (*prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		return nil, err
	}
	return &prover{signer: signer}, nil
}

// take keeps the nonce that an answer brought and reports whether it is a new
// one.
func (p *prover) take(from nonce, h http.Header) bool {
	n := h.Get(headerNonce)
	if n == "" || len(n) > maxNonce || n == p.nonces[from] {
		return false
	}
	p.nonces[from] = n
	return true
}

// proof returns the DPoP header for a request; hash is of the access token, "" at
// the token endpoint.
func (p *prover) proof(r *http.Request, hash string, at time.Time) (string, error) {
	address := *r.URL
	address.RawQuery, address.ForceQuery, address.Fragment, address.User = "", false, "", nil
	claims := map[string]any{"jti": randomID(), "htm": r.Method, "htu": address.String(), "iat": at.Unix()}
	if hash != "" {
		claims["ath"] = hash
	}
	if n := p.nonces[nonceOf(hash == "")]; n != "" {
		claims["nonce"] = n
	}
	return sign(p.signer, claims)
}

// prove adds the proof to a request, where one is made.
func (s *tokens) prove(r *http.Request, hash string) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proofs == nil {
		return nil
	}
	proof, err := s.proofs.proof(r, hash, s.now().Add(s.skew-dateError))
	if err != nil {
		return &Error{Path: r.URL.Path, Summary: "proof of possession cannot be made", Err: err}
	}
	r.Header.Set(headerDPoP, proof)
	return nil
}

func sign(signer jose.Signer, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// randomID is a jti: 128 bits that nobody can guess.
func randomID() string { return rand.Text() }
