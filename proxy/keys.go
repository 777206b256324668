package proxy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/keyring"
)

// assertionPurpose separates the assertion key from all others of the ring.
const assertionPurpose = "assertion/es256"

// minRSA is the least modulus of a signing key, in bits.
const minRSA = 2048

// signingKey is a private key with what stands in a JWS header.
type signingKey struct {
	id      string // RFC 7638 thumbprint
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

// signingKeys are those of the PEM texts, else those derived from the ring. The
// first signs, all are published.
func signingKeys(pems [][]byte, ring *keyring.Ring) ([]signingKey, error) {
	var keys []signingKey
	for i, text := range pems {
		parsed, err := parseKeys(text)
		if err != nil {
			return nil, fmt.Errorf("signing key %d: %w", i+1, err)
		}
		keys = append(keys, parsed...)
	}
	if len(keys) > 0 {
		return keys, nil
	}
	if ring == nil {
		return nil, errors.New("neither a signing key nor a secret to derive one from")
	}
	for _, seed := range ring.Derive(assertionPurpose, 40) {
		k, err := deriveKey(seed)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// deriveKey turns 320 bits into a P-256 key (FIPS 186-5 A.2.1): the same seed
// gives the same key on every replica and after every restart.
func deriveKey(seed []byte) (signingKey, error) {
	n := new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(1))
	d := new(big.Int).SetBytes(seed)
	d.Mod(d, n).Add(d, big.NewInt(1))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
	if err != nil {
		return signingKey{}, fmt.Errorf("derive the assertion key: %w", err)
	}
	return newSigningKey(private)
}

// parseKeys reads the private keys of a PEM text, which may itself be base64.
// Errors never quote it.
func parseKeys(text []byte) ([]signingKey, error) {
	if raw, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
		text = raw
	}
	var keys []signingKey
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type == "EC PARAMETERS" || block.Type == "CERTIFICATE" {
			continue
		}
		private, err := parsePrivate(block)
		if err != nil {
			return nil, err
		}
		k, err := newSigningKey(private)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("no private key in PEM form")
	}
	return keys, nil
}

func parsePrivate(block *pem.Block) (any, error) {
	switch block.Type {
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	return nil, fmt.Errorf("a %q block is no private key", block.Type)
}

func newSigningKey(private any) (signingKey, error) {
	k := signingKey{}
	switch p := private.(type) {
	case *ecdsa.PrivateKey:
		k.private = p
		switch p.Curve {
		case elliptic.P256():
			k.alg = jose.ES256
		case elliptic.P384():
			k.alg = jose.ES384
		case elliptic.P521():
			k.alg = jose.ES512
		default:
			return k, fmt.Errorf("curve %s is not supported, use P-256", p.Params().Name)
		}
	case *rsa.PrivateKey:
		if p.N.BitLen() < minRSA {
			return k, fmt.Errorf("RSA key of %d bits, expected at least %d", p.N.BitLen(), minRSA)
		}
		k.private, k.alg = p, jose.RS256
	case ed25519.PrivateKey:
		k.private, k.alg = p, jose.EdDSA
	default:
		return k, fmt.Errorf("a key of type %T cannot sign", private)
	}
	sum, err := (&jose.JSONWebKey{Key: k.private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return k, err
	}
	k.id = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// public is the key as published.
func (k signingKey) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(k.alg), Use: "sig"}
}
