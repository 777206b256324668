package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
	"sallyport/internal/weberr"
)

// T38: what failed behind us is told in general words, with none of the
// client's secrets.
func TestFailuresTellNothingOfTheInside(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("gone", "gone.test"), route("deny", "deny.test"), route("login", "in.test"), route("details", "details.test")}
		s.routes[0].To = []config.Upstream{{URL: mustURL(t, "http://127.0.0.1:1/secret")}}
		s.o.Render = func(w http.ResponseWriter, _ *http.Request, err error) {
			e := weberr.As(err)
			w.WriteHeader(e.HTTPStatus())
			fmt.Fprint(w, e.Code, e.Title, e.Message, e.Next, e.Details)
		}
	})
	for host, want := range map[string]struct {
		status int
		code   string
	}{"gone.test": {502, "upstream-unreachable"}, "deny.test": {403, "denied"}, "in.test": {401, "unauthenticated"}, "unknown.test": {404, "route-not-found"}} {
		c := w.dial()
		c.send("GET / HTTP/1.1\nHost: " + host + "\nCookie: secret=1\nAuthorization: Basic secret\n\n")
		res, body := c.read()
		if res.StatusCode != want.status || !strings.HasPrefix(body, want.code) || strings.Contains(body, "127.0.0.1") || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %q", host, res.StatusCode, body)
		}
		if res.Header.Get("X-Pomerium-Intercepted-Response") != "true" {
			t.Errorf("%s: our own answer is not marked: %v", host, res.Header)
		}
	}
	if n := len(w.up.Requests()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
}

func TestUnauthenticatedNavigationsAreSentToSignIn(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes = []*config.Route{route("login", "app.test")} })
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\nAccept: text/html\n\n")
	if res, _ := c.read(); res.StatusCode != 302 || res.Header.Get("Location") != "https://login.test/sign-in" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if code, _ := w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n"); code != 200 {
		t.Errorf("signed in: %d", code)
	}
}

// Nobody is let in, and nobody is signed out, because sessions cannot be read.
func TestWhileSessionsCannotBeReadPublicRoutesGoOn(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("public", "public.test"), route("login", "in.test"), route("deny", "deny.test")}
	})
	w.people.outage = weberr.StoreUnavailable(time.Second, errTest)
	for host, want := range map[string]int{"public.test": 200, "in.test": 503, "deny.test": 503} {
		if code, _ := w.raw("GET / HTTP/1.1\nHost: " + host + "\nCookie: __Host-sp=alice\n\n"); code != want {
			t.Errorf("%s: %d, want %d", host, code, want)
		}
	}
}

func TestPanicsStayWithinTheirRequest(t *testing.T) {
	w := newWorld(t, nil)
	w.people.panics = true
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\n\n")
	res, body := c.read()
	if res.StatusCode != 500 || strings.Contains(body, "secret") || len(w.up.Requests()) != 0 {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	w.people.panics = false
	c.send("GET / HTTP/1.1\nHost: app.test\n\n")
	if res, _ := c.read(); res.StatusCode != 200 {
		t.Errorf("afterwards: %d", res.StatusCode)
	}
}

func TestReservedPathsBelongToTheAuthenticatorOnHostsOfOurs(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.o.Hygiene.EscapedSlashes = "keep_unchanged" })
	for _, tt := range []struct{ host, target, want string }{
		{"app.test", "/.pomerium", "authenticator"},
		{"app.test", "/.pomerium/x", "authenticator"},
		{"app.test", "/x/../.pomerium/", "authenticator"},
		{"app.test", "/%2epomerium/", "authenticator"},
		{"app.test", "/.pomerium%2fuser", "authenticator"},
		{"app.test", "//.pomerium/", "authenticator"},
		{"app.test", "/.well-known/pomerium", "authenticator"},
		{"app.test", "/.well-known/pomerium/jwks.json", "authenticator"},
		{"login.test", "/oauth2/callback", "authenticator"},
		{"login.test:443", "/", "authenticator"},
		{"app.test", "/.well-known/openid-configuration", "GET /.well"},
		{"app.test", "/.pomeriumx", "GET /.pomeriumx"},
		{"app.test", "/oauth2/callback", "GET /oauth2"},
		{"unknown.test", "/.pomerium/", "route-not-found"},
		{"unknown.test", "/.well-known/pomerium", "route-not-found"},
	} {
		if _, body := w.raw("GET " + tt.target + " HTTP/1.1\nHost: " + tt.host + "\n\n"); !strings.HasPrefix(body, tt.want) {
			t.Errorf("%s%s: %.40q, want %q", tt.host, tt.target, body, tt.want)
		}
	}
	w.people.served = nil
	w.raw("GET /x/../.pomerium/ HTTP/1.1\nHost: APP.test.:8443\n\n")
	if diff := cmp.Diff([]string{"app.test:8443/.pomerium/"}, w.people.served); diff != "" {
		t.Errorf("what the authenticator was asked (-want +got):\n%s", diff)
	}
}

func TestConfigurationsThatCannotWorkAreErrors(t *testing.T) {
	good := newWorld(t, nil).o
	for name, change := range map[string]func(*Options, *config.Route){
		"no authenticator":  func(o *Options, _ *config.Route) { o.Authenticator = nil },
		"no streams":        func(o *Options, _ *config.Route) { o.Streams = nil },
		"authenticate host": func(o *Options, _ *config.Route) { o.AuthenticateHost = "a b" },
		"hygiene":           func(o *Options, _ *config.Route) { o.Hygiene.EscapedSlashes = "x" },
		"host":              func(_ *Options, r *config.Route) { r.From.Host = "a b" },
		"scheme":            func(_ *Options, r *config.Route) { r.To = []config.Upstream{{URL: mustURL(t, "ftp://x")}} },
		"no destination":    func(_ *Options, r *config.Route) { r.To = []config.Upstream{{URL: mustURL(t, "unix:")}} },
		"template": func(_ *Options, r *config.Route) {
			r.SetRequestHeaders = []config.Header{{Name: "X", Value: "${nothing}"}}
		},
		"CA": func(_ *Options, r *config.Route) { r.TLS.CA = []byte("x") },
	} {
		r := route("app", "app.test")
		r.To = []config.Upstream{{URL: mustURL(t, "http://x")}}
		o := good
		o.Routes = []*config.Route{r}
		change(&o, r)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	tunnel := route("tunnel", "tcp+https://ssh.test:22")
	tunnel.To = []config.Upstream{{URL: mustURL(t, "tcp://ssh:22")}}
	good.Routes = []*config.Route{tunnel}
	h, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if r, o := h.gate.router.Match("ssh.test:22", "/"); o != NoHost {
		t.Errorf("a tunnel answers requests: %v", r)
	}
}
