package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestAnswersSayWhatTheyAre(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	w.install(w.newService(func(o *Options) { o.Settings.AllowJWTEndpoint = true }))
	for path, want := range map[string]http.Header{
		pathUserJSON:  {"Content-Type": {"application/json; charset=utf-8"}},
		pathJWT:       {"Content-Type": {"application/jwt"}},
		pathWellKnown: {"Content-Type": {"application/json; charset=utf-8"}, "Cache-Control": {"public, max-age=60"}},
	} {
		p := b.step("https://" + wiki + path)
		for name, values := range want {
			if got := p.header.Get(name); p.status != 200 || got != values[0] {
				t.Errorf("%s: %d, %s %q; want %q", path, p.status, name, got, values[0])
			}
		}
	}
}

func TestSignInsAndSignOutsAreCounted(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.signOut(wiki)
	b.signIn(wiki)
	m := w.service.Load().metrics
	if in, out := testutil.ToFloat64(m.signIns.WithLabelValues("ok")), testutil.ToFloat64(m.signOuts); in != 2 || out != 1 {
		t.Errorf("%v sign-ins and %v sign-outs counted, want 2 and 1", in, out)
	}
}

// Each refusal that the standards name is told in words of its own.
func TestEachRefusalOfTheProviderHasItsWords(t *testing.T) {
	w := newWorld(t)
	said := map[string]string{}
	for code, words := range map[string]string{
		"access_denied": "not assigned to this application", "login_required": "wants you to sign in again",
		"interaction_required": "needs something from you", "consent_required": "needs your consent",
		"account_selection_required": "which account you want", "invalid_scope": "does not know one of the scopes",
		"unauthorized_client": "does not accept this kind of sign-in", "anything_else": "did not let you in",
	} {
		w.idp.locked(func() { w.idp.answerError = code })
		p := w.browser().open("https://" + wiki + "/")
		if !strings.Contains(p.body, words) || strings.Contains(p.body, code) {
			t.Errorf("%s: %d, want it told as %q and the code left to the log", code, p.status, words)
		}
		if other := said[words]; other != "" {
			t.Errorf("%s and %s are told alike", code, other)
		}
		said[words] = code
	}
}

func TestBrokenLinksAreToldAlike(t *testing.T) {
	w := newWorld(t)
	p := w.browser().step("https://" + homeAt + pathSignIn + "?x=1")
	if p.status != http.StatusBadRequest || !strings.Contains(p.body, "This link is not valid") {
		t.Errorf("%d %.200s", p.status, p.body)
	}
	if p := w.browser().do(http.MethodPost, "https://"+homeAt+pathSignOut, url.Values{}, homeAt); !strings.Contains(p.body, "Open the page again") {
		t.Errorf("a form of nobody: %d, want it said what to do", p.status)
	}
}

// The names of cookies and addresses hold from one version to the next: another
// name would sign everybody out.
func TestNamesThatBrowsersKeepStayTheSame(t *testing.T) {
	if got := clientKey("main"); got != "9bcb8be2d2d3304d" {
		t.Errorf("key of a client %q, want the one of the versions before", got)
	}
	for raw, want := range map[string]int{"": 0, "0": 0, "1": 1, "-1": maxTries, "x": maxTries, "255": maxTries, "256": maxTries} {
		if got := parseTries(raw); got != want {
			t.Errorf("parseTries(%q) = %d, want %d", raw, got, want)
		}
	}
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	if b.cookie(homeAt, w.codec.AuthenticateName("")) == "" {
		t.Error("the session of the default client has a name that depends on its id")
	}
}

func TestNamesOfProgramsAreBoundedAndPlain(t *testing.T) {
	for _, tt := range []struct{ said, agent, want string }{
		{"", "tool/1.2 linux", "tool/1.2"},
		{"My tool ~", "curl/8", "My tool ~"},
		{"a\x1fb\x7fc\u202ed\u00e9\n", "", "abcd"},
		{strings.Repeat("x", maxProgramName+1), "", strings.Repeat("x", maxProgramName)},
	} {
		if got := programName(tt.said, tt.agent); got != tt.want {
			t.Errorf("programName(%q, %q) = %q, want %q", tt.said, tt.agent, got, tt.want)
		}
	}
}
