package certificates

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mholt/acmez/v3/acme"

	"sallyport/store/memory"
)

// open is a world in which a challenge of both kinds stands open for app.test,
// presented by another replica, and other.test has none.
func open(t *testing.T) *world {
	t.Helper()
	st := memory.New(memory.Options{})
	w, presenter := newWorld(t, st, true), newWorld(t, st, true)
	hosts := map[string]*host{}
	for _, name := range []string{"app.test", "other.test"} {
		hosts[name] = &host{name: name, cancel: func() {}}
	}
	w.keeper.hosts.Store(&hosts)
	for _, kind := range []string{acme.ChallengeTypeHTTP01, acme.ChallengeTypeTLSALPN01} {
		chal := acme.Challenge{
			Type: kind, Token: "the-token", KeyAuthorization: "the-token.thumbprint", Identifier: acme.Identifier{Type: "dns", Value: "app.test"},
		}
		if err := presenter.keeper.challenges.Present(t.Context(), chal); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestPlainHTTPAnswersTheOpenChallengeAndNothingElse(t *testing.T) {
	t.Parallel()
	w := open(t)
	srv := httptest.NewServer(w.keeper.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })))
	defer srv.Close()
	for _, tc := range []struct {
		name, method, host, path, want string
	}{
		{"the challenge", "GET", "app.test", "/.well-known/acme-challenge/the-token", "the-token.thumbprint"},
		{"with a port, in capitals", "GET", "APP.test:80", "/.well-known/acme-challenge/the-token", "the-token.thumbprint"},
		{"another token", "GET", "app.test", "/.well-known/acme-challenge/another", ""},
		{"no token", "GET", "app.test", "/.well-known/acme-challenge/", ""},
		{"a host without a challenge", "GET", "other.test", "/.well-known/acme-challenge/the-token", ""},
		{"a host that is not ours", "GET", "foreign.test", "/.well-known/acme-challenge/the-token", ""},
		{"a path in the storage", "GET", "app.test/../app.test", "/.well-known/acme-challenge/the-token", ""},
		{"another method", "POST", "app.test", "/.well-known/acme-challenge/the-token", ""},
		{"another path", "GET", "app.test", "/the-token", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, srv.URL+tc.path, nil)
			r.Host = tc.host
			rec := httptest.NewRecorder()
			srv.Config.Handler.ServeHTTP(rec, r)
			body, _ := io.ReadAll(rec.Body)
			if tc.want == "" && rec.Code != http.StatusTeapot || string(body) != tc.want {
				t.Errorf("%d %q, want %q", rec.Code, body, tc.want)
			}
			if tc.want != "" && (rec.Header().Get("X-Content-Type-Options") != "nosniff" || rec.Header().Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("headers %v", rec.Header())
			}
		})
	}
}

func TestTheProtocolOfChallengesIsForChallengesAlone(t *testing.T) {
	t.Parallel()
	w := open(t)
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{GetConfigForClient: w.keeper.ConfigForClient}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	const challenge = "acme-tls/1"
	for _, tc := range []struct {
		name, host string
		protos     []string
		want       string // negotiated, "refused" for no connection
	}{
		{"the challenge", "app.test", []string{challenge}, challenge},
		{"in capitals", "App.Test", []string{challenge}, challenge},
		{"no challenge is open", "other.test", []string{challenge}, "refused"},
		{"a host that is not ours", "foreign.test", []string{challenge}, "refused"},
		{"no name", "", []string{challenge}, "refused"},
		{"beside another protocol", "app.test", []string{challenge, "h2"}, "h2"},
		{"a browser", "app.test", []string{"h2", "http/1.1"}, "h2"},
		{"no protocol", "app.test", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := "refused"
			conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{ServerName: tc.host, NextProtos: tc.protos, InsecureSkipVerify: true})
			if err == nil {
				defer conn.Close()
				got = conn.ConnectionState().NegotiatedProtocol
			}
			if got != tc.want {
				t.Errorf("negotiated %q (%v), want %q", got, err, tc.want)
			}
			if tc.want == challenge && conn.ConnectionState().PeerCertificates[0].VerifyHostname("app.test") != nil {
				t.Error("the certificate does not name the host")
			}
		})
	}
}

func TestAnAnsweredChallengeIsGoneOnEveryReplica(t *testing.T) {
	t.Parallel()
	w := open(t)
	chal := acme.Challenge{Type: acme.ChallengeTypeHTTP01, Identifier: acme.Identifier{Type: "dns", Value: "app.test"}}
	if _, err := w.keeper.challenges.find(t.Context(), chal.Type, "app.test"); err != nil {
		t.Fatal(err)
	}
	if err := w.keeper.challenges.CleanUp(t.Context(), chal); err != nil {
		t.Fatal(err)
	}
	if p, err := w.keeper.challenges.find(t.Context(), chal.Type, "app.test"); err == nil {
		t.Errorf("still there: %+v", p.Challenge)
	}
}
