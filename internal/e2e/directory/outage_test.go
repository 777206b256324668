package directory_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// nextAt has a listing say that it goes on at another address.
func nextAt(origin string) oktatest.Act {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Add("Link", "<"+origin+r.URL.Path+`?after=1>; rel="next"`)
		next.ServeHTTP(w, r)
	}
}

// T37: an API that sends us elsewhere, by redirect or by the link to a next page,
// is not followed: no other host is asked, let alone told the credentials, and
// what is known stands.
func TestT37APIThatLeadsElsewhereIsNotFollowed(t *testing.T) {
	var reached atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("[]"))
	}))
	t.Cleanup(elsewhere.Close)
	for name, act := range map[string]oktatest.Act{
		"a redirect":                       oktatest.Redirect(elsewhere.URL + "/api/v1/logs"),
		"a next page on another host":      nextAt(elsewhere.URL),
		"a next page of no host of Okta's": nextAt("http://169.254.169.254"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t, nil)
			alice := harness.NewBrowser(t)
			alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
			ready(t, w)
			clear := w.Okta.Fail(oktatest.Fault{Path: "/api/", Act: act})
			eventually(t, "the log to tell", func() bool { return strings.Contains(w.Log.String(), "what is known stands") })
			w.Okta.Leave("alice@example.com", "admins")
			if got := alice.Get(w.URL("admin", "/")).Status; got != 200 {
				t.Errorf("somebody known gets %d, expected 200", got)
			}
			if n := reached.Load(); n != 0 {
				t.Errorf("another host was asked %d times", n)
			}
			clear()
			eventually(t, "changes to count again", func() bool { return alice.Get(w.URL("admin", "/")).Status == 403 })
		})
	}
}

// T63: a first start with an API token that is refused serves what needs no
// directory, signs nobody in whom it could not know, says why, and needs no
// restart once the token counts.
func TestT63FirstStartWithoutTheDirectorySaysSoAndRecovers(t *testing.T) {
	c := new(clock)
	w := startWorld(t, func(o *harness.Options) {
		o.Now, o.Okta = c.now, func(k *oktatest.Options) { k.APITokens = nil }
	})
	if got := harness.NewBrowser(t).Get(w.URL("public", "/")).Status; got != 200 {
		t.Errorf("a public route answers %d, expected 200", got)
	}
	eventually(t, "/readyz to tell", func() bool {
		body := get(t, w.Server.HealthAddr(), "/readyz")
		return strings.Contains(body, `"directory"`) && strings.Contains(body, "token")
	})
	p := harness.NewBrowser(t).SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	if p.Status != http.StatusServiceUnavailable {
		t.Errorf("signing in is answered %d, expected 503", p.Status)
	}
	w.Okta.AddAPIToken(harness.APIToken)
	c.skip(10 * time.Minute) // past every pause
	eventually(t, "signing in to work", func() bool {
		return harness.NewBrowser(t).SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword).Status == 200
	})
	eventually(t, "the directory to be ready", func() bool {
		c.skip(time.Second) // past the pause of a request that was under way
		return strings.Contains(w.Log.String(), "directory is ready")
	})
}

// T63: while the API is down nobody signs in on what was known before, and is told
// so; who is signed in goes on.
func TestT63SignInWhileTheAPIIsDownIsRefusedAndTheSignedInGoOn(t *testing.T) {
	w := startWorld(t, nil)
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	clear := w.Okta.Fail(oktatest.Fault{Path: "/api/", Act: oktatest.ServerError()})
	p := harness.NewBrowser(t).SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	if p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" || !strings.Contains(p.Body, "already signed in can carry on") {
		t.Errorf("signing in is answered %d, Retry-After %q\n%s", p.Status, p.Header.Get("Retry-After"), p.Body)
	}
	for _, host := range []string{"admin", "app"} {
		if got := alice.Get(w.URL(host, "/")).Status; got != 200 {
			t.Errorf("who is signed in gets %d of %s, expected 200", got, host)
		}
	}
	clear()
	eventually(t, "signing in to work", func() bool {
		return harness.NewBrowser(t).SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword).Status == 200
	})
}
