package oktatest

import (
	"net/http"
	"sync"
	"time"
)

// sessionCookie is Okta's name for the browser's session.
const sessionCookie = "sid"

// transactionLifetime bounds how long a sign-in page can be left open.
const transactionLifetime = time.Hour

// sessions are browsers signed in here, and sign-ins begun.
type sessions struct {
	now          func() time.Time
	lifetime     time.Duration
	mu           sync.Mutex
	live         map[string]session
	transactions map[string]transaction
}

type session struct {
	personID string
	methods  []string
	authTime time.Time
	expires  time.Time
}

// transaction is an authorization request waiting for somebody to sign in. It
// can be finished more than once: the back button is not an error.
type transaction struct {
	request authRequest
	expires time.Time
}

func newSessions(now func() time.Time, lifetime time.Duration) *sessions {
	return &sessions{now: now, lifetime: lifetime, live: map[string]session{}, transactions: map[string]transaction{}}
}

// RevokeSessions is ClearSessions.
func (k *Okta) RevokeSessions(who string) { k.ClearSessions(who) }

// endSession ends a browser's session. The System Log's event has no target.
func (k *Okta) endSession(id string, s session) {
	k.sessions.end(id)
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	if p, ok := k.org.people.get(s.personID); ok {
		k.org.writeEvent(Event{Type: sessionEnded, Actor: p.entity()})
	}
}

func (s *sessions) start(personID string, methods []string) (id string, started session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	started = session{personID: personID, methods: methods, authTime: now, expires: now.Add(s.lifetime)}
	id = secret(24)
	s.live[id] = started
	return id, started
}

// of returns the session of the browser that sent r.
func (s *sessions) of(r *http.Request) (id string, found session, ok bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok = s.live[c.Value]
	if !ok || !s.now().Before(found.expires) {
		return "", session{}, false
	}
	return c.Value, found, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, id)
}

func (s *sessions) endPerson(personID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, one := range s.live {
		if one.personID == personID {
			delete(s.live, id)
		}
	}
}

func (s *sessions) begin(r authRequest) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := secret(24)
	s.transactions[key] = transaction{request: r, expires: s.now().Add(transactionLifetime)}
	return key
}

func (s *sessions) pending(key string) (authRequest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.transactions[key]
	return t.request, ok && s.now().Before(t.expires)
}

// setCookie gives the browser its session. On https it goes along cross-site, as
// Okta's does; on plain http a browser would refuse that.
func (k *Okta) setCookie(w http.ResponseWriter, id string, maxAge int) {
	c := &http.Cookie{
		Name: sessionCookie, Value: id, Path: "/", HttpOnly: true, MaxAge: maxAge,
		SameSite: http.SameSiteLaxMode,
	}
	if k.opts.TLS != nil {
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
	}
	http.SetCookie(w, c)
}
