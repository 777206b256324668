package authenticate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport/config"
	"sallyport/session"
)

// Proof is how a request showed its session.
type Proof uint8

// The proofs. Those after ProofCookie are of programs.
const (
	ProofNone Proof = iota
	ProofCookie
	ProofAuthorization // Authorization: Pomerium <jwt>, or Bearer Pomerium-<jwt>
	ProofHeader        // X-Pomerium-Authorization: <jwt>
	ProofQuery         // ?pomerium_session=<jwt>, where switched on
)

// Session returns whose request this is: a living session of the route's client
// that this request proves, or nil. What cannot be read, has ended or belongs to
// another client or host is no session and no error. A token that is presented
// decides alone: a bad one is not made good by a cookie.
//
// The error is a *weberr.Error of status 503 that wraps store.ErrUnavailable
// when the session is not in memory and the store cannot be asked: the cookie is
// to be kept, and nobody is to be sent to sign in.
func (s *Service) Session(r *http.Request, route *config.Route) (*session.Session, Proof, error) {
	if raw, proof := s.token(r); proof != ProofNone {
		return s.programSession(r, raw, proof, route.ClientID)
	}
	host, ok := authority(r.Host)
	if !ok {
		return nil, ProofNone, nil
	}
	id, ok := s.o.Codec.SessionID(r, s.o.Codec.Name(), host)
	if !ok {
		return nil, ProofNone, nil
	}
	ss, err := s.living(r, id)
	if ss == nil || ss.Form != session.FormBrowser || ss.Subject.ClientID != route.ClientID {
		return nil, ProofNone, err
	}
	s.use(ss)
	return ss, ProofCookie, nil
}

// use notes that a session was used and has it refreshed if it slept past its
// time; the request does not wait for that.
func (s *Service) use(ss *session.Session) {
	s.o.Sessions.Touch(ss)
	if overdue(ss, s.now()) {
		s.o.Wake(ss.ID)
	}
}

// programSession returns the session of a program's token.
func (s *Service) programSession(r *http.Request, raw string, proof Proof, clientID string) (*session.Session, Proof, error) {
	host, ok := authority(r.Host)
	if !ok {
		return nil, ProofNone, nil
	}
	id, err := s.tokens.verify(raw, host)
	if err != nil {
		return nil, ProofNone, nil
	}
	ss, err := s.living(r, id)
	if ss == nil || ss.Form != session.FormProgram || ss.Host != host || ss.Subject.ClientID != clientID {
		return nil, ProofNone, err
	}
	s.o.Sessions.Touch(ss)
	if s.parentOutlived(r, ss) {
		return nil, ProofNone, nil
	}
	return ss, proof, nil
}

// parentOutlived looks after the browser session behind a program's: a program
// in use has it refreshed, without keeping it from going idle, and shares its
// fate in an outage. One that was ended by force took the program's session with
// it; one that went idle leaves it be.
func (s *Service) parentOutlived(r *http.Request, ss *session.Session) bool {
	parent, err := s.o.Sessions.Get(r.Context(), ss.Parent)
	if err != nil {
		return false
	}
	now := s.now()
	if overdue(parent, now) {
		s.o.Wake(parent.ID)
	}
	return outlived(parent, s.o.Settings.OutageGrace, now)
}

// token returns the token that a request presents, in the forms Pomerium reads.
// Other Authorization headers are the application's business.
func (s *Service) token(r *http.Request) (string, Proof) {
	for _, value := range r.Header.Values("Authorization") {
		scheme, rest, ok := strings.Cut(value, " ")
		if !ok {
			continue
		}
		if strings.EqualFold(scheme, "Pomerium") {
			return strings.TrimSpace(rest), ProofAuthorization
		}
		if raw, ok := strings.CutPrefix(rest, "Pomerium-"); ok && strings.EqualFold(scheme, "Bearer") {
			return raw, ProofAuthorization
		}
	}
	if raw := r.Header.Get("X-Pomerium-Authorization"); raw != "" {
		return raw, ProofHeader
	}
	if s.o.Settings.AllowSessionTokenInQuery && strings.Contains(r.URL.RawQuery, paramSession) {
		if raw := r.URL.Query().Get(paramSession); raw != "" {
			return raw, ProofQuery
		}
	}
	return "", ProofNone
}

// Current returns what has become of a session that a request was let in with,
// by the rules that Session goes by: session.ErrNone when it counts no more,
// store.ErrUnavailable when nobody can tell. It is no use of the session.
func (s *Service) Current(ctx context.Context, was *session.Session) (*session.Session, error) {
	ss, err := s.o.Sessions.Get(ctx, was.ID)
	if err != nil {
		return nil, err
	}
	now, behind := s.now(), ss
	if ss.Parent != "" {
		if parent, err := s.o.Sessions.Get(ctx, ss.Parent); err == nil {
			behind = parent
		}
	}
	if err := s.o.Sessions.Check(ss, now); err != nil {
		return nil, err
	}
	if outlived(behind, s.o.Settings.OutageGrace, now) {
		return nil, fmt.Errorf("%w: it could not be refreshed for longer than the grace", session.ErrNone)
	}
	return ss, nil
}

// presentsToken reports whether a request comes from a program that has, or
// thinks it has, a token.
func (s *Service) presentsToken(r *http.Request) bool {
	_, proof := s.token(r)
	return proof != ProofNone
}

// outlived reports whether a session that cannot be refreshed has used up its
// grace: counted from the access token's expiry, or from the first failure where
// the session slept past that.
func outlived(ss *session.Session, grace time.Duration, now time.Time) bool {
	if ss.RefreshFailing.IsZero() {
		return false
	}
	from := expiryOf(ss)
	if ss.RefreshFailing.After(from) {
		from = ss.RefreshFailing
	}
	return now.After(from.Add(grace))
}
