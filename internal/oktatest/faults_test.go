package oktatest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/oktatest"
)

// ask sends one request with an API token, unchecked: faults fit no document.
func ask(t *testing.T, k *oktatest.Okta, path string) (*http.Response, string, error) {
	t.Helper()
	b := newBrowser(t, k)
	b.Transport = b.Transport.(checkedTransport).next
	r := b.request("GET", path, nil)
	r.Header.Set("Authorization", "SSWS "+apiToken)
	resp, err := b.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func TestFaults(t *testing.T) {
	const users, discovery, keys = "/api/v1/users?limit=1", "/.well-known/openid-configuration", "/oauth2/v1/keys"
	for name, c := range map[string]struct {
		act  oktatest.Act
		path string
		is   func(*http.Response, string, error) bool
	}{
		"EOF":   {oktatest.EOF(), users, func(_ *http.Response, _ string, err error) bool { return errors.Is(err, io.EOF) }},
		"reset": {oktatest.Reset(), users, func(_ *http.Response, _ string, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"500": {oktatest.ServerError(), users, func(r *http.Response, body string, _ error) bool {
			return r.StatusCode == 500 && strings.Contains(body, "E0000009")
		}},
		"status": {oktatest.Status(503, "text/plain", "no"), users, func(r *http.Response, body string, _ error) bool { return r.StatusCode == 503 && body == "no" }},
		"HTML": {oktatest.HTML(), users, func(r *http.Response, body string, _ error) bool {
			return r.StatusCode == 200 && strings.Contains(body, "<title>")
		}},
		"429": {oktatest.TooManyRequests(7 * time.Second), users, func(r *http.Response, body string, _ error) bool {
			date, err := http.ParseTime(r.Header.Get("Date"))
			return err == nil && r.StatusCode == 429 && r.Header.Get("X-Rate-Limit-Reset") == strconv.FormatInt(date.Unix()+7, 10) && r.Header.Get("X-Rate-Limit-Limit") != "0"
		}},
		"429 of concurrency": {oktatest.TooManyConcurrent(), users, func(r *http.Response, _ string, _ error) bool {
			return r.StatusCode == 429 && r.Header.Get("X-Rate-Limit-Limit") == "0" && r.Header.Get("X-Rate-Limit-Remaining") == "0"
		}},
		"429 that says invalid_grant": {oktatest.TooManyGrants(), users, func(r *http.Response, body string, _ error) bool {
			return r.StatusCode == 429 && strings.Contains(body, `"error":"invalid_grant"`)
		}},
		"truncated": {oktatest.Truncate(20), users, func(r *http.Response, body string, err error) bool {
			return r.StatusCode == 200 && len(body) == 20 && errors.Is(err, io.ErrUnexpectedEOF)
		}},
		"huge": {oktatest.Huge(3 << 20), users, func(_ *http.Response, body string, err error) bool { return err == nil && len(body) > 3<<20 }},
		"comma-joined links": {oktatest.CommaLinks(), users, func(r *http.Response, _ string, _ error) bool {
			links := r.Header.Values("Link")
			return len(links) == 1 && strings.Contains(links[0], `rel="self", <`)
		}},
		"redirect": {oktatest.Redirect("https://evil.example.com/x"), users, func(r *http.Response, _ string, _ error) bool {
			return r.StatusCode == 307 && r.Header.Get("Location") == "https://evil.example.com/x"
		}},
		"wrong issuer": {oktatest.WrongIssuer("https://evil.example.com"), discovery, func(_ *http.Response, body string, _ error) bool {
			return strings.Contains(body, `"issuer":"https://evil.example.com"`) && strings.Contains(body, "token_endpoint")
		}},
		"no keys": {oktatest.NoKeys(), keys, func(_ *http.Response, body string, _ error) bool { return strings.TrimSpace(body) == `{"keys":[]}` }},
		"unknown curve": {oktatest.UnknownCurve(), keys, func(_ *http.Response, body string, _ error) bool {
			return strings.Contains(body, "P-999") && strings.Contains(body, `"RSA"`)
		}},
		"slow": {oktatest.Slow(time.Millisecond), users, func(r *http.Response, _ string, err error) bool { return err == nil && r.StatusCode == 200 }},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t)
			clear := k.Fail(oktatest.Fault{Path: "/api/", Act: c.act}, oktatest.Fault{Path: "/.well-known/", Act: c.act}, oktatest.Fault{Path: keys, Act: c.act})
			if resp, body, err := ask(t, k, c.path); !c.is(resp, body, err) {
				t.Errorf("got %+v %.200q %v", resp, body, err)
			}
			clear()
			if resp, _, err := ask(t, k, c.path); err != nil || resp.StatusCode != 200 {
				t.Errorf("cleared: got %+v %v, want 200", resp, err)
			}
		})
	}
}

func TestHangEndsWithTheRequest(t *testing.T) {
	k := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	k.Fail(oktatest.Fault{Path: "/api/", Act: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		defer close(ended)
		cancel()
		oktatest.Hang()(w, r, next)
	}})
	b := newBrowser(t, k)
	if _, err := b.Do(b.request("GET", "/api/v1/users", nil).WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	<-ended
}

func TestFaultsAreCountedAndNarrowed(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	first := b.signInTokens("alice", "wonderland")
	k.Fail(oktatest.Fault{
		Path: "/oauth2/v1/token", Method: "POST", Match: oktatest.Grant("refresh_token"), Skip: 1, Times: 2, Act: oktatest.TooManyGrants(),
	})
	var got []int
	for range 5 {
		got = append(got, b.token(refreshForm(first.Refresh), basic).status)
	}
	if want := []int{200, 429, 429, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := newBrowser(t, k).signInTokens("bob", "builder"); got.status != 200 {
		t.Errorf("other grant: got %d", got.status)
	}
	k.Fail(oktatest.Fault{Act: oktatest.HTML()})
	k.ClearFaults()
	if got := b.get("/oauth2/v1/keys"); !strings.Contains(got.body, "keys") {
		t.Error("fault not cleared")
	}
}

// The trap: the answer says invalid_grant, and the grant is alive.
func TestInvalidGrantWith429RevokesNothing(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	first := b.signInTokens("alice", "wonderland")
	k.Fail(oktatest.Fault{Path: "/oauth2/v1/token", Times: 1, Act: oktatest.TooManyGrants()})
	b.token(refreshForm(first.Refresh), basic).want(t, 429, "invalid_grant", "API call exceeded rate limit due to too many requests.")
	if got := b.token(refreshForm(first.Refresh), basic); got.status != 200 {
		t.Errorf("got %+v, want tokens", got)
	}
}

func TestClockOffset(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	k.SetClockOffset(95 * time.Second)
	b := newBrowser(t, k)
	want := clock.now().Add(95 * time.Second)
	if got := b.get("/oauth2/v1/keys").Header.Get("Date"); got != want.Format(http.TimeFormat) {
		t.Errorf("got Date %q, want %q", got, want.Format(http.TimeFormat))
	}
	_, claims := claimsOf(t, b.signInTokens("alice", "wonderland").ID)
	if claims["iat"] != float64(want.Unix()) {
		t.Errorf("got iat %v, want %d", claims["iat"], want.Unix())
	}
}

func TestRequestsAreRecordedWithoutSecrets(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	got := b.signInTokens("alice", "wonderland")
	b.api("/api/v1/users/alice/groups?limit=5")
	all := k.Requests()
	text := fmt.Sprintf("%+v", all)
	for _, secret := range []string{appSecret, "wonderland", got.Access, got.Refresh, apiToken, verifier} {
		if strings.Contains(text, secret) {
			t.Errorf("record holds %q", secret)
		}
	}
	find := func(method, path string) oktatest.Recorded {
		i := slices.IndexFunc(all, func(r oktatest.Recorded) bool { return r.Method == method && r.Path == path })
		if i < 0 {
			t.Fatalf("no %s %s in %s", method, path, text)
		}
		return all[i]
	}
	token := find("POST", "/oauth2/v1/token")
	if want := []string{"code", "code_verifier", "grant_type", "redirect_uri"}; !slices.Equal(token.Form, want) ||
		token.Auth != "Basic" || token.Client != appID || token.Grant != "authorization_code" || token.Status != 200 {
		t.Errorf("got %+v", token)
	}
	if groups := find("GET", "/api/v1/users/alice/groups"); groups.Auth != "SSWS" || !slices.Equal(groups.Query, []string{"limit"}) {
		t.Errorf("got %+v", groups)
	}
	if n := k.Count("", "/oauth2/v1/token"); n != 1 {
		t.Errorf("got %d token requests, want 1", n)
	}
	k.ForgetRequests()
	if len(k.Requests()) != 0 {
		t.Error("not forgotten")
	}
}

func TestManyAtOnce(t *testing.T) {
	k := start(t, app(func(c *oktatest.Client) { c.RotateRefresh, c.Grace = true, time.Minute }), func(o *oktatest.Options) {
		some := oktatest.Between(1, 0, 20*time.Millisecond)
		o.Lags = oktatest.Lags{Membership: some, Search: some, Log: some}
	})
	k.AssignPerson(appID, "alice")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			b := newBrowser(t, k)
			token := b.signInTokens("alice", "wonderland")
			k.Join("bob", "admins")
			k.Leave("bob", "admins")
			k.SetProfile("bob", map[string]any{"n": i})
			undo := k.Mutate(func(t *oktatest.IDToken) { t.Claims["n"] = i })
			clear := k.Fail(oktatest.Fault{Path: "/nowhere", Act: oktatest.HTML()})
			b.token(refreshForm(token.Refresh), basic)
			b.api("/api/v1/users/alice/groups")
			b.api("/api/v1/users")
			k.Suspend("bob")
			k.RenameGroup("engineers", "engineers")
			k.AssignPerson(appID, "bob")
			b.api("/api/v1/groups?expand=stats")
			b.api("/api/v1/apps/" + appID + "/users")
			b.api("/api/v1/logs")
			k.Unsuspend("bob")
			b.userInfo(token.Access)
			k.RotateKeys(true)
			k.Requests()
			b.do(b.request("POST", "/oauth2/v1/revoke", url.Values{"token": {token.Refresh}}))
			undo()
			clear()
		})
	}
	all.Wait()
}

func TestSetUpMistakesAreErrors(t *testing.T) {
	for name, change := range map[string]func(*oktatest.Options){
		"login taken":   func(o *oktatest.Options) { o.People = append(o.People, oktatest.Person{Login: "ALICE@example.com"}) },
		"no login":      func(o *oktatest.Options) { o.People = append(o.People, oktatest.Person{ID: "00u1"}) },
		"unknown group": func(o *oktatest.Options) { o.People[0].Groups = []string{"nowhere"} },
		"group unnamed": func(o *oktatest.Options) { o.Groups = append(o.Groups, oktatest.Group{}) },
		"client taken":  func(o *oktatest.Options) { o.Clients = append(o.Clients, o.Clients[0]) },
		"bad address":   func(o *oktatest.Options) { o.Addr = "127.0.0.1:99999" },
	} {
		o := options()
		change(&o)
		if k, err := oktatest.New(o); err == nil {
			k.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
