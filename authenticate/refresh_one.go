package authenticate

import (
	"context"
	"errors"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/session"
)

const (
	// refreshTimeout is how long the provider may take to answer: cutting a slow
	// one short would lose a token that it has already rotated.
	refreshTimeout = 45 * time.Second
	// refreshLease outlives that and the writes after it.
	refreshLease = 90 * time.Second
	// storeTries and storeWait bound how long a redeemed token waits for a store
	// that is down: about four minutes.
	storeTries = 60
	storeWait  = 5 * time.Second
	// lastTries are left once the process wants to stop.
	lastTries = 4
	// stopGrace is what a call gets once the process wants to stop.
	stopGrace = 4 * time.Second
)

var (
	errLook     = errors.New("only looking")
	errLostRace = errors.New("another refresh was faster")
)

// refresh renews one session and says how that went, in one word for the
// metric. Of all replicas and all requests one gets here past the lease, and it
// reads the session anew there.
//
// A crash after the provider redeemed the refresh token and before the new one
// is stored loses the new one. Where tokens rotate, the next refresh then
// presents the old one: inside the provider's grace (Okta: 30 s by default) it
// is accepted, later it is refused and the person signs in again.
func (f *Refresher) refresh(ctx context.Context, id string) string {
	ss, err := f.o.Sessions.Get(ctx, id)
	if err != nil {
		return "gone"
	}
	if !f.isDue(ss, f.o.Now()) {
		return "not-due"
	}
	provider := f.o.Providers()[ss.Subject.ClientID]
	if provider == nil {
		f.leaveAlone(id, time.Minute)
		return "no-provider"
	}
	if !f.pace.admit(ss.Subject.ClientID, provider) {
		return "postponed"
	}
	defer f.pace.done(ss.Subject.ClientID)
	_, held, err := f.o.Store.Acquire(ctx, leaseOf(id), f.holder, refreshLease)
	if err != nil || !held {
		f.leaveAlone(id, 0)
		return "busy-elsewhere"
	}
	defer func() {
		if err := f.o.Store.Release(context.WithoutCancel(ctx), leaseOf(id), f.holder); err != nil {
			f.o.Logger.WarnContext(ctx, "refresh lease not released", "error", err)
		}
	}()
	fresh, err := f.reread(ctx, id)
	if err != nil {
		return "gone"
	}
	if !f.isDue(fresh, f.o.Now()) {
		return "fresh-already"
	}
	return f.renew(ctx, provider, fresh)
}

func leaseOf(id string) string { return "refresh/" + id }

// reread returns the session as it stands in the store.
func (f *Refresher) reread(ctx context.Context, id string) (*session.Session, error) {
	var fresh session.Session
	_, err := f.o.Sessions.Update(ctx, id, func(s *session.Session) error {
		fresh = *s
		return errLook
	})
	if !errors.Is(err, errLook) {
		return nil, err
	}
	return &fresh, nil
}

// renew asks the provider and acts on its answer.
func (f *Refresher) renew(ctx context.Context, provider idp.Provider, ss *session.Session) string {
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })
	defer stop()
	subject, tokens, err := provider.Refresh(callCtx, ss.Subject, ss.Tokens)

	var refused *idp.RefusedError
	var invalid *idp.InvalidError
	switch {
	case err == nil:
		f.pace.worked(ss.Subject.ClientID)
		return f.keep(ctx, provider, ss, subject, tokens)
	case errors.As(err, &invalid):
		f.o.Logger.ErrorContext(ctx, "the answer to a refresh cannot be trusted: the session ends", "error", err, "user", ss.Subject.ID)
		f.end(ctx, ss, session.EndRefused, "the identity provider's answer could not be trusted")
		return "not-trusted"
	case errors.As(err, &refused) && refused.Code == "invalid_grant":
		f.pace.worked(ss.Subject.ClientID)
		f.end(ctx, ss, session.EndRefused, "the identity provider refused to renew it")
		return "refused"
	}
	// Everything else says nothing about the person: an outage, a limit, or a
	// refusal of our client, which is for the operator to put right.
	f.failed(ctx, ss, err)
	return "unavailable"
}

// failed leaves provider and session alone for a while and notes since when.
func (f *Refresher) failed(ctx context.Context, ss *session.Session, err error) {
	var wait time.Duration
	var down *idp.UnavailableError
	if errors.As(err, &down) {
		wait = down.RetryAfter
	}
	f.pace.failed(ss.Subject.ClientID, wait, err)
	f.leaveAlone(ss.ID, wait)
	if !ss.RefreshFailing.IsZero() {
		return
	}
	now := f.o.Now()
	_, err = f.o.Sessions.Update(context.WithoutCancel(ctx), ss.ID, func(s *session.Session) error {
		if s.RefreshFailing.IsZero() {
			s.RefreshFailing = now
		}
		return nil
	})
	if err != nil && !isNone(err) {
		f.o.Logger.WarnContext(ctx, "failed refresh not noted", "error", err)
	}
}

// keep stores what the provider gave, before anything uses it, and then has the
// directory asked.
func (f *Refresher) keep(ctx context.Context, provider idp.Provider, old *session.Session, subject identity.Subject, tokens idp.Tokens) string {
	running := ctx
	ctx = context.WithoutCancel(ctx)
	now := f.o.Now()
	err := f.storeHard(running, old.ID, func(s *session.Session) error {
		if s.Tokens.Refresh != old.Tokens.Refresh {
			return errLostRace
		}
		s.Subject, s.Tokens, s.Refreshed, s.RefreshFailing = subject, tokens, now, time.Time{}
		return nil
	})
	switch {
	case errors.Is(err, errLostRace):
		return "lost-race"
	case isNone(err): // signed out meanwhile: the new tokens must not outlive that
		f.takeBack(ctx, provider, tokens)
		return "ended-meanwhile"
	case err != nil:
		f.o.Logger.ErrorContext(ctx, "refreshed tokens could not be stored; the session will have to sign in again", "error", err, "user", subject.ID)
		f.leaveAlone(old.ID, 0)
		return "not-stored"
	}
	f.rest.Delete(old.ID)
	f.tellPrograms(ctx, old.ID, subject)
	f.askDirectory(ctx, subject.ID)
	return "ok"
}

// storeHard updates a session, over and over while the store is down; a few
// times more once running has ended.
func (f *Refresher) storeHard(running context.Context, id string, change func(*session.Session) error) error {
	ctx, wait := context.WithoutCancel(running), 50*time.Millisecond
	for try := 1; ; try++ {
		_, err := f.o.Sessions.Update(ctx, id, change)
		if err == nil || isNone(err) || errors.Is(err, errLostRace) || try >= storeTries {
			return err
		}
		select {
		case <-time.After(wait):
		case <-running.Done():
			time.Sleep(min(wait, stopGrace/lastTries))
			try = max(try, storeTries-lastTries)
		}
		wait = min(2*wait, storeWait)
		// Best effort: whoever else gets the lease finds the old token refused.
		_, _, _ = f.o.Store.Acquire(ctx, leaseOf(id), f.holder, refreshLease)
	}
}

func (f *Refresher) takeBack(ctx context.Context, provider idp.Provider, tokens idp.Tokens) {
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	if err := provider.Revoke(ctx, tokens); err != nil {
		f.o.Logger.WarnContext(ctx, "tokens of an ended session not revoked", "error", err)
	}
}

// tellPrograms gives the new claims to the sessions of programs that act for this
// one, those too that are not in memory.
func (f *Refresher) tellPrograms(ctx context.Context, parent string, subject identity.Subject) {
	programs, err := f.o.Sessions.Children(ctx, parent)
	for _, id := range programs {
		_, failed := f.o.Sessions.Update(ctx, id, func(s *session.Session) error {
			s.Subject = subject
			return nil
		})
		if failed != nil && !isNone(failed) {
			err = errors.Join(err, failed)
		}
	}
	if err != nil {
		f.o.Logger.WarnContext(ctx, "claims of a program's session not renewed", "error", err)
	}
}

// directoryTimeout bounds the look-up of one person in the background.
const directoryTimeout = 15 * time.Second

func (f *Refresher) askDirectory(ctx context.Context, id string) {
	if f.o.Directory == nil {
		return
	}
	dir := f.o.Directory()
	if dir == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, directoryTimeout)
	defer cancel()
	if _, err := dir.Read(ctx, id); err != nil && !errors.Is(err, idp.ErrNotFound) {
		f.o.Logger.WarnContext(ctx, "person not read from the directory; what was known stays", "error", err, "user", id)
	}
}

func isNone(err error) bool { return errors.Is(err, session.ErrNone) }
