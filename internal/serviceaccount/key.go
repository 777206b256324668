package serviceaccount

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// minRSA is what Okta takes at least.
const minRSA = 2048

// Key is a private key for private_key_jwt (RFC 7523).
type Key struct {
	// ID is the kid under which Okta knows the public half; "" where nobody said,
	// which works as long as the app has one key.
	ID string
	// Algorithm is how to sign: "RS256" for RSA, by the curve "ES256", "ES384" or
	// "ES512", or what the JWK says.
	Algorithm jose.SignatureAlgorithm
	// Private is an *rsa.PrivateKey or an *ecdsa.PrivateKey.
	Private crypto.Signer
}

// Thumbprint is the kid of RFC 7638: base64url of the SHA-256 of the public half.
func Thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// entry is one of private_keys: a key, or a key with its id.
type entry struct {
	PrivateKey json.RawMessage `json:"private_key"`
	KeyID      string          `json:"key_id"`
	Type       string          `json:"kty"`
}

// parseKey reads a JWK (an object, or a text that holds one) or a PEM text. An id
// given beside the key goes before that of the JWK.
func parseKey(raw json.RawMessage, id string) (Key, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "{") {
			return parseJWK([]byte(text), id)
		}
		return parsePEM(text, id)
	}
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return Key{}, wrong("", "expected a JWK or PEM text as private key")
	}
	if e.Type == "" && !isNull(e.PrivateKey) {
		if e.KeyID != "" {
			id = e.KeyID
		}
		if nested := bytes.TrimSpace(e.PrivateKey); len(nested) > 0 && nested[0] == '{' {
			return parseJWK(nested, id)
		}
		return parseKey(e.PrivateKey, id)
	}
	return parseJWK(raw, id)
}

const whereKeysAreMade = `make a pair with "sallyport okta keygen", or let Okta make one (Client Credentials > Public keys > Add key > Generate new key) and copy its private half`

func parseJWK(raw []byte, id string) (Key, error) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return Key{}, wrong(whereKeysAreMade, "private key is not a JWK that can be read; expected kty RSA or EC with all its parts")
	}
	if jwk.IsPublic() {
		return Key{}, wrong(whereKeysAreMade, "expected the private half of the key, got the public one")
	}
	if jwk.Use == "enc" {
		return Key{}, wrong(whereKeysAreMade, `expected a key for signing, got one with use "enc"`)
	}
	if id == "" {
		id = jwk.KeyID
	}
	return newKey(jwk.Key, id, jwk.Algorithm)
}

func parsePEM(text, id string) (Key, error) {
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, `\n`, "\n") // escaped twice on its way here
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return Key{}, wrong(`in JSON the line ends of a PEM text are written \n`, "private key is neither a JWK nor a PEM text that can be read")
	}
	if more, _ := pem.Decode(rest); block.Type == "EC PARAMETERS" && more != nil {
		block = more // as openssl ecparam -genkey writes it
	}
	parsed, err := parseBlock(block)
	if err != nil {
		return Key{}, err
	}
	return newKey(parsed, id, "")
}

func parseBlock(block *pem.Block) (key any, err error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, encrypted()
		}
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, encrypted()
		}
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, encrypted()
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, wrong(whereKeysAreMade, "expected a private key, got PEM of type %q", block.Type)
	default:
		return nil, wrong("expected PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY", "PEM type of the private key is not known")
	}
	if err != nil {
		return nil, wrong(whereKeysAreMade, "PEM of type %q cannot be read", block.Type)
	}
	return key, nil
}

func encrypted() error {
	return wrong("openssl pkey -in FILE writes it without", "expected a private key without a passphrase")
}

// newKey checks what Okta would refuse later.
func newKey(private any, id, algorithm string) (Key, error) {
	k := Key{ID: id, Algorithm: jose.SignatureAlgorithm(algorithm)}
	var possible []jose.SignatureAlgorithm
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if bits := p.N.BitLen(); bits < minRSA {
			return Key{}, wrong(whereKeysAreMade, "expected an RSA key of at least %d bits, got %d", minRSA, bits)
		}
		if p.Validate() != nil {
			return Key{}, wrong(whereKeysAreMade, "parts of the RSA key do not fit together")
		}
		k.Private, possible = p, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}
	case *ecdsa.PrivateKey:
		algorithm, ok := map[string]jose.SignatureAlgorithm{"P-256": jose.ES256, "P-384": jose.ES384, "P-521": jose.ES512}[p.Curve.Params().Name]
		if !ok {
			return Key{}, wrong(whereKeysAreMade, "expected an EC key on P-256, P-384 or P-521")
		}
		k.Private, possible = p, []jose.SignatureAlgorithm{algorithm}
	default:
		return Key{}, wrong(whereKeysAreMade, "expected an RSA or EC key, which is what Okta takes")
	}
	if k.Algorithm == "" {
		k.Algorithm = possible[0]
	}
	for _, a := range possible {
		if a == k.Algorithm {
			return k, k.check()
		}
	}
	return Key{}, wrong(whereKeysAreMade, "algorithm of the JWK does not fit its key: expected one of %v", possible)
}

// check signs once, so that a key that cannot is found at start.
func (k Key) check() error {
	if len(k.ID) > 255 {
		return wrong("", "expected a key id of at most 255 characters")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.Algorithm, Key: k.Private}, nil)
	if err == nil {
		_, err = signer.Sign([]byte("x"))
	}
	if err != nil {
		return wrong(whereKeysAreMade, "private key cannot sign")
	}
	return nil
}

// String keeps the key out of logs.
func (k Key) String() string { return fmt.Sprintf("%s key %q", k.Algorithm, k.ID) }

// GoString does the same for %#v.
func (k Key) GoString() string { return k.String() }
