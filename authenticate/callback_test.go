package authenticate

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/session"
	"sallyport/store"
	"sallyport/telemetry"
)

// result is how often a sign-in ended so.
func (w *world) result(what string) float64 {
	return testutil.ToFloat64(w.service.Load().metrics.signIns.WithLabelValues(what))
}

// answered is the provider's answer on its way back, as the browser brings it.
func (b *browser) answered(raw string) *http.Request {
	b.t.Helper()
	back := b.w.idp.approve(b.atProvider(raw))
	return b.w.asked("https://"+homeAt+pathOAuthCallback+"?"+back.Encode(), b.cookies(homeAt)...)
}

// What ends a sign-in after the provider gave tokens leaves none behind, says
// why in its own words, and is counted under its own name.
func TestTokensOfASignInThatFailsAreTakenBack(t *testing.T) {
	for name, tt := range map[string]struct {
		options []option
		prepare func(*world)
		target  string
		status  int
		code    string
		result  string
	}{
		"the directory is away": {
			[]option{withDirectory(&fakeDirectory{err: idp.ErrUnavailable})},
			func(*world) {}, "/",
			http.StatusServiceUnavailable, "directory-unavailable", "directory-unavailable",
		},
		"the store takes no session": {
			nil, func(w *world) { w.failing("put", "session", store.ErrUnavailable) }, "/",
			http.StatusServiceUnavailable, "sessions-unavailable", "",
		},
		"not the method that was wanted": {
			nil, func(*world) {}, pathSignIn + "?" + paramPrompt + "=amr%3Dhwk",
			http.StatusForbidden, "step-up-unmet", "step-up-unmet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.options...)
			tt.prepare(w)
			r, rec := w.browser().answered("https://"+wiki+tt.target), newRecorder()
			e := said(t, name, w.service.Load().serve(rec, r), tt.status, tt.code)
			if wants := tt.status == http.StatusServiceUnavailable; wants != (e.RetryAfter == retryAfter) {
				t.Errorf("come again in %s", e.RetryAfter)
			}
			until(t, "the tokens taken back", func() bool {
				w.idp.mu.Lock()
				defer w.idp.mu.Unlock()
				return len(w.idp.revoked) == 1 && w.idp.revoked[0].Refresh != ""
			})
			if len(w.live()) != 0 || rec.h.Get("Location") != "" {
				t.Errorf("%d sessions, sent to %q", len(w.live()), rec.h.Get("Location"))
			}
			if tt.result != "" && w.result(tt.result) != 1 {
				t.Errorf("%v counted as %s, want 1", w.result(tt.result), tt.result)
			}
		})
	}
}

func TestSessionRemembersHowItBegan(t *testing.T) {
	dir := &fakeDirectory{known: map[string]identity.Status{"00ualice": identity.StatusActive}}
	w := newWorld(t, withDirectory(dir), withSettings(Settings{CookieExpire: 3 * time.Hour}))
	b := w.browser()
	r := b.answered("https://" + wiki + "/")
	r.Header.Set("User-Agent", strings.Repeat("u", maxUserAgent+1))
	r.Header.Set("X-Test-Addr", "203.0.113.5")
	ctx, access := telemetry.WithAccess(r.Context())
	rec := newRecorder()
	if err := w.service.Load().serve(rec, r.WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	ss, now := w.live()[0], w.clock.now()
	if !ss.Created.Equal(now) || !ss.LastUsed.Equal(now) || !ss.Refreshed.Equal(now) || !ss.Expires.Equal(now.Add(3*time.Hour)) {
		t.Errorf("created %s, used %s, refreshed %s, expires %s; it is %s", ss.Created, ss.LastUsed, ss.Refreshed, ss.Expires, now)
	}
	if ss.Form != session.FormBrowser || ss.Subject.ID != "00ualice" || ss.Tokens.Refresh == "" || ss.Tokens.Access == "" {
		t.Errorf("form %q of %q with tokens %v", ss.Form, ss.Subject.ID, ss.Tokens)
	}
	if ss.ClientAddress != "203.0.113.5" || ss.UserAgent != strings.Repeat("u", maxUserAgent) {
		t.Errorf("from %q with %d characters of browser", ss.ClientAddress, len(ss.UserAgent))
	}
	if dir.count() != 1 {
		t.Errorf("the directory was asked %d times, want once", dir.count())
	}
	log := new(syncBuffer)
	access.Log(slog.New(slog.NewTextHandler(log, nil)), []string{"email", "user", "session-id"}, telemetry.Finished{Request: httptest.NewRequest(http.MethodGet, "/", nil)})
	for _, want := range []string{"email=alice@example.com", "user=00ualice", "session-id=" + telemetry.SessionLabel(ss.ID)} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the access record lacks %s: %s", want, log)
		}
	}
	if !strings.Contains(w.log.String(), `"msg":"signed in","user":"00ualice"`) {
		t.Error("the sign-in is not in the log")
	}
	// The browser gets its session here and one code, and its visit is over.
	if got := dropped(rec.cookies()); len(got) != 1 || !strings.HasPrefix(got[0], w.codec.AttemptPrefix()) {
		t.Errorf("dropped %v, want the visit's cookie", got)
	}
	if to, _ := url.Parse(rec.h.Get("Location")); to.Host != wiki || to.Path != pathCallback || to.Query().Get(paramCode) == "" || to.Query().Has(paramTries) {
		t.Errorf("sent to %s", to)
	}
}

// A session that could not be ended does not keep its successor from beginning.
func TestReplacedSessionThatCannotBeEndedIsReported(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.open("https://" + wiki + pathSignIn + "?" + paramPrompt + "=login")
	if len(w.live()) != 1 || strings.Contains(w.log.String(), "not ended") {
		t.Errorf("%d sessions after one replaced the other; the log says %s", len(w.live()), w.log)
	}
	st := &troubled{Store: w.store}
	puts := 0
	st.fail = func(op string, kind store.Kind) error {
		if op != "put" || kind != "session" {
			return nil
		}
		if puts++; puts > 1 { // the first is the new session
			return store.ErrUnavailable
		}
		return nil
	}
	m := w.newManager(st)
	w.install(w.newService(func(o *Options) { o.Sessions = m }))
	r, rec := b.answered("https://"+wiki+pathSignIn+"?"+paramPrompt+"=login"), newRecorder()
	if err := w.service.Load().serve(rec, r); err != nil {
		t.Fatal(err)
	}
	if rec.status != http.StatusFound || !strings.Contains(w.log.String(), "replaced session not ended") {
		t.Errorf("%d; the log says %s", rec.status, w.log)
	}
}

func TestAnswersThatLeadNowhere(t *testing.T) {
	state := func(w *world, j journey) string {
		value, err := w.codec.Seal(purposeState, homeAt, time.Minute, stateClaims{ID: newAttemptID(w.clock.now()), State: "x", Journey: j})
		if err != nil {
			t.Fatal(err)
		}
		return "state=" + value
	}
	id := newAttemptID(time.Unix(1, 0))
	for name, tt := range map[string]struct {
		query func(*world) string
		words string
	}{
		"a query that is none":      {func(*world) string { return "state=%zz" }, "could not be read"},
		"two of one":                {func(*world) string { return "code=1&code=2" }, "could not be read"},
		"no state":                  {func(*world) string { return "code=1" }, "not started here, or it took too long"},
		"for a host that is gone":   {func(w *world) string { return state(w, journey{Host: evil, Attempt: id}) }, "no longer published"},
		"for an attempt of nobody":  {func(w *world) string { return state(w, journey{Host: wiki, Attempt: "x"}) }, "no longer published"},
		"for a host that is no one": {func(w *world) string { return state(w, journey{}) }, "no longer published"},
	} {
		w := newWorld(t)
		rec := newRecorder()
		e := said(t, name, w.service.Load().serve(rec, w.asked("https://"+homeAt+pathOAuthCallback+"?"+tt.query(w))), 400, "sign-in-failed")
		if !strings.Contains(e.Message, tt.words) || rec.h.Get("Location") != "" {
			t.Errorf("%s: %q and sent to %q, want %q", name, e.Message, rec.h.Get("Location"), tt.words)
		}
	}
	// Lost cookies, and another visit's state, lead back with empty hands.
	w := newWorld(t)
	rec := newRecorder()
	if err := w.service.Load().serve(rec, w.asked("https://"+homeAt+pathOAuthCallback+"?"+state(w, journey{Host: wiki, Attempt: id, Tries: 1}))); err != nil {
		t.Fatal(err)
	}
	if got, want := rec.h.Get("Location"), callbackURL(wiki, id, 2, ""); got != want || w.result("restarted") != 1 {
		t.Errorf("sent to %s, want %s; %v counted", got, want, w.result("restarted"))
	}
	// A client that a reload took away meanwhile.
	w = newWorld(t)
	r := w.browser().answered("https://" + wiki + "/")
	w.install(w.newService(func(o *Options) { o.Default, o.Providers = "second", map[string]idp.Provider{"second": w.second} }))
	said(t, "client gone", w.service.Load().serve(newRecorder(), r), 400, "bad-link")
	// A store that cannot tell who is signed in already: nothing is redeemed.
	w = newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	r = b.answered("https://" + wiki + pathSignIn + "?" + paramPrompt + "=login")
	w.failing("get", "session", store.ErrUnavailable)
	said(t, "store away", w.service.Load().serve(newRecorder(), r), 503, "sessions-unavailable")
	if w.idp.exchanges != 1 {
		t.Errorf("%d codes redeemed, want the first alone", w.idp.exchanges)
	}
}

func TestPostedAnswersAreTakenOverAsTheyAre(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	post := func(body string) (*recorder, error) {
		r := httptest.NewRequest(http.MethodPost, "https://"+homeAt+pathOAuthCallback+"?code=of-the-query", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := newRecorder()
		return rec, s.serve(rec, r)
	}
	rec, err := post("state=s&code=c&iss=i&error=e&error_description=d&more=m")
	want := "https://" + homeAt + pathOAuthCallback + "?code=c&error=e&error_description=d&iss=i&state=s"
	if err != nil || rec.status != http.StatusSeeOther || rec.h.Get("Location") != want {
		t.Errorf("%d to %s, %v; want 303 to %s", rec.status, rec.h.Get("Location"), err, want)
	}
	if rec, err := post("state=s"); err != nil || !strings.HasSuffix(rec.h.Get("Location"), "?state=s") {
		t.Errorf("one parameter: %s, %v", rec.h.Get("Location"), err)
	}
	fits := "state=" + strings.Repeat("x", maxCallbackBody-len("state="))
	if _, err := post(fits); err != nil {
		t.Errorf("the longest body: %v", err)
	}
	_, err = post(fits + "x")
	said(t, "too long", err, 400, "bad-request")
	_, err = post("state=%zz")
	said(t, "no form", err, 400, "bad-request")
	for _, name := range callbackParams {
		rec, err := post("state=s&" + name + "=1&" + name + "=2")
		if said(t, "two of "+name, err, 400, "sign-in-failed"); rec.h.Get("Location") != "" {
			t.Errorf("two of %s: sent to %s", name, rec.h.Get("Location"))
		}
	}
}

func TestWhatTheProviderAnswersIsToldByItsKind(t *testing.T) {
	away := func(wait time.Duration) error { return &idp.UnavailableError{What: "test", RetryAfter: wait} }
	for name, tt := range map[string]struct {
		err    error
		status int
		code   string
		words  string
		retry  time.Duration
	}{
		"refused":            {&idp.RefusedError{Code: "invalid_grant"}, 400, "sign-in-failed", "did not accept the sign-in", 0},
		"not to be trusted":  {&idp.InvalidError{What: "nonce"}, 400, "sign-in-failed", "could not be trusted", 0},
		"away for a while":   {away(30 * time.Second), 503, "identity-provider-unavailable", "cannot be reached", 30 * time.Second},
		"away for a day":     {away(24 * time.Hour), 503, "identity-provider-unavailable", "cannot be reached", maxRetryAfter},
		"away, says not how": {away(0), 503, "identity-provider-unavailable", "cannot be reached", retryAfter},
		"something else":     {errors.New("test"), 503, "identity-provider-unavailable", "cannot be reached", retryAfter},
	} {
		for step, set := range map[string]func(*fakeProvider){
			"at the start":    func(p *fakeProvider) { p.authErr = tt.err },
			"at the exchange": func(p *fakeProvider) { p.exchangeErr = tt.err },
		} {
			w := newWorld(t)
			w.idp.locked(func() { set(w.idp) })
			p := w.browser().open("https://" + wiki + "/there")
			retry := ""
			if tt.retry > 0 {
				retry = fmt.Sprint(tt.retry.Seconds())
			}
			if p.status != tt.status || !strings.Contains(p.body, tt.words) || p.header.Get("Retry-After") != retry || w.result(tt.code) != 1 {
				t.Errorf("%s %s: %d, Retry-After %q, %v counted; want %d, %q, and %q told\n%s",
					name, step, p.status, p.header.Get("Retry-After"), w.result(tt.code), tt.status, retry, tt.words, p.body)
			}
			if again := between(p.body, `href="https://`+wiki+pathCallback, `"`); !strings.Contains(again, paramAttempt) {
				t.Errorf("%s %s: no way to try again", name, step)
			}
			if log := w.log.String(); !strings.Contains(log, `"msg":"sign-in failed","reason":"`+tt.code) || !strings.Contains(log, `"host":"`+wiki) {
				t.Errorf("%s %s: the log says %s", name, step, log)
			}
		}
	}
}

func TestRefusalsAtTheProviderAreLoggedAndCountedWithinBounds(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	j := journey{Host: wiki, Attempt: newAttemptID(w.clock.now()), Tries: 2}
	r := w.asked("https://" + homeAt + "/")
	e := said(t, "refused", s.refusedAtProvider(r, j, strings.Repeat("c", 65), strings.Repeat("d", 513)), 400, "sign-in-failed")
	refused, ok := errors.AsType[*idp.RefusedError](error(e))
	if !ok || refused.Code != strings.Repeat("c", 64) || e.Route != wiki || e.LoginURL != callbackURL(wiki, j.Attempt, 0, "") {
		t.Errorf("%+v because of %+v", e, refused)
	}
	log := w.log.String()
	if !strings.Contains(log, `"`+strings.Repeat("c", 64)+`"`) || !strings.Contains(log, `"`+strings.Repeat("d", 512)+`"`) || w.result("refused") != 1 {
		t.Errorf("%v counted; the log says %s", w.result("refused"), log)
	}
	for _, code := range []string{"temporarily_unavailable", "server_error"} {
		e := said(t, code, s.refusedAtProvider(r, j, code, ""), 503, "identity-provider-unavailable")
		if e.RetryAfter != time.Minute || !strings.Contains(e.Err.Error(), code) {
			t.Errorf("%s: come again in %s because of %v", code, e.RetryAfter, e.Err)
		}
	}
	e = said(t, "too many bad codes", s.slowDown(), http.StatusTooManyRequests, "too-many-bad-codes")
	if e.RetryAfter != time.Minute || w.result("too-many-bad-codes") != 1 {
		t.Errorf("come again in %s, %v counted", e.RetryAfter, w.result("too-many-bad-codes"))
	}
}

// The address counts as it was seen, whatever else the request says.
func TestOnlyCodesThatWereRefusedCountAgainstAnAddress(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	left := func() float64 {
		s.strikes.mu.Lock()
		defer s.strikes.mu.Unlock()
		return s.strikes.by[addressKey(netip.MustParseAddr("192.0.2.7"))].left(w.clock.now())
	}
	w.browser().signIn(wiki)
	w.idp.locked(func() { w.idp.exchangeErr = &idp.InvalidError{What: "nonce"} })
	w.browser().open("https://" + wiki + "/")
	if left() != 0 {
		t.Errorf("%v counted where nobody made a code up", left())
	}
	w.idp.locked(func() { w.idp.exchangeErr = &idp.RefusedError{Code: "invalid_grant"} })
	w.browser().open("https://" + wiki + "/")
	if left() != 1 {
		t.Errorf("%v counted after a refused code, want 1", left())
	}
}
