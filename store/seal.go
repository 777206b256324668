package store

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"sallyport/internal/keyring"
)

// A sealed value is
//
//	format (1 byte) | key id (8) | nonce (24) | ciphertext and tag
//
// under XChaCha20-Poly1305: its nonce is long enough to be random however many
// values one key writes, which AES-GCM's is not.
const (
	sealFormat  = 1
	keyIDLen    = 8
	nonceLen    = chacha20poly1305.NonceSizeX
	sealHeader  = 1 + keyIDLen + nonceLen
	sealMinimum = sealHeader + chacha20poly1305.Overhead
)

type sealKey struct {
	id   [keyIDLen]byte
	aead cipher.AEAD
}

type ringSealer struct {
	ring  *keyring.Ring
	kinds sync.Map // Kind -> []sealKey in the order of the ring; kinds are few and fixed in code
}

// NewSealer returns a Sealer whose keys are derived from ring, one per kind and
// secret. The first secret seals; the key id in the value finds the one that
// opens, so that values outlive a rotation for as long as their secret stays in
// the ring. It binds a value to its record and version; it cannot tell when
// somebody puts a whole older data file back.
func NewSealer(ring *keyring.Ring) Sealer { return &ringSealer{ring: ring} }

func (s *ringSealer) Seal(kind Kind, key string, version uint64, plain []byte) ([]byte, error) {
	keys, err := s.keys(kind)
	if err != nil {
		return nil, err
	}
	out := make([]byte, sealHeader, sealMinimum+len(plain))
	out[0] = sealFormat
	copy(out[1:], keys[0].id[:])
	nonce := out[1+keyIDLen:]
	rand.Read(nonce) // never fails: it ends the program instead
	return keys[0].aead.Seal(out, nonce, plain, associated(kind, key, version)), nil
}

func (s *ringSealer) Open(kind Kind, key string, version uint64, sealed []byte) ([]byte, error) {
	if len(sealed) < sealMinimum {
		return nil, fmt.Errorf("%w: %d bytes, expected at least %d", ErrUnreadable, len(sealed), sealMinimum)
	}
	if sealed[0] != sealFormat {
		return nil, fmt.Errorf("%w: format %d, expected %d", ErrUnreadable, sealed[0], sealFormat)
	}
	keys, err := s.keys(kind)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if [keyIDLen]byte(sealed[1:1+keyIDLen]) != k.id {
			continue
		}
		plain, err := k.aead.Open(nil, sealed[1+keyIDLen:sealHeader], sealed[sealHeader:], associated(kind, key, version))
		if err != nil {
			return nil, fmt.Errorf("%w: it was not sealed for %s record %q in this version", ErrUnreadable, kind, key)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: sealed with a key that is not in the ring", ErrUnreadable)
}

func (s *ringSealer) keys(kind Kind) ([]sealKey, error) {
	if keys, ok := s.kinds.Load(kind); ok {
		return keys.([]sealKey), nil
	}
	secrets := s.ring.Derive("store/seal/"+string(kind), chacha20poly1305.KeySize)
	ids := s.ring.Derive("store/key-id/"+string(kind), keyIDLen)
	keys := make([]sealKey, len(secrets))
	for i, secret := range secrets {
		aead, err := chacha20poly1305.NewX(secret)
		if err != nil {
			return nil, fmt.Errorf("make store cipher: %w", err)
		}
		keys[i] = sealKey{id: [keyIDLen]byte(ids[i]), aead: aead}
	}
	actual, _ := s.kinds.LoadOrStore(kind, keys)
	return actual.([]sealKey), nil
}

// associated is what a value is bound to. Lengths come first, so that no two
// records share one.
func associated(kind Kind, key string, version uint64) []byte {
	ad := make([]byte, 0, 16+len(kind)+len(key))
	ad = binary.BigEndian.AppendUint64(ad, version)
	ad = binary.BigEndian.AppendUint32(ad, uint32(len(kind)))
	ad = append(ad, kind...)
	ad = binary.BigEndian.AppendUint32(ad, uint32(len(key)))
	return append(ad, key...)
}
