package authenticate

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/session"
	"sallyport/store"
)

func TestTokensAreReadInEachOfTheirForms(t *testing.T) {
	w := newWorld(t)
	closed := w.service.Load()
	open := w.newService(func(o *Options) { o.Settings.AllowSessionTokenInQuery = true })
	for name, tt := range map[string]struct {
		s      *Service
		query  string
		header http.Header
		raw    string
		proof  Proof
	}{
		"none":                        {open, "", http.Header{}, "", ProofNone},
		"Pomerium":                    {closed, "", http.Header{"Authorization": {"Pomerium a.b.c"}}, "a.b.c", ProofAuthorization},
		"in small letters":            {closed, "", http.Header{"Authorization": {"pomerium a.b.c"}}, "a.b.c", ProofAuthorization},
		"with blanks":                 {closed, "", http.Header{"Authorization": {"Pomerium  a.b.c "}}, "a.b.c", ProofAuthorization},
		"scheme alone":                {closed, "", http.Header{"Authorization": {"Pomerium"}}, "", ProofNone},
		"Bearer":                      {closed, "", http.Header{"Authorization": {"Bearer Pomerium-a.b.c"}}, "a.b.c", ProofAuthorization},
		"Bearer in small letters":     {closed, "", http.Header{"Authorization": {"bearer Pomerium-a.b.c"}}, "a.b.c", ProofAuthorization},
		"Bearer of the application":   {closed, "", http.Header{"Authorization": {"Bearer a.b.c"}}, "", ProofNone},
		"password like a token":       {closed, "", http.Header{"Authorization": {"Basic Pomerium-a.b.c"}}, "", ProofNone},
		"behind the application's":    {closed, "", http.Header{"Authorization": {"Basic x", "broken", "Pomerium a.b.c"}}, "a.b.c", ProofAuthorization},
		"header":                      {closed, "", http.Header{"X-Pomerium-Authorization": {"a.b.c"}}, "a.b.c", ProofHeader},
		"header beside Authorization": {closed, "", http.Header{"X-Pomerium-Authorization": {"h"}, "Authorization": {"Pomerium a"}}, "a", ProofAuthorization},
		"query":                       {open, "?x=1&" + paramSession + "=a.b.c", http.Header{}, "a.b.c", ProofQuery},
		"query, empty":                {open, "?" + paramSession + "=", http.Header{}, "", ProofNone},
		"query of another name":       {open, "?x=" + paramSession, http.Header{}, "", ProofNone},
		"query, switched off":         {closed, "?" + paramSession + "=a.b.c", http.Header{}, "", ProofNone},
		"query beside a header":       {open, "?" + paramSession + "=q", http.Header{"X-Pomerium-Authorization": {"h"}}, "h", ProofHeader},
	} {
		r, err := http.NewRequest(http.MethodGet, "https://"+wiki+"/"+tt.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = tt.header
		if raw, proof := tt.s.token(r); raw != tt.raw || proof != tt.proof {
			t.Errorf("%s: %q, %d; want %q, %d", name, raw, proof, tt.raw, tt.proof)
		}
	}
}

// Long requests and streams ask again what has become of their session.
func TestWhatHasBecomeOfASession(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	idle, err := session.New(session.Options{Store: w.store, Now: w.clock.now, IdleTimeout: func() time.Duration { return 10 * time.Minute }})
	if err != nil {
		t.Fatal(err)
	}
	cold, err := session.New(session.Options{Store: w.store, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		program  bool
		sessions *session.Manager
		after    func(ss, parent *session.Session)
		want     error
	}{
		"nothing":                     {false, nil, func(_, _ *session.Session) {}, nil},
		"signed out":                  {false, nil, func(ss, _ *session.Session) { w.end(ss) }, session.ErrNone},
		"revoked, a program":          {true, nil, func(ss, _ *session.Session) { w.end(ss) }, session.ErrNone},
		"its person signed out":       {true, nil, func(_, parent *session.Session) { w.end(parent) }, session.ErrNone},
		"its person has gone idle":    {true, nil, func(_, p *session.Session) { _ = w.sessions.End(ctx, p.ID, session.EndIdle) }, nil},
		"ran out of time":             {false, nil, func(_, _ *session.Session) { w.clock.add(14 * time.Hour) }, session.ErrNone},
		"unused for ten minutes":      {false, idle, func(_, _ *session.Session) { w.clock.add(10 * time.Minute) }, session.ErrNone},
		"unused for a while":          {false, idle, func(_, _ *session.Session) { w.clock.add(9 * time.Minute) }, nil},
		"an outage":                   {false, nil, func(ss, _ *session.Session) { w.outage(ss, 2*time.Hour) }, nil},
		"an outage past the grace":    {false, nil, func(ss, _ *session.Session) { w.outage(ss, 2*time.Hour+1) }, session.ErrNone},
		"program, an outage":          {true, nil, func(_, p *session.Session) { w.outage(p, 2*time.Hour) }, nil},
		"program, outage past it all": {true, nil, func(_, p *session.Session) { w.outage(p, 2*time.Hour+1) }, session.ErrNone},
		"nobody can tell":             {false, cold, func(_, _ *session.Session) { w.faults.down.Store(true) }, store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			defer w.faults.down.Store(false)
			s := w.newService(func(o *Options) {
				if tt.sessions != nil {
					o.Sessions = tt.sessions
				}
			})
			parent := w.signedIn(nil)
			was := parent
			if tt.program {
				was = w.program(parent)
			}
			tt.after(was, parent)
			got, err := s.Current(ctx, was)
			if !errors.Is(err, tt.want) || (got == nil) != (tt.want != nil) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
			if got != nil && !w.sessions.LastUsed(got).Equal(was.LastUsed) {
				t.Error("asking counted as use")
			}
		})
	}
}

func (w *world) wokenOf(ss *session.Session) bool { _, ok := w.woken.Load(ss.ID); return ok }

// A session that slept past its time is refreshed when it is used again, one
// that did not is left to its own point.
func TestUseWakesOnlyWhoOverslept(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	ss := w.signedIn(nil)
	program := w.program(ss)
	token, err := s.tokens.sign(program)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder()
	w.codec.SetSession(rec, w.codec.Name(), wiki, ss)
	bearer := w.request(wiki)
	bearer.Header.Set("X-Pomerium-Authorization", token)
	for what, r := range map[string]*http.Request{"a browser": w.request(wiki, rec.cookies()...), "a program": bearer} {
		w.clock.at(ss.Refreshed.Add(54*time.Minute - 1))
		if got, _, err := s.Session(r, routeOf(w, wiki)); got == nil || err != nil || w.wokenOf(ss) {
			t.Errorf("%s before the time: %v, %v, woken %v", what, got, err, w.wokenOf(ss))
		}
		w.clock.add(1)
		if got, _, err := s.Session(r, routeOf(w, wiki)); got == nil || err != nil || !w.wokenOf(ss) {
			t.Errorf("%s at the time: %v, %v, woken %v", what, got, err, w.wokenOf(ss))
		}
		w.woken.Clear()
		if what == "a program" && w.clock.now().Sub(w.sessions.LastUsed(program)) > time.Second {
			t.Error("a program's use is not noted")
		}
	}
	w.clock.add(time.Minute)
	before := w.sessions.LastUsed(ss)
	if got, _, err := s.Session(bearer, routeOf(w, wiki)); got == nil || err != nil || !w.sessions.LastUsed(ss).Equal(before) {
		t.Errorf("a program in use keeps its person awake: %v, %v", got, err)
	}
}

// A program outlives the browser session that fell asleep, and neither an end
// by force nor an outage past its grace.
func TestProgramSharesTheFateOfItsPerson(t *testing.T) {
	for name, tt := range map[string]struct {
		after func(w *world, parent *session.Session)
		in    bool
	}{
		"nothing":          {func(*world, *session.Session) {}, true},
		"idle":             {func(w *world, p *session.Session) { _ = w.sessions.End(context.Background(), p.ID, session.EndIdle) }, true},
		"revoked":          {func(w *world, p *session.Session) { _ = w.sessions.End(context.Background(), p.ID, session.EndRevoked) }, false},
		"outage":           {func(w *world, p *session.Session) { w.outage(p, 2*time.Hour) }, true},
		"outage, no grace": {func(w *world, p *session.Session) { w.outage(p, 2*time.Hour+1) }, false},
	} {
		w := newWorld(t)
		s, parent := w.service.Load(), w.signedIn(nil)
		token, err := s.tokens.sign(w.program(parent))
		if err != nil {
			t.Fatal(err)
		}
		tt.after(w, parent)
		r := w.request(wiki)
		r.Header.Set("Authorization", "Pomerium "+token)
		ss, proof, err := s.Session(r, routeOf(w, wiki))
		if err != nil || (ss != nil) != tt.in || (proof == ProofAuthorization) != tt.in {
			t.Errorf("%s: %v, %d, %v; want let in: %v", name, ss, proof, err, tt.in)
		}
	}
}

// outage has refreshes of a session fail from now on, and time go by.
func (w *world) outage(ss *session.Session, lasting time.Duration) {
	w.t.Helper()
	_, err := w.sessions.Update(context.Background(), ss.ID, func(s *session.Session) error { s.RefreshFailing = w.clock.now(); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	w.clock.add(lasting)
}

func TestHostThatIsNoneKnowsNobody(t *testing.T) {
	w := newWorld(t)
	s, ss := w.service.Load(), w.signedIn(nil)
	for _, host := range []string{"", "a b", "wiki.localhost:0", "wiki.localhost@evil", strings.Repeat("a", maxAuthority+1)} {
		rec := newRecorder()
		w.codec.SetSession(rec, w.codec.Name(), host, ss)
		program := w.signedIn(func(p *session.Session) { p.Form, p.Host = session.FormProgram, host })
		token, err := s.tokens.sign(program)
		if err != nil {
			t.Fatal(err)
		}
		r := w.request(wiki, rec.cookies()...)
		r.Host = host
		if got, proof, err := s.Session(r, routeOf(w, wiki)); got != nil || proof != ProofNone || err != nil {
			t.Errorf("cookie at %.20q: %v, %d, %v", host, got, proof, err)
		}
		r.Header.Set("Authorization", "Pomerium "+token)
		if got, proof, err := s.Session(r, routeOf(w, wiki)); got != nil || proof != ProofNone || err != nil {
			t.Errorf("token at %.20q: %v, %d, %v", host, got, proof, err)
		}
	}
}
