// Package keyring holds the program's long-lived secrets as ordered rings: the
// first secret of a ring writes, all of them read, so that a secret is rotated
// by putting the new one in front and taking the old one away when nothing
// written under it matters any more. It parses the stated syntax of a ring,
// derives purpose-bound keys with HKDF-SHA256 (RFC 5869) so that no two uses
// share a key, and makes a ring once, in a file of its own, for an operator who
// set none. What the derived keys encrypt or sign is known to the callers.
package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// Ring is an ordered list of secrets. It is immutable and safe for concurrent
// use.
type Ring struct {
	secrets [][]byte
}

// New returns a ring of the secrets, each at least MinSecret bytes; there must
// be one at least. The secrets are copied.
func New(secrets ...[]byte) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("key ring without a secret, expected at least one")
	}
	r := &Ring{secrets: make([][]byte, len(secrets))}
	for i, s := range secrets {
		if len(s) < MinSecret {
			return nil, fmt.Errorf("secret %d of the key ring has %d bytes, expected at least %d", i+1, len(s), MinSecret)
		}
		r.secrets[i] = slices.Clone(s)
	}
	return r, nil
}

// Parse reads the stated syntax of a ring: secrets in base64 (standard or URL
// alphabet, padding optional), separated by commas, space around them ignored;
// the first writes, all read. Errors name the position of a secret, never a
// part of it.
func Parse(s string) ([][]byte, error) {
	var secrets [][]byte
	for part := range strings.SplitSeq(s, ",") {
		secret, err := parseSecret(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", len(secrets)+1, err)
		}
		for i, earlier := range secrets {
			if slices.Equal(earlier, secret) {
				return nil, fmt.Errorf("secret %d is the same as secret %d", len(secrets)+1, i+1)
			}
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

var toStandardAlphabet = strings.NewReplacer("-", "+", "_", "/")

func parseSecret(part string) ([]byte, error) {
	if part == "" {
		return nil, fmt.Errorf("empty, expected %d or more bytes in base64", MinSecret)
	}
	bare := toStandardAlphabet.Replace(strings.TrimRight(part, "="))
	secret, err := base64.RawStdEncoding.DecodeString(bare)
	if err != nil {
		// The decoder's own words would quote the position of a byte of the secret.
		return nil, fmt.Errorf("%d characters that are not base64", len(part))
	}
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("%d bytes after base64, expected at least %d", len(secret), MinSecret)
	}
	return secret, nil
}

// Derive returns one key of n bytes per secret, in the order of the ring: the
// first is to write with, all are to read with. Keys of different purposes have
// nothing in common. It panics if n is over 8,160 bytes, the most HKDF can give.
func (r *Ring) Derive(purpose string, n int) [][]byte {
	keys := make([][]byte, len(r.secrets))
	for i, secret := range r.secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, "sallyport/"+purpose, n)
		if err != nil {
			panic(fmt.Sprintf("keyring: derive %d bytes for %q: %v", n, purpose, err))
		}
		keys[i] = key
	}
	return keys
}
