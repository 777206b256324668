package authenticate

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"sallyport/internal/weberr"
)

const (
	purposeCSRF = "csrf"
	purposeForm = "form"
	// csrfLife is how long a page with a form may stand open.
	csrfLife = time.Hour
	// maxForm bounds what is posted to us.
	maxForm = 64 << 10

	fieldToken = "pomerium_form"
)

// A form of ours is good only for the browser it was shown in: it carries a
// sealed token that names the browser's secret by hash, and the browser brings
// the secret in a cookie. What the form is about travels in the token, so that
// nothing in a page can be changed on the way.

// csrfCookie is the browser's secret.
type csrfCookie struct {
	Secret string `json:"s"`
}

// formToken binds the meaning of a form to a browser.
type formToken struct {
	Act     string `json:"a"` // path it is posted to
	Binding string `json:"b"`
	// What is asked, in the words of the handler.
	Values map[string]string `json:"v,omitempty"`
}

// newForm returns the token of a form for act and sees to the cookie.
func (s *Service) newForm(w http.ResponseWriter, r *http.Request, host, act string, values map[string]string) (string, error) {
	secret, ok := s.browserSecret(r, host)
	if !ok {
		secret = randomText(32)
	}
	// Sealed anew each time, so that the cookie outlives the page.
	value, err := s.o.Codec.Seal(purposeCSRF, host, csrfLife, csrfCookie{Secret: secret})
	if err != nil {
		return "", weberr.Internal(err)
	}
	s.o.Codec.SetCookie(w, s.o.Codec.CSRFName(), value, csrfLife)
	token, err := s.o.Codec.Seal(purposeForm, host, csrfLife, formToken{Act: act, Binding: csrfBinding(secret), Values: values})
	if err != nil {
		return "", weberr.Internal(err)
	}
	return token, nil
}

func (s *Service) browserSecret(r *http.Request, host string) (string, bool) {
	for _, c := range r.CookiesNamed(s.o.Codec.CSRFName()) {
		var v csrfCookie
		if s.o.Codec.Open(purposeCSRF, host, c.Value, &v) == nil && v.Secret != "" {
			return v.Secret, true
		}
	}
	return "", false
}

func csrfBinding(secret string) string {
	sum := sha256.Sum256([]byte("form/" + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var errForged = errors.New("form not made for this browser, or not any more")

// readForm returns what a form of ours that was posted says.
func (s *Service) readForm(w http.ResponseWriter, r *http.Request, host, act string) (map[string]string, error) {
	if !sameOrigin(r, host) {
		return nil, forged()
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, weberr.BadRequest("The form could not be read.", err)
	}
	secret, ok := s.browserSecret(r, host)
	var token formToken
	tokens := r.PostForm[fieldToken]
	if !ok || len(tokens) != 1 || s.o.Codec.Open(purposeForm, host, tokens[0], &token) != nil {
		return nil, forged()
	}
	if token.Act != act || subtle.ConstantTimeCompare([]byte(token.Binding), []byte(csrfBinding(secret))) != 1 {
		return nil, forged()
	}
	return token.Values, nil
}

func forged() error {
	e := weberr.BadRequest("This form was not sent from its own page, or the page has expired.", errForged)
	e.Status, e.Code, e.Next = http.StatusForbidden, "form-expired", "Open the page again and send it from there."
	return e
}

// sameOrigin refuses what a browser says another origin sent. Browsers that say
// nothing are held by the token alone.
func sameOrigin(r *http.Request, host string) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	if err != nil || len(origins) > 1 || u.Scheme != "https" {
		return false
	}
	from, ok := authority(u.Host)
	return ok && from == host
}
