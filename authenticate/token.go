package authenticate

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/keyring"
	"sallyport/session"
)

const (
	// tokenType keeps program tokens apart from every other JWT.
	tokenType = "sallyport-program+jwt"
	// maxToken bounds a token before anything looks into it.
	maxToken = 2 << 10
)

var errToken = errors.New("program token not valid")

// tokenClaims is what a program token says: which session, on which host, until
// when. Who that is stands in the session, which can be revoked.
type tokenClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Session  string `json:"sid"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// tokenSigner makes and reads program tokens: HS256 under keys derived from the
// shared secret, so that no upstream can check or make one.
type tokenSigner struct {
	keys   [][]byte
	now    func() time.Time
	issuer string
}

func newTokenSigner(ring *keyring.Ring, now func() time.Time, issuer string) *tokenSigner {
	return &tokenSigner{keys: ring.Derive("authenticate/program-token", 32), now: now, issuer: issuer}
}

// sign returns the token of a program's session.
func (t *tokenSigner) sign(ss *session.Session) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: t.keys[0]},
		(&jose.SignerOptions{}).WithType(tokenType))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(tokenClaims{
		Issuer: t.issuer, Audience: ss.Host, Session: ss.ID, Issued: t.now().Unix(), Expires: ss.Expires.Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// verify returns the session id in a token that is good for host now.
func (t *tokenSigner) verify(raw, host string) (string, error) {
	if len(raw) > maxToken {
		return "", errToken
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil || len(signed.Signatures) != 1 {
		return "", errToken
	}
	if typ, _ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string); typ != tokenType {
		return "", errToken
	}
	payload, ok := t.payload(signed)
	if !ok {
		return "", errToken
	}
	var c tokenClaims
	if err := json.Unmarshal(payload, &c); err != nil || c.Issuer != t.issuer || c.Audience != host || c.Session == "" {
		return "", errToken
	}
	now := t.now()
	if now.Unix() >= c.Expires || time.Unix(c.Issued, 0).After(now.Add(skew)) {
		return "", errToken
	}
	return c.Session, nil
}

func (t *tokenSigner) payload(signed *jose.JSONWebSignature) ([]byte, bool) {
	for _, key := range t.keys {
		if payload, err := signed.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
