package authenticate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/session"
)

const (
	// maxListed is how many sessions a page shows, the last used first.
	maxListed = 50

	fieldEnd   = "end"
	endOthers  = "others"
	valueOwner = "subject"
)

// toSessions is /.pomerium/sessions on a route host. The list concerns every
// host, and scripts of an application can do all that a person can on its own:
// so it is shown, and sessions are ended, on the authenticate host alone.
func (s *Service) toSessions(w http.ResponseWriter, r *http.Request, host string) error {
	here, err := s.hereSession(r, host)
	if err != nil {
		return err
	}
	if here == nil {
		return s.challengeHere(w, r, host)
	}
	redirect(w, r, "https://"+s.host+pathSessions)
	return nil
}

// listSessions is GET /.pomerium/sessions on the authenticate host: the sessions
// of whoever asks, and nobody else's.
func (s *Service) listSessions(w http.ResponseWriter, r *http.Request, host string) error {
	here, err := s.hereSession(r, host)
	if err != nil {
		return err
	}
	if here == nil {
		return s.userPage(w, r, host)
	}
	return s.showSessions(w, r, host, here, 0)
}

func (s *Service) showSessions(w http.ResponseWriter, r *http.Request, host string, here *session.Session, ended int) error {
	own, err := s.ownSessions(r.Context(), here)
	if err != nil {
		return err
	}
	token, err := s.newForm(w, r, host, pathSessions, map[string]string{valueOwner: here.Subject.ID})
	if err != nil {
		return err
	}
	page := ui.SessionsPage{
		Account: accountOf(here), Ended: ended, More: max(0, len(own)-maxListed), UserURL: pathUser,
		Form: ui.Form{Action: pathSessions, Fields: []ui.Field{{Name: fieldToken, Value: token}}},
	}
	for _, ss := range own[:min(len(own), maxListed)] {
		page.Sessions = append(page.Sessions, ui.SessionRow{
			Handle: handleOf(ss), Kind: string(ss.Form), UserAgent: ss.UserAgent, Program: ss.Program, Host: ss.Host,
			Address: ss.ClientAddress, Current: ss.ID == here.ID, Created: ss.Created, LastUsed: ss.LastUsed, Expires: ss.Expires,
		})
	}
	s.o.Pages.Sessions(w, r, page)
	return nil
}

// ownSessions are the living sessions of the person that here is of, here first,
// then by use.
func (s *Service) ownSessions(ctx context.Context, here *session.Session) ([]*session.Session, error) {
	if s.listings.out(here.Subject.ID, s.now()) {
		return nil, tooManyListings()
	}
	s.listings.add(here.Subject.ID, s.now())
	list, err := s.o.Sessions.ListSubject(ctx, here.Subject.ID)
	if err != nil {
		return nil, storeError(err)
	}
	now := s.now()
	list = slices.DeleteFunc(list, func(ss *session.Session) bool {
		return ss.Subject.Issuer != here.Subject.Issuer || s.o.Sessions.Check(ss, now) != nil
	})
	slices.SortStableFunc(list, func(a, b *session.Session) int {
		if d := rank(b.ID == here.ID) - rank(a.ID == here.ID); d != 0 {
			return d
		}
		return b.LastUsed.Compare(a.LastUsed)
	})
	return list, nil
}

// tooManyListings refuses somebody who has the sessions of everybody gone through
// for theirs over and over.
func tooManyListings() error {
	return &weberr.Error{
		Status: http.StatusTooManyRequests, Code: "too-many-listings", Title: "Too many requests",
		Message: "The list of your sessions was asked for too often.",
		Next:    "Wait a minute and open it again.", RetryAfter: time.Minute,
	}
}

// handleOf names a session in a form: of no use to anybody who is not its owner.
func handleOf(ss *session.Session) string {
	sum := sha256.Sum256([]byte("session handle/" + ss.ID))
	return hex.EncodeToString(sum[:12])
}

// endSessions is POST /.pomerium/sessions: it ends one of the person's sessions,
// or all but the one that asks.
func (s *Service) endSessions(w http.ResponseWriter, r *http.Request, host string) error {
	values, err := s.readForm(w, r, host, pathSessions)
	if err != nil {
		return err
	}
	here, err := s.hereSession(r, host)
	if err != nil {
		return err
	}
	if here == nil || here.Subject.ID != values[valueOwner] { // signed out, or somebody else by now
		return forged()
	}
	own, err := s.ownSessions(r.Context(), here)
	if err != nil {
		return err
	}
	asked := r.PostForm.Get(fieldEnd)
	ending := slices.DeleteFunc(own, func(ss *session.Session) bool {
		return handleOf(ss) != asked && (asked != endOthers || ss.ID == here.ID)
	})
	if err := s.endOwn(r.Context(), ending); err != nil {
		return err
	}
	if slices.ContainsFunc(ending, func(ss *session.Session) bool { return ss.ID == here.ID }) {
		redirect(w, r, "https://"+host+pathSignedOut)
		return nil
	}
	return s.showSessions(w, r, host, here, len(ending))
}

// endOwn ends sessions at their owner's word, and takes their tokens back.
func (s *Service) endOwn(ctx context.Context, ending []*session.Session) error {
	ctx = context.WithoutCancel(ctx) // leaving early ends it all the same
	for _, ss := range ending {
		if err := s.o.Sessions.End(ctx, ss.ID, session.EndSignedOut); err != nil {
			return storeError(err)
		}
		s.o.Logger.InfoContext(ctx, "session ended by its owner", "user", ss.Subject.ID, "email", ss.Subject.Email, "form", ss.Form)
	}
	holders := slices.DeleteFunc(slices.Clone(ending), func(ss *session.Session) bool { return ss.Form != session.FormBrowser })
	s.revokeAll(ctx, holders) // programs hold no tokens of the provider
	return nil
}
