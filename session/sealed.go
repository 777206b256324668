package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gorilla/securecookie"

	"sallyport/internal/keyring"
)

// MaxSealed is the greatest length of a sealed value: with name and attributes a
// cookie must stay under 4,096 bytes.
const MaxSealed = 3600

// ErrSealed is every reason why a sealed value does not open: it is not ours, was
// made for something else, or is too old.
var ErrSealed = errors.New("sealed value does not open")

// newSealers makes one sealer per secret of the ring: AES-256-CTR, then
// HMAC-SHA256 over purpose, host and ciphertext. Ages are checked by us, on the
// clock that was handed in, from within the value.
func newSealers(ring *keyring.Ring) []*securecookie.SecureCookie {
	hashKeys := ring.Derive("cookie/authenticate", 32)
	blockKeys := ring.Derive("cookie/encrypt", 32)
	sealers := make([]*securecookie.SecureCookie, len(hashKeys))
	for i := range hashKeys {
		sealers[i] = securecookie.New(hashKeys[i], blockKeys[i]).
			SetSerializer(securecookie.NopEncoder{}).MaxAge(0).MaxLength(MaxSealed)
	}
	return sealers
}

func sessionPurpose(name string) string { return "session " + name }

// binding is what a value is good for, as one word that cannot be made from
// another pair and has nothing in it that the sealer's own format uses.
func binding(purpose, host string) string {
	host = strings.ToLower(host)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(purpose)))
	sum := sha256.Sum256(append(append(b, purpose...), host...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (c *Codec) seal(purpose, host, plain string) (string, error) {
	// The sealer encrypts in place: it gets a copy.
	value, err := c.sealers[0].Encode(binding(purpose, host), []byte(plain))
	if err != nil {
		return "", fmt.Errorf("seal %s value: %w", purpose, err)
	}
	return value, nil
}

// open tries every key of the ring: a value made before a rotation opens as long
// as its key is in the ring.
func (c *Codec) open(purpose, host, value string) ([]byte, error) {
	if len(value) > MaxSealed {
		return nil, fmt.Errorf("%w: %d bytes, expected at most %d", ErrSealed, len(value), MaxSealed)
	}
	bound := binding(purpose, host)
	for _, sealer := range c.sealers {
		var plain []byte
		if sealer.Decode(bound, value, &plain) == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%w: not made by us for this purpose and host", ErrSealed)
}

// Seal returns v, as JSON, in a form that nobody can read or change and that
// Open accepts for this purpose and host and not after maxAge. It is safe in a
// cookie, a URL or a form. A value that would be longer than MaxSealed is an
// error.
func (c *Codec) Seal(purpose, host string, maxAge time.Duration, v any) (string, error) {
	if maxAge <= 0 {
		return "", fmt.Errorf("seal %s value for %s, expected a positive age", purpose, maxAge)
	}
	content, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %s value: %w", purpose, err)
	}
	until := binary.BigEndian.AppendUint64(nil, uint64(c.now().Add(maxAge).UnixNano()))
	return c.seal("sealed "+purpose, host, string(append(until, content...)))
}

// Open is the inverse of Seal: it fills v, which is of the type that was sealed,
// or returns an error that wraps ErrSealed.
func (c *Codec) Open(purpose, host, value string, v any) error {
	plain, err := c.open("sealed "+purpose, host, value)
	if err != nil {
		return err
	}
	if len(plain) < 8 {
		return fmt.Errorf("%w: no age in it", ErrSealed)
	}
	until := time.Unix(0, int64(binary.BigEndian.Uint64(plain)))
	if now := c.now(); now.After(until) {
		return fmt.Errorf("%w: expired %s ago", ErrSealed, now.Sub(until).Round(time.Second))
	}
	if err := json.Unmarshal(plain[8:], v); err != nil {
		return fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return nil
}
