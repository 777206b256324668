package authenticate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/session"
)

const (
	// maxProgramName bounds what a program calls itself.
	maxProgramName = 64
	// maxPrograms is how many programs one sign-in lets in, ended ones included:
	// each is a record in the store, and a form can be sent again and again.
	maxPrograms = 100
)

// programLogin is GET /.pomerium/api/v1/login. A program asks it for an address
// to open in a browser; the same path with a signature is that address, where
// the person signs in on the way to the page that asks.
func (s *Service) programLogin(w http.ResponseWriter, r *http.Request, host string) error {
	q, err := strictQuery(r.URL.RawQuery)
	if err != nil {
		return weberr.BadRequest("The request could not be read.", err)
	}
	if q.Has(paramSignature) {
		return s.toConsent(w, r, host)
	}
	raw := q.Get(paramRedirect)
	if raw == "" {
		return s.notHere(host)
	}
	target, ok := s.programTarget(raw)
	if !ok {
		return weberr.BadRequest("Programs may not wait for an answer at that address.", nil)
	}
	params := url.Values{paramRedirect: {target.String()}}
	if name := programName(q.Get(paramProgram), r.UserAgent()); name != "" {
		params.Set(paramProgram, name)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = w.Write([]byte(s.urls.sign(host, pathProgramLogin, params, attemptLife)))
	return err
}

// programTarget accepts where a program waits: one of the configured hosts, over
// https, or over http on this very machine.
func (s *Service) programTarget(raw string) (*url.URL, bool) {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '#' {
			return nil, false
		}
	}
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxForeign || u.User != nil {
		return nil, false
	}
	if _, ok := authority(u.Host); !ok {
		return nil, false
	}
	name := strings.ToLower(u.Hostname())
	local := isLoopback(name)
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, false
	}
	domains := s.o.Settings.ProgrammaticRedirectDomains
	listed := slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, name) })
	return u, listed || local && slices.Contains(domains, "localhost")
}

// programName is what to call a program: what it says, or the product its HTTP
// client names. Printable ASCII, so that nothing on the page deceives.
func programName(said, userAgent string) string {
	name := said
	if name == "" {
		name, _, _ = strings.Cut(userAgent, " ")
	}
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, name)
	return bounded(name, maxProgramName)
}

// toConsent signs the person in and leads to the page that asks. Scripts of an
// application can do all that a person can on its own host: so they are asked,
// and answer, on the authenticate host alone.
func (s *Service) toConsent(w http.ResponseWriter, r *http.Request, host string) error {
	q, err := s.urls.verify(host, pathProgramLogin, r.URL.RawQuery, []string{paramRedirect}, []string{paramProgram})
	if err != nil {
		return badLink(err)
	}
	_, c, err := s.routeClient(host)
	if err != nil {
		return err
	}
	ss, err := s.browserSession(r, s.o.Codec.Name(), host, c.id)
	if err != nil {
		return err
	}
	if ss == nil {
		return s.challenge(w, r, host, c, requestTarget(r))
	}
	params := programParams(q)
	params.Set(paramHost, host)
	redirect(w, r, s.urls.sign(s.host, pathProgramLogin, params, signedURLLife))
	return nil
}

// programParams are those that a program's own request says.
func programParams(q url.Values) url.Values {
	params := url.Values{paramRedirect: {q.Get(paramRedirect)}}
	if name := q.Get(paramProgram); name != "" {
		params.Set(paramProgram, name)
	}
	return params
}

// askConsent is the page, on the authenticate host, that says what a program
// asks for.
func (s *Service) askConsent(w http.ResponseWriter, r *http.Request) error {
	q, err := s.urls.verify(s.host, pathProgramLogin, r.URL.RawQuery, []string{paramRedirect, paramHost}, []string{paramProgram})
	if err != nil {
		return badLink(err)
	}
	target, ok := s.programTarget(q.Get(paramRedirect))
	if !ok {
		return badLink(errURLParams)
	}
	host, name := q.Get(paramHost), q.Get(paramProgram)
	ss, err := s.homeSession(r, host)
	if err != nil {
		return err
	}
	if ss == nil {
		return weberr.SignInNeeded(host, s.programRestart(host, q))
	}
	token, err := s.newForm(w, r, s.host, pathProgramLogin, map[string]string{
		"host": host, "target": target.String(), "program": name, "session": ss.ID,
	})
	if err != nil {
		return err
	}
	waiting := target.Scheme + "://" + target.Host
	s.o.Pages.ProgramConsent(w, r, ui.ProgramPage{
		Host: host, Program: name, Account: accountOf(ss), ReturnTo: waiting, Expires: ss.Expires,
		Form:      ui.Form{Action: pathProgramLogin, Fields: []ui.Field{{Name: fieldToken, Value: token}}, Targets: []string{waiting}},
		CancelURL: "https://" + host + pathUser,
	})
	return nil
}

// homeSession is the session at the authenticate host that is good for a route
// host.
func (s *Service) homeSession(r *http.Request, host string) (*session.Session, error) {
	_, c, err := s.routeClient(host)
	if err != nil {
		return nil, err
	}
	return s.browserSession(r, c.cookie, s.host, c.id)
}

// programRestart is where somebody begins again whose session is known to the
// route host and not here: it makes one for both.
func (s *Service) programRestart(host string, q url.Values) string {
	again := strings.TrimPrefix(s.urls.sign(host, pathProgramLogin, programParams(q), attemptLife), "https://"+host)
	return "https://" + host + pathSignIn + "?" + url.Values{paramRedirect: {again}, paramPrompt: {promptLogin}}.Encode()
}

// programConsent is the click: a session of its own for the program, and the
// token for it sent to where the program waits.
func (s *Service) programConsent(w http.ResponseWriter, r *http.Request) error {
	values, err := s.readForm(w, r, s.host, pathProgramLogin)
	if err != nil {
		return err
	}
	target, ok := s.programTarget(values["target"])
	if !ok {
		return badLink(errURLParams)
	}
	parent, err := s.homeSession(r, values["host"])
	if err != nil {
		return err
	}
	if parent == nil || parent.ID != values["session"] { // signed out, or somebody else by now
		return forged()
	}
	token, err := s.programToken(r, values["host"], parent, values["program"])
	if err != nil {
		return err
	}
	q := target.Query()
	q.Set(paramJWT, token)
	target.RawQuery = q.Encode()
	s.metrics.programs.Inc()
	redirect(w, r, target.String())
	return nil
}

// programToken makes the program's session, which ends with the sign-in it was
// made from at the latest, and the token for it.
func (s *Service) programToken(r *http.Request, host string, parent *session.Session, name string) (string, error) {
	if n, err := s.o.Sessions.Programs(r.Context(), parent.ID); err != nil {
		return "", storeError(err)
	} else if n >= maxPrograms {
		return "", tooManyPrograms()
	}
	ss, err := s.o.Sessions.Create(r.Context(), session.Session{
		Form: session.FormProgram, Subject: parent.Subject, Parent: parent.ID, Host: host, Program: name,
		Expires: parent.Expires, Refreshed: s.now(),
		ClientAddress: s.o.ClientIP(r).String(), UserAgent: bounded(r.UserAgent(), maxUserAgent),
	})
	if err != nil {
		return "", storeError(err)
	}
	token, err := s.tokens.sign(ss)
	if err != nil {
		return "", weberr.Internal(err)
	}
	s.o.Logger.InfoContext(r.Context(), "program let in", "user", ss.Subject.ID, "email", ss.Subject.Email, "host", host, "program", name)
	return token, nil
}

func tooManyPrograms() error {
	return &weberr.Error{
		Status: http.StatusTooManyRequests, Code: "too-many-programs", Title: "Too many programs",
		Message: "You have let in as many programs as one sign-in allows.",
		Next:    "Sign out, which ends them all, and sign in again.",
	}
}
