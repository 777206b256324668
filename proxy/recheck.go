package proxy

import (
	"context"
	"errors"
	"net/http"

	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/store"
)

// Current is an Authenticator that knows what became of a session: asked while a
// stream of it is open. session.ErrNone says that it is no more or does not count
// any more, store.ErrUnavailable that nobody can tell, and that for longer than
// is allowed.
type Current interface {
	Current(ctx context.Context, s *session.Session) (*session.Session, error)
}

// Recheck decides all streams of the subjects that match picks anew, as h would
// decide their requests now, and ends those that would not be let in. Streams of
// nobody have the subject "". It returns how many it ended; where ctx ends, the
// rest goes on.
func (s *Streams) Recheck(ctx context.Context, h *Handler, match func(subject string) bool) int {
	r := &round{h: h}
	s.round.Store(r) // before looking who is there: see joined
	p := pass{ctx: ctx, h: h}
	n := 0
	for i := range s.shards {
		for _, st := range s.shards[i].picked(match) {
			n += s.again(&p, st)
		}
	}
	return n
}

// round is one Recheck: the one before a decision and the one after its stream
// was registered being different, nobody may have looked at that stream.
type round struct{ h *Handler }

// joined decides a stream once more that came to be while others were.
func (s *Streams) joined(st *stream) {
	if r := s.round.Load(); r != st.x.round {
		s.again(&pass{ctx: context.WithoutCancel(st.x), h: r.h}, st)
	}
}

// again decides one stream anew and returns how many that ended.
func (s *Streams) again(p *pass, st *stream) int {
	why := p.decide(st.x)
	if why == nil || p.ctx.Err() != nil {
		return 0
	}
	sh := s.shard(st.session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if st.gone {
		return 0
	}
	return s.endLocked(st, *why)
}

// picked are the streams of a shard that are to be decided anew, those of one
// session side by side.
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

// pass is one time of deciding anew. A session is asked for once, and none any
// more after one could not be looked up: a store that hangs would hold up all.
type pass struct {
	ctx  context.Context
	h    *Handler
	of   *session.Session // the last one asked for
	now  *session.Session // what became of it
	err  error
	down error
}

// decide returns why the request of an exchange under way would not be let in by
// the routes, the session and the directory of this moment; nil: it would.
func (p *pass) decide(x *exchange) *ending {
	h := p.h
	route, _ := h.gate.router.Match(x.host, x.target.match)
	if route == nil {
		why := routeGone(x.host)
		return &why
	}
	s, err := p.current(x.session)
	if err != nil {
		why := sessionEnded("it is no longer valid")
		if errors.Is(err, store.ErrUnavailable) {
			why = sessionUnknown(err)
		}
		return &why
	}
	if route.ClientID != x.plan.route.ClientID {
		s = nil // a session is one client's
	}
	d, person := h.o.Authorizer.Check(route, s, h.policyRequest(x))
	switch {
	case d.Effect == policy.Allow:
		return pathEnded(h.gate.checkParameters(x.host, x.target, route))
	case d.DenyReasons.Has(policy.ReasonPathAmbiguous):
		return pathEnded(refuse(http.StatusBadRequest, ambiguity(x.target.match)))
	}
	why := h.accessEnded(x, route, s, person, d)
	return &why
}

// pathEnded is the end of a request whose path upstreams may read in two ways; nil
// without an error.
func pathEnded(err error) *ending {
	if err == nil {
		return nil
	}
	return &ending{code: closePolicy, reason: "access ended: the path is ambiguous", err: weberr.As(err)}
}

func (p *pass) current(s *session.Session) (*session.Session, error) {
	c, ok := p.h.o.Authenticator.(Current)
	switch {
	case s == nil || !ok:
		return s, nil
	case p.down != nil:
		return nil, p.down
	case p.of != nil && p.of.ID == s.ID:
		return p.now, p.err
	}
	p.of = s
	p.now, p.err = c.Current(p.ctx, s)
	if errors.Is(p.err, store.ErrUnavailable) {
		p.down = p.err
	}
	return p.now, p.err
}
