package server_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// kinds are the clients there are, each with what it sends and how it is told.
var kinds = []struct {
	name, method string
	header       http.Header
	body         string
	h1           bool
	told         func(status int, h http.Header, body []byte) (code string, ok bool)
	redirected   bool // to sign in, where nobody is
}{
	{
		name: "browser", method: "GET", redirected: true, told: page,
		header: http.Header{"Accept": {"text/html,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}},
	},
	{
		name: "browser of old", method: "GET", redirected: true, told: page,
		header: http.Header{"Accept": {"text/html,*/*;q=0.8"}},
	},
	{
		name: "form", method: "POST", body: "a=b", told: page,
		header: http.Header{"Accept": {"text/html,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Content-Type": {"application/x-www-form-urlencoded"}},
	},
	{
		name: "fetch", method: "GET", told: jsonBody,
		header: http.Header{"Accept": {"*/*"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}},
	},
	{
		name: "XMLHttpRequest of old", method: "POST", body: "{}", told: jsonBody,
		header: http.Header{"Accept": {"text/html, */*"}, "X-Requested-With": {"XMLHttpRequest"}},
	},
	{
		name: "iframe", method: "GET", redirected: true, told: page,
		header: http.Header{"Accept": {"text/html,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}},
	},
	{
		name: "prefetch", method: "GET", told: page,
		header: http.Header{"Accept": {"text/html,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Purpose": {"prefetch"}},
	},
	{
		name: "image", method: "GET", told: jsonBody,
		header: http.Header{"Accept": {"image/avif,image/webp,*/*;q=0.8"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}},
	},
	{
		name: "EventSource", method: "GET", told: jsonBody,
		header: http.Header{"Accept": {"text/event-stream"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}},
	},
	{
		name: "mobile app", method: "POST", body: "{}", told: jsonBody,
		header: http.Header{"User-Agent": {"okhttp/4.12.0"}, "Content-Type": {"application/json"}, "Accept-Encoding": {"identity"}},
	},
	{name: "curl", method: "GET", told: jsonBody, header: http.Header{"Accept": {"*/*"}, "User-Agent": {"curl/8.5.0"}}},
	{name: "API client", method: "DELETE", told: jsonBody, header: http.Header{"Accept": {"application/json"}}},
	{
		name: "kubectl", method: "GET", told: kubernetes,
		header: http.Header{"User-Agent": {"kubectl/v1.31.2 (linux/amd64) kubernetes/5864a46"}, "Accept": {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}},
	},
	{
		name: "gRPC", method: "POST", told: grpcHeaders,
		header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}},
	},
	{
		name: "gRPC-web", method: "POST", told: grpcFrame,
		header: http.Header{"Content-Type": {"application/grpc-web+proto"}, "Accept": {"*/*"}, "Sec-Fetch-Mode": {"cors"}, "X-Grpc-Web": {"1"}},
	},
	{
		name: "gRPC-web as text", method: "POST", told: grpcText,
		header: http.Header{"Content-Type": {"application/grpc-web-text"}, "Accept": {"application/grpc-web-text"}, "X-Grpc-Web": {"1"}},
	},
	{
		name: "WebSocket", method: "GET", h1: true, told: jsonBody,
		header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}},
	},
}

// states are what a request can meet, with the status and, for gRPC, its code.
var states = []struct {
	name         string
	status, grpc string
	host, user   string // "" is nobody
	signIn       bool   // nobody is signed in
	enter        func(t *testing.T, w *harness.World, c *clock)
	lapse        bool
	code         string // of ours, where the client reads one
	routes       string // beside those there always are
	extra        string
}{
	{name: "no session", code: "unauthenticated", status: "401", grpc: "16", host: "app", signIn: true},
	{name: "a lapsed session", code: "unauthenticated", status: "401", grpc: "16", host: "app", user: "alice", lapse: true, signIn: true},
	{name: "a denial", code: "denied", status: "403", grpc: "7", host: "admin", user: "bob"},
	{name: "the upstream down", code: "upstream-unreachable", status: "502", grpc: "14", host: "app", user: "bob", enter: func(_ *testing.T, w *harness.World, _ *clock) { w.Upstream.Close() }},
	{
		name: "the identity provider down", code: "unauthenticated", status: "401", grpc: "16", host: "app", signIn: true,
		enter: func(_ *testing.T, w *harness.World, _ *clock) {
			w.Okta.Fail(oktatest.Fault{Act: oktatest.ServerError()})
		},
	},
	{name: "no route", code: "route-not-found", status: "404", grpc: "5", host: "nowhere"},
	{
		name: "the upstream too slow", code: "upstream-timeout", status: "504", grpc: "14", host: "slow", user: "bob",
		routes: `  - {name: slow, from: "https://slow.localhost:%[1]s", to: "%[2]s", timeout: 50ms, allow_websockets: true, policy: [{allow: {or: [{authenticated_user: true}]}}]}`,
	},
	{
		name: "maintenance", code: "maintenance", status: "503", grpc: "14", host: "away", user: "bob",
		routes: `  - {name: away, from: "https://away.localhost:%[1]s", to: "%[2]s", maintenance: {message: Back at six.}, allow_websockets: true, policy: [{allow: {or: [{authenticated_user: true}]}}]}`,
	},
	{
		name: "a sign-in too long ago", code: "step-up-needed", status: "401", grpc: "16", host: "late", user: "alice", signIn: true,
		routes: `  - {name: late, from: "https://late.localhost:%[1]s", to: "%[2]s", allow_websockets: true, policy: [{allow: {and: [{auth_age: {max: 10m}}]}}]}`,
		enter:  func(_ *testing.T, _ *harness.World, c *clock) { c.skip(11 * time.Minute) },
	},
	{
		name: "a stale directory", code: "directory-stale", status: "403", grpc: "7", host: "admin", user: "alice", extra: "directory: {max_staleness: 10m}",
		enter: func(_ *testing.T, w *harness.World, c *clock) {
			w.Okta.Fail(oktatest.Fault{Path: "/api/", Act: oktatest.ServerError()})
			c.skip(11 * time.Minute)
		},
	},
	{
		name: "a reload under way", code: "unauthenticated", status: "401", grpc: "16", host: "app", signIn: true,
		enter: func(t *testing.T, w *harness.World, _ *clock) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := 0; t.Context().Err() == nil; i++ {
					w.WriteConfig(harness.DefaultRoutes, "cookie_expire: "+(time.Duration(14+i%2)*time.Hour).String())
					if err := w.Server.Reload(); err != nil {
						t.Error(err)
					}
				}
			}()
			t.Cleanup(func() { <-done })
		},
	},
	{
		name: "a reload that was refused", code: "unauthenticated", status: "401", grpc: "16", host: "app", signIn: true,
		enter: func(t *testing.T, w *harness.World, _ *clock) {
			w.WriteConfig("  - {name: app, from: nonsense}\n", "")
			if err := w.Server.Reload(); err == nil {
				t.Fatal("nonsense was taken")
			}
		},
	},
	{
		name: "the store down", code: "sessions-unavailable", status: "503", grpc: "14", host: "app", user: "alice", lapse: true,
		enter: func(t *testing.T, w *harness.World, _ *clock) {
			w.Stop() // what is in memory could be served on
			w.StartServer()
			if err := w.Server.CloseStore(); err != nil {
				t.Fatal(err)
			}
		},
	},
}

// Every kind of client, in every state, gets an answer that it can use: the right
// status in its own form, and a redirect only where a person can follow it.
func TestEveryKindOfClientIsAnsweredInEveryState(t *testing.T) {
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			c := new(clock)
			w := harness.Start(t, harness.Options{Routes: harness.DefaultRoutes + state.routes, Extra: state.extra, Now: c.now, Upstream: http.HandlerFunc(slowly)})
			b := harness.NewBrowser(t)
			switch state.user {
			case "alice":
				b.SignIn(w.URL(state.host, "/"), "alice@example.com", harness.AlicePassword)
			case "bob":
				b.SignIn(w.URL(state.host, "/"), "bob@example.com", harness.BobPassword)
			}
			cookies := b.Cookies(state.host + ".localhost")
			if state.lapse {
				b.Submit(b.Get(w.URL(state.host, "/.pomerium/sign_out")), nil)
			}
			if state.enter != nil {
				state.enter(t, w, c)
			}
			for _, kind := range kinds {
				status, header, body := ask(t, kind.h1, kind.method, w.URL(state.host, "/thing?a=b"), kind.header, kind.body, cookies)
				if header.Get("X-Pomerium-Intercepted-Response") != "true" || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: the answer is not marked as ours, or may be kept: %v", kind.name, header)
				}
				if kind.redirected && state.signIn {
					if status != http.StatusFound || !strings.HasPrefix(header.Get("Location"), "https://authenticate.localhost:") {
						t.Errorf("%s: %d to %q, want a redirect to sign in", kind.name, status, header.Get("Location"))
					}
					continue
				}
				if header.Get("Location") != "" {
					t.Errorf("%s: redirected to %s", kind.name, header.Get("Location"))
				}
				if bytes.HasPrefix(body, []byte(`{"error"`)) && !bytes.Contains(body, []byte(`"code":"`+state.code+`"`)) {
					t.Errorf("%s: told %s, want code %q", kind.name, body, state.code)
				}
				want := state.status
				if strings.HasPrefix(kind.name, "gRPC") {
					want = "grpc " + state.grpc
				}
				if code, ok := kind.told(status, header, body); !ok || code != want {
					t.Errorf("%s: told %q (in its form: %v), want %q\n%d %v\n%.300s", kind.name, code, ok, want, status, header, body)
				}
			}
		})
	}
}

// slowly is an application that answers on one host when nobody waits any more.
func slowly(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Header.Get("X-Forwarded-Host"), "slow.") {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	}
	harness.Echo(w, r)
}

// ask sends one request without following where it leads.
func ask(t *testing.T, h1 bool, method, target string, header http.Header, body string, cookies map[string]string) (int, http.Header, []byte) {
	t.Helper()
	tr := &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: insecure.Clone(), ForceAttemptHTTP2: !h1}
	if h1 {
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header = header.Clone()
	for name, value := range cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, content
}

func page(status int, h http.Header, body []byte) (string, bool) {
	return strconv.Itoa(status), strings.HasPrefix(h.Get("Content-Type"), "text/html") && bytes.Contains(body, []byte("<h1>")) && !bytes.Contains(body, []byte("<script"))
}

func jsonBody(status int, h http.Header, body []byte) (string, bool) {
	var said struct {
		Error, Code string
		RequestID   string `json:"request_id"`
		LoginURL    string `json:"login_url"`
	}
	err := json.Unmarshal(body, &said)
	ok := err == nil && said.Error != "" && said.Code != "" && said.RequestID == h.Get("X-Request-Id")
	if status == http.StatusUnauthorized {
		ok = ok && strings.HasPrefix(said.LoginURL, "https://") && h.Get("WWW-Authenticate") != ""
	}
	return strconv.Itoa(status), ok
}

func kubernetes(status int, _ http.Header, body []byte) (string, bool) {
	var said struct {
		Kind, APIVersion, Status, Reason, Message string
		Code                                      int
	}
	err := json.Unmarshal(body, &said)
	return strconv.Itoa(status), err == nil && said.Kind == "Status" && said.APIVersion == "v1" && said.Status == "Failure" &&
		said.Code == status && said.Reason != "" && said.Message != ""
}

func grpcHeaders(status int, h http.Header, body []byte) (string, bool) {
	return "grpc " + h.Get("Grpc-Status"), status == 200 && len(body) == 0 && h.Get("Grpc-Message") != "" && h.Get("Content-Type") == "application/grpc"
}

func grpcFrame(status int, h http.Header, body []byte) (string, bool) {
	if status != 200 || len(body) < 5 || body[0] != 0x80 || h.Get("Content-Type") != "application/grpc-web+proto" {
		return "", false
	}
	code, message, _ := strings.Cut(string(body[5:]), "\r\n")
	return "grpc " + strings.TrimPrefix(code, "grpc-status:"), strings.HasPrefix(message, "grpc-message:") && int(body[4]) == len(body)-5
}

func grpcText(status int, h http.Header, body []byte) (string, bool) {
	plain, err := base64.StdEncoding.DecodeString(string(body))
	if err != nil || h.Get("Content-Type") != "application/grpc-web-text" {
		return "", false
	}
	h = http.Header{"Content-Type": {"application/grpc-web+proto"}}
	return grpcFrame(status, h, plain)
}

// While the provider is down a person who wants to sign in reads so, with the
// time to come back, instead of going in circles.
func TestAPersonReadsThatSignInIsDown(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	w.Okta.Fail(oktatest.Fault{Act: oktatest.ServerError()})
	p := harness.NewBrowser(t).Get(w.URL("app", "/"))
	if p.Status != 503 || p.Header.Get("Retry-After") == "" || !strings.Contains(p.Body, "Sign-in is unavailable") {
		t.Errorf("%d, Retry-After %q\n%s", p.Status, p.Header.Get("Retry-After"), p.Body)
	}
}

// What the proxy itself answers for people who were let in stands in no cache: a
// 301 would lead there for ever, whoever asks.
func TestAnswersForPeopleLetInStandInNoCache(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: `
  - {name: app, from: "https://app.localhost:%[1]s", prefix: /leave, redirect: {host_redirect: inside.test}, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: said, from: "https://app.localhost:%[1]s", prefix: /kept, redirect: {host_redirect: inside.test}, set_response_headers: {Cache-Control: private}, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: text, from: "https://app.localhost:%[1]s", response: {status: 200, body: inside}, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: public, from: "https://public.localhost:%[1]s", redirect: {host_redirect: inside.test}, allow_public_unauthenticated_access: true}
`})
	b := harness.NewBrowser(t)
	b.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	for _, tt := range []struct {
		host, path, want string
		status           int
	}{
		{"app", "/leave", "no-store", 301},
		{"app", "/kept", "private", 301},
		{"app", "/", "no-store", 200},
		{"public", "/", "", 301},
	} {
		if p := b.Step(w.URL(tt.host, tt.path)); p.Status != tt.status || p.Header.Get("Cache-Control") != tt.want {
			t.Errorf("%s%s: %d, Cache-Control %q; want %d, %q", tt.host, tt.path, p.Status, p.Header.Get("Cache-Control"), tt.status, tt.want)
		}
	}
}

// cached is an application whose files anybody may keep, as far as it knows.
func cached(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=600")
	w.Header().Set("CDN-Cache-Control", "max-age=600")
	_, _ = io.WriteString(w, "a report")
}

// A cache in front gives what it stored to everybody who asks, without asking us.
func TestSharedCachesAreKeptFromStoringWhatNeedsASession(t *testing.T) {
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(cached), Routes: harness.DefaultRoutes + `
  - {name: said, from: "https://said.localhost:%[1]s", to: "%[2]s", set_response_headers: {Cache-Control: "public, max-age=5"}, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: mixed, from: "https://mixed.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}, {http_path: {starts_with: /open/}}]}}]}
`})
	b := harness.NewBrowser(t)
	b.SignIn(w.URL("app", "/report.pdf"), "alice@example.com", harness.AlicePassword)
	b.Get(w.URL("mixed", "/.pomerium/sign_in?pomerium_redirect_uri=%2F")) // the host's own cookie
	for host, want := range map[string][2]string{
		"mixed": {"max-age=600, private", ""}, "app": {"max-age=600, private", ""}, "public": {"public, max-age=600", "max-age=600"}, "said": {"public, max-age=5", ""},
	} {
		p := b.Get(w.URL(host, "/report.pdf"))
		if got := [2]string{p.Header.Get("Cache-Control"), p.Header.Get("CDN-Cache-Control")}; p.Status != 200 || p.Body != "a report" || got != want {
			t.Errorf("%s: %d, caches are told %q, want %q", host, p.Status, got, want)
		}
	}
	if p := harness.NewBrowser(t).Get(w.URL("mixed", "/open/logo.png")); p.Header.Get("Cache-Control") != "public, max-age=600" {
		t.Errorf("what strangers may see: %q", p.Header.Get("Cache-Control"))
	}
}
