package oktatest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/oktatest"
)

func (b *browser) logout(params url.Values) reply {
	return b.get("/oauth2/v1/logout?" + params.Encode())
}

func TestLogoutEndsTheSessionAndGoesBack(t *testing.T) {
	b := newBrowser(t, start(t))
	id := b.signInTokens("alice", "wonderland").ID
	got := b.logout(url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {afterLogout}, "state": {"s p&c"}})
	if want := afterLogout + "?state=s+p%26c"; got.StatusCode != http.StatusFound || got.Header.Get("Location") != want {
		t.Errorf("got %d to %q, want 302 to %q", got.StatusCode, got.Header.Get("Location"), want)
	}
	if b.authorize().backHasCode() {
		t.Error("still signed in")
	}
}

func TestLogoutWithoutAnAddressShowsAPage(t *testing.T) {
	b := newBrowser(t, start(t))
	got := b.logout(url.Values{"id_token_hint": {b.signInTokens("alice", "wonderland").ID}})
	if got.StatusCode != 200 || !strings.Contains(got.body, "signed out") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}

func TestLogoutThatIsRefused(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	id := b.signInTokens("alice", "wonderland").ID
	bobs := newBrowser(t, k).signInTokens("bob", "builder").ID
	undo := k.Mutate(oktatest.ForeignKey())
	forged := newBrowser(t, k).signInTokens("alice", "wonderland").ID
	undo()
	// Orgs of one test share keys: only the issuer tells their tokens apart.
	foreign := newBrowser(t, start(t, withClock(clock))).signInTokens("alice", "wonderland").ID
	for name, params := range map[string]url.Values{
		"no hint":         {"post_logout_redirect_uri": {afterLogout}},
		"nonsense hint":   {"id_token_hint": {"a.b.c"}},
		"forged hint":     {"id_token_hint": {forged}, "post_logout_redirect_uri": {afterLogout}},
		"of another org":  {"id_token_hint": {foreign}, "post_logout_redirect_uri": {afterLogout}},
		"somebody else's": {"id_token_hint": {bobs}, "post_logout_redirect_uri": {afterLogout}},
		"other address":   {"id_token_hint": {id}, "post_logout_redirect_uri": {afterLogout + "/"}},
		"evil address":    {"id_token_hint": {id}, "post_logout_redirect_uri": {"https://evil.example.com"}},
	} {
		got := b.logout(params)
		if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("%s: got %d to %q, want 400", name, got.StatusCode, got.Header.Get("Location"))
		}
		if !b.authorize().backHasCode() {
			t.Fatalf("%s: signed out", name)
		}
	}
}

func TestLogoutTakesAnExpiredHintOfTheSession(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	id := b.signInTokens("alice", "wonderland").ID
	clock.advance(90 * time.Minute)
	params := url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {afterLogout}}
	if got := newBrowser(t, k).logout(params); got.StatusCode != http.StatusBadRequest {
		t.Errorf("without the session: got %d, want 400", got.StatusCode)
	}
	if got := b.logout(params); got.StatusCode != http.StatusFound {
		t.Errorf("with the session: got %d, want 302", got.StatusCode)
	}
}

func TestLogoutWithoutASessionGoesOn(t *testing.T) {
	k := start(t)
	id := newBrowser(t, k).signInTokens("alice", "wonderland").ID
	got := newBrowser(t, k).post("/oauth2/v1/logout", url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {afterLogout}})
	if got.StatusCode != http.StatusFound || got.Header.Get("Location") != afterLogout {
		t.Errorf("got %d to %q, want 302 to %q", got.StatusCode, got.Header.Get("Location"), afterLogout)
	}
}

func TestSignOutByHandNeedsAPost(t *testing.T) {
	b := newBrowser(t, start(t))
	b.signIn("alice", "wonderland")
	if got := b.get("/"); !strings.Contains(got.body, "alice@example.com") {
		t.Errorf("home does not name who is signed in: %s", got.body)
	}
	b.get("/login/signout")
	if !b.authorize().backHasCode() {
		t.Error("GET signed out")
	}
	b.post("/login/signout", url.Values{})
	if b.authorize().backHasCode() {
		t.Error("POST did not sign out")
	}
}
