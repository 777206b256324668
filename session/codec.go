package session

import (
	"errors"
	"net/http"
	"time"

	"sallyport/internal/keyring"
)

// CodecOptions are what a Codec needs.
type CodecOptions struct {
	Ring      *keyring.Ring
	Name      string        // base name; "": DefaultCookieName
	SameSite  http.SameSite // 0: Lax
	HTTPOnly  bool
	Now       func() time.Time // nil: time.Now
	CacheSize int              // cookies remembered; 0: 32,768
}

// Codec makes and reads the cookies of one configuration generation.
type Codec struct{}

func NewCodec(o CodecOptions) (*Codec, error)                                    { return nil, errors.New("unwritten") }
func (c *Codec) SetSession(w http.ResponseWriter, name, host string, s *Session) {}
func (c *Codec) Clear(w http.ResponseWriter, name string)                        {}
func (c *Codec) SessionID(r *http.Request, name, host string) (id string, ok bool) {
	return "", false
}

func (c *Codec) Seal(purpose, host string, maxAge time.Duration, v any) (string, error) {
	return "", nil
}
func (c *Codec) Open(purpose, host, value string, v any) error { return nil }
func (c *Codec) Name() string                                  { return "" }
func (c *Codec) AuthenticateName(clientKey string) string      { return "" }
func (c *Codec) CSRFName() string                              { return "" }
func (c *Codec) AttemptName(id string) string                  { return "" }
func (c *Codec) AttemptPrefix() string                         { return "" }
func (c *Codec) OwnsCookie(name string) bool                   { return false }
func (c *Codec) SetCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
}
