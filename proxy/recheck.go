package proxy

import (
	"context"
	"errors"
	"strings"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/store"
)

// Current is an Authenticator that knows what became of a session: asked while a
// stream of it is open. session.ErrNone says that it is no more; other errors
// say nothing about it.
type Current interface {
	Current(ctx context.Context, s *session.Session) (*session.Session, error)
}

// Checker is an Authorizer that decides without writing the decision down.
type Checker interface {
	Check(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person)
}

// Recheck decides all streams of the subjects that match picks anew, as h would
// decide their requests now, and ends those that would not be let in. Streams of
// nobody have the subject "". It returns how many it ended.
func (s *Streams) Recheck(ctx context.Context, h *Handler, match func(subject string) bool) int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		for _, st := range sh.picked(match) {
			why, denied := h.again(ctx, st.x)
			if !denied {
				continue
			}
			sh.mu.Lock()
			if !st.gone {
				n += s.endLocked(st, ending{closePolicy, why})
			}
			sh.mu.Unlock()
		}
	}
	return n
}

// picked are the streams of a shard that are to be decided anew.
func (sh *streamShard) picked(match func(string) bool) []*stream {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var all []*stream
	for _, st := range sh.m {
		for ; st != nil; st = st.next {
			if st.x != nil && !st.cut && match(st.x.subject()) {
				all = append(all, st)
			}
		}
	}
	return all
}

func (x *exchange) subject() string {
	if x.session == nil {
		return ""
	}
	return x.session.Subject.ID
}

// again decides the request of an exchange under way as it would be decided now:
// by the routes, the session and the directory of this moment.
func (h *Handler) again(ctx context.Context, x *exchange) (why string, denied bool) {
	route, _ := h.gate.router.Match(x.host, x.target.match)
	if route == nil {
		return "the route is no more", true
	}
	s, err := h.currentSession(ctx, x.session)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		s = x.session // nobody can tell: it goes on as long as the view allows
	case err != nil:
		return "session ended", true
	}
	if route.ClientID != x.plan.route.ClientID {
		s = nil // a session is one client's
	}
	decide := h.o.Authorizer.Decide
	if c, ok := h.o.Authorizer.(Checker); ok {
		decide = c.Check
	}
	d, _ := decide(route, s, h.policyRequest(x))
	if d.Effect == policy.Allow {
		return "", false
	}
	return "access ended: " + strings.Join(append(d.DenyReasons.Names(), d.AllowReasons.Names()...), " "), true
}

func (h *Handler) currentSession(ctx context.Context, s *session.Session) (*session.Session, error) {
	c, ok := h.o.Authenticator.(Current)
	if s == nil || !ok {
		return s, nil
	}
	return c.Current(ctx, s)
}
