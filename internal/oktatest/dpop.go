package oktatest

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxProofAge is how old a proof may be.
const maxProofAge = 5 * time.Minute

// Errors of DPoP proofs (RFC 9449), with Okta's texts.
var (
	errProofMissing = badProof("The DPoP proof JWT header is missing.")
	errProofMany    = badProof("Multiple DPoP proof JWT headers are not allowed.")
	errProofParse   = badProof("The DPoP proof JWT cannot be parsed.")
	errProofType    = badProof("'typ' must be 'dpop+jwt' in the DPoP proof JWT.")
	errProofAlg     = badProof("The DPoP proof JWT signature algorithm is invalid.")
	errProofSigned  = badProof("The DPoP proof JWT signature is invalid.")
	errProofMethod  = badProof("'htm' claim in the DPoP proof JWT is invalid.")
	errProofURL     = badProof("'htu' claim in the DPoP proof JWT is invalid.")
	errProofIssued  = badProof("'iat' claim in the DPoP proof JWT is invalid.")
	errProofEarly   = badProof("The DPoP proof JWT is issued in the future.")
	errProofOld     = badProof("The DPoP proof JWT is issued more than five minutes in the past.")
	errProofID      = badProof("'jti' claim in the DPoP proof JWT is invalid.")
	errProofUsed    = badProof("The DPoP proof JWT has already been used.")
	errProofToken   = badProof("'ath' claim in the DPoP proof does not match the presented access_token.")
	errProofOther   = badProof("The access_token is not bound to the provided DPoP proof.")
	errProofKey     = oauthError{http.StatusForbidden, "access_denied", "The public key used to sign the DPoP proof JWT is invalid."}
	errProofNonce   = oauthError{http.StatusBadRequest, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof."}
	errNeedsProof   = oauthError{http.StatusBadRequest, "invalid_request", "The resource request requires a DPoP proof."}
	errNeedsDPoP    = oauthError{http.StatusBadRequest, "invalid_request", "The resource request must use the DPoP authentication scheme when using a DPoP bound token."}
	errNotBound     = oauthError{http.StatusUnauthorized, "invalid_token", "The presented access_token is not DPoP bound."}
)

func badProof(text string) oauthError {
	return oauthError{http.StatusBadRequest, "invalid_dpop_proof", text}
}

// proofWanted is what a proof must have besides what every proof has.
type proofWanted struct {
	nonce bool
	token string // the access token whose hash "ath" must be; "" is none
}

type proofClaims struct {
	Method string `json:"htm"`
	URL    string `json:"htu"`
	Issued int64  `json:"iat"`
	ID     string `json:"jti"`
	Nonce  string `json:"nonce"`
	Token  string `json:"ath"`
}

// checkProof checks the proof that came with r and returns the thumbprint of its
// key. Where a nonce is missing it sends one.
func (k *Okta) checkProof(w http.ResponseWriter, r *http.Request, want proofWanted) (string, error) {
	claims, key, err := readProof(r)
	if err != nil {
		return "", err
	}
	if err := k.checkProofClaims(r, claims, want); err != nil {
		return "", err
	}
	if want.nonce && !k.nonces.good(claims.Nonce) {
		w.Header().Set("DPoP-Nonce", k.nonces.current())
		return "", errProofNonce
	}
	if !k.replays.first("proof "+claims.ID, k.clock.now().Add(maxProofAge)) {
		return "", errProofUsed
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errProofKey
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// readProof returns the claims of a proof and the key that it is signed with and
// brings along.
func readProof(r *http.Request) (proofClaims, *jose.JSONWebKey, error) {
	var claims proofClaims
	switch proofs := r.Header.Values("DPoP"); len(proofs) {
	case 0:
		return claims, nil, errProofMissing
	case 1:
	default:
		return claims, nil, errProofMany
	}
	jws, err := jose.ParseSignedCompact(r.Header.Get("DPoP"), anyAlgorithm)
	if err != nil {
		return claims, nil, errProofParse
	}
	header := jws.Signatures[0].Protected
	key := header.JSONWebKey
	switch {
	case header.ExtraHeaders[jose.HeaderType] != "dpop+jwt":
		return claims, nil, errProofType
	case !slices.Contains(asymmetric, jose.SignatureAlgorithm(header.Algorithm)):
		return claims, nil, errProofAlg
	case key == nil || !key.Valid():
		return claims, nil, errProofKey
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return claims, nil, errProofSigned
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return claims, nil, errProofParse
	}
	return claims, key, nil
}

func (k *Okta) checkProofClaims(r *http.Request, claims proofClaims, want proofWanted) error {
	now := k.clock.now()
	issued := time.Unix(claims.Issued, 0)
	switch {
	case claims.Method != r.Method:
		return errProofMethod
	case !sameURL(claims.URL, k.url+r.URL.EscapedPath()):
		return errProofURL
	case claims.Issued <= 0:
		return errProofIssued
	case issued.After(now):
		return errProofEarly
	case issued.Before(now.Add(-maxProofAge)):
		return errProofOld
	case claims.ID == "":
		return errProofID
	case want.token != "" && claims.Token != tokenHash(want.token):
		return errProofToken
	}
	return nil
}

// sameURL compares without query and fragment, and scheme and host without
// letter case (RFC 9449 §4.3).
func sameURL(claimed, invoked string) bool {
	a, errA := url.Parse(claimed)
	b, errB := url.Parse(invoked)
	return errA == nil && errB == nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host) &&
		a.EscapedPath() == b.EscapedPath()
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// nonces are the server's nonces for proofs, the last of which it hands out.
type nonces struct {
	mu   sync.Mutex
	live []string
}

// RotateNonces hands out a new nonce for DPoP proofs and refuses the old ones.
func (k *Okta) RotateNonces() {
	k.nonces.mu.Lock()
	defer k.nonces.mu.Unlock()
	k.nonces.live = []string{secret(24)}
}

func (n *nonces) current() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.live[len(n.live)-1]
}

func (n *nonces) good(nonce string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.live, nonce)
}
