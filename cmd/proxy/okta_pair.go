package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/serviceaccount"
)

// newPair makes a key whose id is the thumbprint of RFC 7638.
func newPair(algorithm string) (private, public json.RawMessage, id string, err error) {
	var key crypto.Signer
	if algorithm == "ES256" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		return nil, nil, "", err
	}
	if id, err = serviceaccount.Thumbprint(key.Public()); err != nil {
		return nil, nil, "", err
	}
	if private, err = encodeJWK(key, id, algorithm); err != nil {
		return nil, nil, "", err
	}
	public, err = encodeJWK(key.Public(), id, algorithm)
	return private, public, id, err
}

func encodeJWK(key any, id, algorithm string) (json.RawMessage, error) {
	return (&jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm, Use: "sig"}).MarshalJSON()
}

// writeSecret makes a new file: an old one might be the only copy of a key.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already: it may hold a key that is in use", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text + "\n"); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
