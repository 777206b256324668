package authenticate

import (
	"errors"
	"html"
	"io"
	"net/http"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/session"
)

// land is /.pomerium/callback/ on a route host: the browser is back. With its
// attempt cookie and a code that fits it gets the session cookie. Without the
// cookie the code is not even looked at: whoever opens somebody else's callback
// begins a sign-in of their own.
func (s *Service) land(w http.ResponseWriter, r *http.Request, host string) error {
	back := parseBack(r.URL.RawQuery)
	var a attempt
	known := s.openAttempt(r, purposeAttempt, host, back.attempt, &a) && a.ID == back.attempt
	if !known {
		return s.restart(w, r, host, attempt{Target: "/", Tries: back.tries + 1})
	}
	if a.Secret == "" || back.code == "" {
		a.Tries = back.tries
		return s.restart(w, r, host, a)
	}
	ss, err := s.take(r.Context(), host, back.code, a)
	if errors.Is(err, errNoHandOff) {
		a.Tries = max(a.Tries, back.tries) + 1
		return s.restart(w, r, host, a)
	}
	if err != nil {
		return err
	}
	s.o.Codec.SetSession(w, s.o.Codec.Name(), host, ss)
	s.countLanding(w, r, host, a.Client)
	return s.goOn(w, r, host, a, ss)
}

// back is what the query of a landing says; parts that make no sense are absent.
type back struct {
	attempt, code string
	tries         int
}

// maxCode bounds a one-time code as it is accepted.
const maxCode = 64

func parseBack(raw string) back {
	q, err := strictQuery(raw)
	if err != nil {
		return back{tries: 1}
	}
	b := back{attempt: q.Get(paramAttempt), code: q.Get(paramCode), tries: parseTries(q.Get(paramTries))}
	if len(b.code) > maxCode {
		b.code = ""
	}
	return b
}

// goOn drops the attempt and leads to the other hosts that want a cookie, or to
// where the person wanted to go. While there are legs to walk the cookie stays,
// without its secret, to remember where that was.
func (s *Service) goOn(w http.ResponseWriter, r *http.Request, host string, a attempt, ss *session.Session) error {
	if a.Next != "" {
		s.dropAttempt(w, a.ID)
		redirect(w, r, a.Next)
		return nil
	}
	if first := s.firstLeg(host, a, ss); first != "" {
		a.Secret = ""
		if err := s.sealAttempt(w, r, purposeAttempt, host, a.ID, a); err == nil {
			redirect(w, r, first)
			return nil
		}
	}
	s.dropAttempt(w, a.ID)
	return s.enter(w, r, "https://"+host+s.targetOf(r, a))
}

// enter leads into the application. A redirect would still count as coming from
// the provider's site, for which browsers withhold Strict cookies; a page that
// goes on by itself does not.
func (s *Service) enter(w http.ResponseWriter, r *http.Request, location string) error {
	if !s.o.Settings.StrictCookies {
		redirect(w, r, location)
		return nil
	}
	own(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	link := html.EscapeString(location)
	_, err := io.WriteString(w, `<!doctype html><html lang="en"><title>Signed in</title><meta http-equiv="refresh" content="0;url=`+link+
		`"><p>Signed in. <a href="`+link+`">Go on</a></p></html>`)
	return err
}

func (s *Service) targetOf(r *http.Request, a attempt) string {
	if a.Stored != "" {
		return s.storedReturn(r.Context(), a.Stored)
	}
	if target, ok := localTarget(a.Target); ok {
		return target
	}
	return "/"
}

// restart begins again, unless somebody is signed in by now: then the person
// just goes where they wanted to.
func (s *Service) restart(w http.ResponseWriter, r *http.Request, host string, a attempt) error {
	_, c, err := s.routeClient(host)
	if err != nil {
		return err
	}
	if known := s.byKey[a.Client]; known != nil {
		c = known
	}
	if a.Prompt == "" {
		ss, err := s.browserSession(r, s.o.Codec.Name(), host, c.id)
		if err != nil {
			return err
		}
		if ss != nil {
			return s.arrive(w, r, host, a)
		}
	}
	if !ui.IsNavigation(r) {
		return weberr.SignInNeeded(host, s.LoginURL(r))
	}
	if s.landed(r, host, c.key).Count >= maxLanded {
		return s.cookieLost(r, host)
	}
	s.metrics.signIns.WithLabelValues("restarted").Inc()
	if a.ID != "" {
		s.dropAttempt(w, a.ID)
	}
	a.Client = c.key
	return s.begin(w, r, host, a)
}

// arrive leads somebody who is signed in to where the attempt wanted to go.
func (s *Service) arrive(w http.ResponseWriter, r *http.Request, host string, a attempt) error {
	location := a.Next
	if location == "" {
		location = "https://" + host + s.targetOf(r, a)
	}
	if a.ID != "" {
		s.dropAttempt(w, a.ID)
	}
	redirect(w, r, location)
	return nil
}
