package oktatest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
)

const (
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idSize = 20
)

// ids makes object ids as Okta's look: 20 characters of base62 with a prefix for
// the kind. The same seed makes the same ids in the same order of asking. Letter
// case is significant.
type ids struct {
	seed uint64
	made map[string]int
}

// next returns the next id of the kind. The caller holds the org's lock.
func (i *ids) next(prefix string) string {
	n := i.made[prefix]
	i.made[prefix]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", i.seed, prefix, n))
	number := new(big.Int).SetBytes(sum[:])
	id := []byte(prefix)
	digit, base := new(big.Int), big.NewInt(int64(len(base62)))
	for len(id) < idSize {
		number.DivMod(number, base, digit)
		id = append(id, base62[digit.Int64()])
	}
	return string(id)
}

// secret returns n random bytes in base64url: a code, token or cookie.
func secret(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// requestID is an X-Okta-Request-Id: 32 hexadecimal digits.
func requestID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
