package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/securecookie"

	"sallyport/internal/keyring"
)

// DefaultCookieName is the base of all cookie names. The prefix has browsers
// refuse the cookie from any other host, sibling subdomains included, and
// without TLS (RFC 6265bis, section 4.1.3).
const DefaultCookieName = "__Host-sallyport"

const (
	defaultCache = 32_768
	maxName      = 128 // of the base name, in bytes
)

// CodecOptions are what a Codec needs.
type CodecOptions struct {
	Ring      *keyring.Ring    // required; first secret writes, all read
	Name      string           // base name; "": DefaultCookieName. Without "__Host-" it is used as it is
	SameSite  http.SameSite    // of session cookies; 0: Lax
	HTTPOnly  bool             // of session cookies; the others always are
	Now       func() time.Time // nil: time.Now
	CacheSize int              // cookies remembered; 0: 32,768
}

// Codec makes and reads the cookies of one configuration generation: names,
// attributes and the keys that seal values. It knows no session: a cookie yields
// an id, and whether that is a session is for the Manager, on every request. So
// what it remembers of cookies seen can never outlive a session or a key: keys
// and memory end with the generation. It is safe for concurrent use.
type Codec struct {
	name      string
	sameSite  http.SameSite
	httpOnly  bool
	now       func() time.Time
	sealers   []*securecookie.SecureCookie // in the order of the ring
	seen      *seen
	csrf      string
	attempt   string
	signedIn  string
	signedInX string
}

// NewCodec returns a codec, or what is wrong with the options.
func NewCodec(o CodecOptions) (*Codec, error) {
	if o.Ring == nil {
		return nil, errors.New("cookies need a key ring")
	}
	if o.Name == "" {
		o.Name = DefaultCookieName
	}
	if err := checkCookieName(o.Name); err != nil {
		return nil, err
	}
	if o.SameSite == 0 || o.SameSite == http.SameSiteDefaultMode {
		o.SameSite = http.SameSiteLaxMode
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheSize <= 0 {
		o.CacheSize = defaultCache
	}
	c := &Codec{
		name: o.Name, sameSite: o.SameSite, httpOnly: o.HTTPOnly, now: o.Now,
		sealers: newSealers(o.Ring), seen: newSeen(o.CacheSize),
		csrf: o.Name + "_csrf", attempt: o.Name + "_pkce_",
		signedIn: o.Name + "_authenticate", signedInX: o.Name + "_authenticate_",
	}
	// What could fail when a cookie is made fails here instead.
	if _, err := c.seal("check", "check", newID()); err != nil {
		return nil, fmt.Errorf("cookies: %w", err)
	}
	return c, nil
}

func checkCookieName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("cookie name of %d bytes, expected at most %d", len(name), maxName)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return fmt.Errorf("cookie name %q has the character %q, which cookie names cannot have", name, c)
		}
	}
	if strings.HasPrefix(strings.ToLower(name), "__host-") && !strings.HasPrefix(name, "__Host-") {
		return fmt.Errorf("cookie name %q, expected the prefix spelt \"__Host-\"", name)
	}
	return nil
}

// Name is that of a route host's session cookie.
func (c *Codec) Name() string { return c.name }

// AuthenticateName is that of the authenticate host's session cookie for a
// client, or for the default one if clientKey is "".
func (c *Codec) AuthenticateName(clientKey string) string {
	if clientKey == "" {
		return c.signedIn
	}
	sum := sha256.Sum256([]byte(clientKey))
	return c.signedInX + hex.EncodeToString(sum[:4])
}

// CSRFName is that of the cookie that forms are bound to.
func (c *Codec) CSRFName() string { return c.csrf }

// AttemptName is that of the cookie of one sign-in attempt.
func (c *Codec) AttemptName(id string) string { return c.attempt + id }

// AttemptPrefix begins the name of every attempt's cookie.
func (c *Codec) AttemptPrefix() string { return c.attempt }

// OwnsCookie reports whether a cookie of that name is one of ours: it never
// reaches an upstream, and no upstream may set it. Names that merely begin alike
// are the applications' own.
func (c *Codec) OwnsCookie(name string) bool {
	switch {
	case name == c.name, name == c.csrf, name == c.signedIn, strings.HasPrefix(name, c.attempt):
		return true
	}
	hash, ok := strings.CutPrefix(name, c.signedInX)
	return ok && len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == ""
}

// SetSession gives the browser a cookie that names s and is good for host alone.
func (c *Codec) SetSession(w http.ResponseWriter, name, host string, s *Session) {
	value, err := c.seal(sessionPurpose(name), host, s.ID)
	left := s.Expires.Sub(c.now())
	if err != nil || left <= 0 {
		c.Clear(w, name) // an id that cannot be sealed is no session's
		return
	}
	c.setCookie(w, name, value, left, c.httpOnly, c.sameSite)
}

// SetCookie sets another cookie of ours. It is HttpOnly, and at most as strict as
// Lax, since browsers must send it when they come back from the identity
// provider. maxAge of 0 lasts as long as the browser runs.
func (c *Codec) SetCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	sameSite := c.sameSite
	if sameSite == http.SameSiteStrictMode {
		sameSite = http.SameSiteLaxMode
	}
	c.setCookie(w, name, value, maxAge, true, sameSite)
}

// Clear has the browser drop a cookie of ours.
func (c *Codec) Clear(w http.ResponseWriter, name string) {
	c.setCookie(w, name, "", -1, c.httpOnly, c.sameSite)
}

// setCookie is where all attributes come from. No Domain, ever: the cookie is
// the host's own.
func (c *Codec) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration, httpOnly bool, sameSite http.SameSite) {
	cookie := http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: httpOnly, SameSite: sameSite}
	switch {
	case maxAge < 0:
		cookie.MaxAge = -1
	case maxAge > 0:
		cookie.MaxAge = int((maxAge + time.Second - 1) / time.Second)
	}
	http.SetCookie(w, &cookie)
}
