package authenticate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"sallyport/internal/keyring"
)

// Parameters of signed URLs, in Pomerium's names where it has one.
const (
	paramRedirect  = "pomerium_redirect_uri"
	paramClient    = "pomerium_idp_id"
	paramIssued    = "pomerium_issued"
	paramExpiry    = "pomerium_expiry"
	paramSignature = "pomerium_signature"
	paramBinding   = "pomerium_binding"
	paramPrompt    = "pomerium_prompt"
	paramLegs      = "pomerium_legs"
	paramHost      = "pomerium_host"
	paramSession   = "pomerium_session"
	paramProgram   = "pomerium_program"
	paramAttempt   = "pomerium_attempt"
	paramTries     = "pomerium_tries"
	paramCode      = "pomerium_code"
	paramJWT       = "pomerium_jwt"
	paramStill     = "pomerium_still_signed_in"
)

const (
	// signedURLLife is how long a signed URL may be followed.
	signedURLLife = 5 * time.Minute
	// maxSignedLife refuses what we would never have signed.
	maxSignedLife = time.Hour
	// skew is how far clocks of replicas may be apart.
	skew = time.Minute
	// maxQuery bounds a signed query, and every query that is parsed here.
	maxQuery = 16 << 10
)

// Why a signed URL is refused. The reasons are for the log; people are told to
// start again.
var (
	errUnsigned   = errors.New("signed url: no valid signature")
	errURLExpired = errors.New("signed url: expired")
	errURLParams  = errors.New("signed url: unexpected parameters")
)

// urlSigner makes and checks URLs that only this installation can make. The
// whole of a URL is signed, host and path included, so that a signature is good
// for one endpoint of one host. They may be followed more than once while they
// live: whoever follows one needs the cookie it is bound to as well.
type urlSigner struct {
	keys [][]byte
	now  func() time.Time
}

func newURLSigner(ring *keyring.Ring, now func() time.Time) *urlSigner {
	return &urlSigner{keys: ring.Derive("authenticate/signed-url", sha256.Size), now: now}
}

// sign returns https://host/path?... with params, times and a signature. It
// adds to params.
func (u *urlSigner) sign(host, path string, params url.Values, life time.Duration) string {
	now := u.now()
	params.Set(paramIssued, strconv.FormatInt(now.Unix(), 10))
	params.Set(paramExpiry, strconv.FormatInt(now.Add(life).Unix(), 10))
	mac := u.mac(u.keys[0], host, path, params)
	params.Set(paramSignature, base64.RawURLEncoding.EncodeToString(mac))
	return "https://" + host + path + "?" + params.Encode()
}

// mac covers the canonical URL: parameters sorted by name and encoded one way.
func (u *urlSigner) mac(key []byte, host, path string, params url.Values) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("https://" + host + path + "?" + params.Encode()))
	return h.Sum(nil)
}

// verify returns the parameters of a query that sign made for host and path:
// each of required, none but required and optional, each once.
func (u *urlSigner) verify(host, path, rawQuery string, required, optional []string) (url.Values, error) {
	params, err := strictQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(params.Get(paramSignature))
	if err != nil || len(given) != sha256.Size {
		return nil, errUnsigned
	}
	params.Del(paramSignature)
	if !u.matches(given, host, path, params) {
		return nil, errUnsigned
	}
	if err := u.checkTimes(params); err != nil {
		return nil, err
	}
	return params, checkNames(params, required, optional)
}

// matches tries every key, and takes as long for the first as for the last.
func (u *urlSigner) matches(given []byte, host, path string, params url.Values) bool {
	ok := false
	for _, key := range u.keys {
		if hmac.Equal(given, u.mac(key, host, path, params)) {
			ok = true
		}
	}
	return ok
}

func (u *urlSigner) checkTimes(params url.Values) error {
	issued, err1 := strconv.ParseInt(params.Get(paramIssued), 10, 64)
	expiry, err2 := strconv.ParseInt(params.Get(paramExpiry), 10, 64)
	now := u.now()
	switch {
	case err1 != nil || err2 != nil:
		return errURLParams
	case time.Unix(issued, 0).After(now.Add(skew)), expiry-issued > int64(maxSignedLife/time.Second):
		return errURLParams
	case now.Unix() >= expiry:
		return errURLExpired
	}
	return nil
}

func checkNames(params url.Values, required, optional []string) error {
	for _, name := range required {
		if params.Get(name) == "" {
			return fmt.Errorf("%w: %s is missing", errURLParams, name)
		}
	}
	for name := range params {
		if name != paramIssued && name != paramExpiry && !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return fmt.Errorf("%w: %q", errURLParams, name)
		}
	}
	return nil
}

// strictQuery parses a query in which every name stands once.
func strictQuery(raw string) (url.Values, error) {
	if len(raw) > maxQuery {
		return nil, errURLParams
	}
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errURLParams
	}
	for _, values := range params {
		if len(values) != 1 {
			return nil, errURLParams
		}
	}
	return params, nil
}
