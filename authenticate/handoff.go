package authenticate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"sallyport/session"
	"sallyport/store"
)

const (
	kindHandOff store.Kind = "handoff"
	// handOffLife is how long a code may be on its way: one redirect.
	handOffLife = time.Minute
)

// handOffRecord is what a one-time code stands for. The code is worth something only
// together with the attempt cookie whose hash is Binding, on that host, for that
// client and attempt.
type handOffRecord struct {
	Binding string `json:"binding"`
	Host    string `json:"host"`
	Client  string `json:"client"`
	Attempt string `json:"attempt"`
	Session string `json:"session"`
}

// handOff makes a code for the session and sends the browser back with it.
func (s *Service) handOff(w http.ResponseWriter, r *http.Request, j journey, ss *session.Session) error {
	value, _ := json.Marshal(handOffRecord{ // texts never fail
		Binding: j.Binding, Host: j.Host, Client: j.Client, Attempt: j.Attempt, Session: ss.ID,
	})
	code := randomText(32)
	rec := store.Record{Kind: kindHandOff, Key: codeKey(code), Value: value, Expires: s.now().Add(handOffLife)}
	if _, err := s.o.Store.Put(r.Context(), rec, store.Absent); err != nil {
		return storeError(err)
	}
	redirect(w, r, callbackURL(j.Host, j.Attempt, j.Tries, code))
	return nil
}

// codeKey keeps the code itself out of the store.
func codeKey(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// errNoHandOff says that a code leads nowhere: used, expired, somebody else's.
var errNoHandOff = errors.New("hand-off code not good for this browser, host or attempt")

// take redeems a code for the attempt. The record is gone afterwards whatever
// comes of it: a code that was tried in the wrong place is spent.
func (s *Service) take(ctx context.Context, host, code string, a attempt) (*session.Session, error) {
	rec, err := s.o.Store.Take(ctx, kindHandOff, codeKey(code))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoHandOff
	}
	if err != nil {
		return nil, storeError(err)
	}
	var h handOffRecord
	if err := json.Unmarshal(rec.Value, &h); err != nil {
		return nil, errNoHandOff
	}
	bound := subtle.ConstantTimeCompare([]byte(h.Binding), []byte(binding(a.Secret))) == 1
	if !bound || h.Host != host || h.Client != a.Client || h.Attempt != a.ID {
		return nil, errNoHandOff
	}
	ss, err := s.o.Sessions.Get(ctx, h.Session)
	if errors.Is(err, session.ErrNone) {
		return nil, errNoHandOff
	}
	if err != nil {
		return nil, storeError(err)
	}
	c := s.byKey[a.Client]
	if c == nil || ss.Subject.ClientID != c.id || ss.Form != session.FormBrowser {
		return nil, errNoHandOff
	}
	return ss, nil
}
