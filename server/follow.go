package server

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/authorize"
	"sallyport/config"
	"sallyport/directory"
	"sallyport/identity"
	"sallyport/internal/oktaurl"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/telemetry"
)

// recheckEvery is how often streams are decided anew though nothing is known to
// have changed: policies may go by the time of day.
const recheckEvery = 5 * time.Second

// trustEvery is how often is looked whether sessions in memory are still trusted;
// while they are not, streams are decided anew every recheckEvery by what the
// store says, and end where it says nothing.
const trustEvery = 500 * time.Millisecond

// follower has open streams decided anew when the people, the configuration or
// the time say so.
type follower struct {
	s    *Server
	mu   sync.Mutex
	who  map[string]bool // subjects; "" is everybody
	wake chan struct{}
}

func newFollower(s *Server) *follower {
	return &follower{s: s, who: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// changed notes that a subject may be decided otherwise; "" is everybody.
func (f *follower) changed(subject string) {
	f.mu.Lock()
	f.who[subject] = true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // it will look
	}
}

// run decides streams anew until ctx ends. Many changes at once cost one pass.
func (f *follower) run(ctx context.Context) {
	ticker, trust := time.NewTicker(recheckEvery), time.NewTicker(trustEvery)
	defer ticker.Stop()
	defer trust.Stop()
	everybody := func(string) bool { return true }
	trusted := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.recheck(ctx, everybody, "time")
		case <-trust.C:
			was := trusted
			if trusted = f.s.state.sessions.Trusted(); was && !trusted {
				f.s.log.Warn("sessions in memory are not trusted any more: streams go on where the store can be asked")
				f.recheck(ctx, everybody, "store")
			}
		case <-f.wake:
			who := f.take()
			f.recheck(ctx, func(subject string) bool { return who[""] || who[subject] }, "change")
		}
	}
}

func (f *follower) take() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	who := maps.Clone(f.who)
	clear(f.who)
	return who
}

func (f *follower) recheck(ctx context.Context, match func(string) bool, why string) {
	gen := f.s.gen.Load()
	if gen == nil || gen.proxy == nil {
		return
	}
	if n := f.s.state.streams.Recheck(ctx, gen.proxy, match); n > 0 {
		f.s.log.Info("streams ended that would not be let in any more", slog.Int("streams", n), slog.String("because_of", why))
	}
}

// sessionsEnded ends the sessions that a person began before an event after which
// they have to sign in again.
func (s *Server) sessionsEnded(e directory.Ended) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	all, err := s.state.sessions.ListSubject(ctx, e.Subject)
	if err != nil {
		s.log.Error("sessions of a person could not be listed to be ended", slog.String("user", e.Subject), slog.Any("error", err))
		return
	}
	for _, ss := range all {
		// The clocks may differ a little: whoever signed in just then does so again.
		if ss.Created.After(e.At.Add(2 * time.Second)) {
			continue
		}
		if err := s.state.sessions.End(ctx, ss.ID, session.EndRevoked); err != nil {
			s.log.Error("session could not be ended", slog.String("session-id", telemetry.SessionLabel(ss.ID)), slog.Any("error", err))
			continue
		}
		s.log.Info("session ended by an event of the directory", slog.String("session-id", telemetry.SessionLabel(ss.ID)), slog.String("user", e.Subject), slog.String("event", e.Why))
	}
}

// doubt tells why the directory cannot decide about a person and what a policy
// asks of it: too old, not read yet, or a name of two groups.
func (s *Server) doubt(bound time.Duration) func(*identity.Person, *policy.Asked) *authorize.Doubt {
	return func(p *identity.Person, asked *policy.Asked) *authorize.Doubt {
		err := s.state.directory.Doubt(p, directory.Relevant{Groups: asked.Groups, Apps: asked.Apps, Attributes: asked.Attributes}, bound)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, directory.ErrStale):
			return &authorize.Doubt{Reason: policy.ReasonDirectoryStale, Why: err.Error()}
		}
		return &authorize.Doubt{Reason: policy.ReasonDirectoryUnclear, Why: err.Error()}
	}
}

// organisation is whose directory a configuration reads.
func organisation(cfg *config.Config) string {
	org, err := oktaurl.OrgURL(cfg.Provider.URL)
	if err != nil {
		return cfg.Provider.URL
	}
	return org
}

// profileClaim begins the name of a claim in jwt_claims_headers that is an
// attribute of the directory's profile.
const profileClaim = "profile/"

// relevantTo is what the policies of a configuration ask the directory, and what
// upstreams are told of profiles.
func relevantTo(cfg *config.Config) directory.Relevant {
	var named directory.Relevant
	policies := []*policy.Policy{cfg.ErrorDetails}
	for _, r := range cfg.Routes {
		policies = append(policies, r.Policy)
	}
	for _, p := range policies {
		asked := p.AsksDirectory()
		named.Groups = append(named.Groups, asked.Groups...)
		named.Apps = append(named.Apps, asked.Apps...)
		named.Attributes = append(named.Attributes, asked.Attributes...)
	}
	for _, h := range cfg.Identity.ClaimsHeaders {
		if attribute, ok := strings.CutPrefix(h.Claim, profileClaim); ok {
			named.Attributes = append(named.Attributes, attribute)
		}
	}
	for _, list := range []*[]string{&named.Groups, &named.Apps, &named.Attributes} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return named
}

// relevant is what the policies in force ask.
func (s *Server) relevant() directory.Relevant {
	gen := s.gen.Load()
	if gen == nil {
		return directory.Relevant{}
	}
	return gen.relevant
}

// liveSubjects are the people with a session.
func (s *Server) liveSubjects() []string {
	seen := map[string]bool{}
	var all []string
	for _, ss := range s.state.sessions.Live() {
		if id := ss.Subject.ID; !seen[id] {
			seen[id] = true
			all = append(all, id)
		}
	}
	return all
}
