package authenticate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// maxAttempts is how many attempt cookies a browser keeps per host; the
	// oldest makes room for a new one.
	maxAttempts = 8
	// attemptIDLen is the length of an attempt's id: 12 hex digits of the time in
	// milliseconds, so that ids sort by age, and 20 of chance.
	attemptIDLen = 32

	purposeAttempt = "attempt"
	purposeLanded  = "landed"
	landedName     = "landed"
)

// attempt is one sign-in under way as the route host remembers it, in a cookie
// of its own that only this browser has. What comes back from the authenticate
// host is worth nothing without it.
type attempt struct {
	ID     string `json:"i"`
	Secret string `json:"s,omitempty"` // "" once it has been used
	Client string `json:"c"`           // key of the client
	// Target is where to go in the end, on this host; Stored is the record that
	// holds it where it is long. Next is another host's signed URL instead, for
	// a leg of a sign-in that began there.
	Target string `json:"t,omitempty"`
	Stored string `json:"r,omitempty"`
	Next   string `json:"n,omitempty"`
	Prompt string `json:"p,omitempty"`
	Tries  int    `json:"x,omitempty"`
}

// binding is what the authenticate host is told of the secret.
func binding(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// randomText returns n random bytes in base64url.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func newAttemptID(now time.Time) string {
	var b [attemptIDLen / 2]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (8 * (5 - i)))
	}
	_, _ = rand.Read(b[6:])
	return hex.EncodeToString(b[:])
}

func validAttemptID(id string) bool {
	if len(id) != attemptIDLen {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// seal writes v into an attempt cookie of this host and drops what is too much.
func (s *Service) sealAttempt(w http.ResponseWriter, r *http.Request, purpose, host, id string, v any) error {
	value, err := s.o.Codec.Seal(purpose, host, attemptLife, v)
	if err != nil {
		return err
	}
	s.dropOldAttempts(w, r, id)
	s.o.Codec.SetCookie(w, s.o.Codec.AttemptName(id), value, attemptLife)
	return nil
}

// openAttempt reads the attempt cookie with that id into v.
func (s *Service) openAttempt(r *http.Request, purpose, host, id string, v any) bool {
	if !validAttemptID(id) {
		return false
	}
	name := s.o.Codec.AttemptName(id)
	for _, c := range r.Cookies() {
		if c.Name == name && s.o.Codec.Open(purpose, host, c.Value, v) == nil {
			return true
		}
	}
	return false
}

func (s *Service) dropAttempt(w http.ResponseWriter, id string) {
	s.o.Codec.Clear(w, s.o.Codec.AttemptName(id))
}

// dropOldAttempts makes room for the attempt keep: all but the newest seven go,
// and so does whatever bears our prefix and is no attempt.
func (s *Service) dropOldAttempts(w http.ResponseWriter, r *http.Request, keep string) {
	var ids []string
	for _, c := range r.Cookies() {
		id, ok := strings.CutPrefix(c.Name, s.o.Codec.AttemptPrefix())
		switch {
		case !ok, id == keep, id == landedName, slices.Contains(ids, id):
		case validAttemptID(id):
			ids = append(ids, id)
		default:
			s.o.Codec.Clear(w, c.Name)
		}
	}
	slices.Sort(ids)
	for len(ids) >= maxAttempts {
		s.dropAttempt(w, ids[0])
		ids = ids[1:]
	}
}

// landing counts how often a browser has come back signed in within a short
// time: one that does not keep the session cookie would go round for ever.
type landing struct {
	Client string `json:"c"`
	Count  int    `json:"n"`
	Since  int64  `json:"t"` // unix seconds of the first
}

const (
	landedLife = time.Minute
	maxLanded  = 4
	maxTries   = 4
)

func (s *Service) landed(r *http.Request, host, client string) landing {
	var l landing
	for _, c := range r.CookiesNamed(s.o.Codec.AttemptName(landedName)) {
		if s.o.Codec.Open(purposeLanded, host, c.Value, &l) == nil && l.Client == client &&
			s.now().Sub(time.Unix(l.Since, 0)) < landedLife {
			return l
		}
	}
	return landing{Client: client, Since: s.now().Unix()}
}

func (s *Service) countLanding(w http.ResponseWriter, r *http.Request, host, client string) {
	l := s.landed(r, host, client)
	l.Count++
	value, err := s.o.Codec.Seal(purposeLanded, host, landedLife, l)
	if err == nil {
		s.o.Codec.SetCookie(w, s.o.Codec.AttemptName(landedName), value, landedLife)
	}
}
