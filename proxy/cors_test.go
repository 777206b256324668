package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
)

const spa = "https://spa.test"

// ask sends a request of a script and returns status and headers of the answer,
// without those that every answer has.
func (w *world) ask(method, host, target, lines string) (int, http.Header) {
	w.t.Helper()
	c := w.dial()
	c.send(method + " " + target + " HTTP/1.1\nHost: " + host + "\n" + lines + "\n")
	res, _ := c.read()
	for _, name := range []string{"Date", "Content-Length", "Connection", "Content-Type", "X-Request-Id"} {
		res.Header.Del(name)
	}
	return res.StatusCode, res.Header
}

func corsWorld(t *testing.T) *world {
	return newWorld(t, func(s *setup) {
		for _, r := range []*config.Route{route("app", "app.test"), route("deny", "deny.test")} {
			r.CORS.AllowOrigins = []string{"https://other.test", spa}
			s.routes = append(s.routes[:len(s.routes):len(s.routes)], r)
		}
		s.routes = append(s.routes[1:], route("deny-closed", "closed.test"))
	})
}

func TestPreflightsOfListedOriginsAreAnsweredHere(t *testing.T) {
	w := corsWorld(t)
	const question = "Access-Control-Request-Method: PUT\n"
	long := strings.Repeat("x-a,", maxPreflight/4)
	said := func(change map[string]string) http.Header {
		h := http.Header{
			"Access-Control-Allow-Origin": {spa}, "Access-Control-Allow-Credentials": {"true"},
			"Access-Control-Allow-Methods": {"PUT"}, "Access-Control-Max-Age": {"600"}, "X-Pomerium-Intercepted-Response": {"true"},
			"Vary": {"Origin", "Access-Control-Request-Method, Access-Control-Request-Headers"},
		}
		for name, value := range change {
			if delete(h, name); value != "" {
				h[name] = []string{value}
			}
		}
		return h
	}
	for _, tt := range []struct {
		name, lines string
		want        http.Header
	}{
		{"a method", question, said(nil)},
		{"headers", question + "Access-Control-Request-Headers: x-a, authorization\nAccess-Control-Request-Headers: X-B\n", said(map[string]string{"Access-Control-Allow-Headers": "x-a, authorization, X-B"})},
		{"what is no header", question + "Access-Control-Request-Headers: a b, x-a, *@, \n", said(map[string]string{"Access-Control-Allow-Headers": "x-a"})},
		{"as many headers as are repeated", question + "Access-Control-Request-Headers: " + long[:maxPreflight-1] + "b\n", said(map[string]string{"Access-Control-Allow-Headers": strings.ReplaceAll(long[:maxPreflight-1]+"b", ",", ", ")})},
		{"one byte more", question + "Access-Control-Request-Headers: " + long + "b\n", said(nil)},
		{"the longest method", "Access-Control-Request-Method: " + strings.Repeat("M", 32) + "\n", said(map[string]string{"Access-Control-Allow-Methods": strings.Repeat("M", 32)})},
		{"a longer method", "Access-Control-Request-Method: " + strings.Repeat("M", 33) + "\n", said(map[string]string{"Access-Control-Allow-Methods": ""})},
		{"what is no method", "Access-Control-Request-Method: A, B\n", said(map[string]string{"Access-Control-Allow-Methods": ""})},
	} {
		status, got := w.ask("OPTIONS", "deny.test", "/x", "Origin: "+spa+"\n"+tt.lines)
		if diff := cmp.Diff(tt.want, got); diff != "" || status != http.StatusNoContent {
			t.Errorf("%s: status %d (-want +got):\n%s", tt.name, status, diff)
		}
	}
	if n := len(w.up.Requests()); n != 0 {
		t.Errorf("upstream was asked %d times, want never", n)
	}
}

func TestWhatIsNoPreflightOfAListedOriginIsDecidedAsEverything(t *testing.T) {
	w := corsWorld(t)
	const question = "Access-Control-Request-Method: PUT\n"
	for _, tt := range []struct{ name, method, host, lines string }{
		{"another origin", "OPTIONS", "deny.test", "Origin: https://evil.test\n" + question},
		{"an origin that begins alike", "OPTIONS", "deny.test", "Origin: " + spa + ".evil.test\n" + question},
		{"two origins", "OPTIONS", "deny.test", "Origin: " + spa + "\nOrigin: https://evil.test\n" + question},
		{"no origin", "OPTIONS", "deny.test", question},
		{"no question", "OPTIONS", "deny.test", "Origin: " + spa + "\n"},
		{"another method", "GET", "deny.test", "Origin: " + spa + "\n" + question},
		{"a route that lists nobody", "OPTIONS", "closed.test", "Origin: " + spa + "\n" + question},
	} {
		if status, _ := w.ask(tt.method, tt.host, "/", tt.lines); status != http.StatusForbidden {
			t.Errorf("%s: status %d, want it denied", tt.name, status)
		}
	}
}

func TestAnswersAreReadableForListedOriginsOnly(t *testing.T) {
	w := corsWorld(t)
	own := http.Header{
		"Access-Control-Allow-Origin": {spa}, "Access-Control-Allow-Credentials": {"true"}, "Vary": {"Origin"},
		"Access-Control-Expose-Headers": {"X-Request-Id, X-Pomerium-Intercepted-Response, Retry-After, WWW-Authenticate, Grpc-Status, Grpc-Message"},
	}
	theirs := http.Header{"Access-Control-Allow-Origin": {spa}, "Access-Control-Allow-Credentials": {"true"}, "Vary": {"Origin"}}
	nobody := http.Header{"Vary": {"Origin"}}
	for _, tt := range []struct {
		name, host, lines string
		want              http.Header
	}{
		{"our own", "deny.test", "Origin: " + spa + "\n", own},
		{"our own, another origin", "deny.test", "Origin: https://evil.test\n", nobody},
		{"our own, no origin", "deny.test", "", nobody},
		{"our own, nobody listed", "closed.test", "Origin: " + spa + "\n", http.Header{}},
		{"the upstream's", "app.test", "Origin: " + spa + "\n", theirs},
		{"the upstream's, another origin", "app.test", "Origin: https://evil.test\n", nobody},
	} {
		_, all := w.ask("GET", tt.host, "/", tt.lines)
		got := http.Header{}
		for name, values := range all {
			if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
				got[name] = values
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAnUpstreamThatSpeaksOfOriginsIsLeftToIt(t *testing.T) {
	r := route("app", "app.test")
	r.CORS.AllowOrigins = []string{spa}
	x := &exchange{plan: &plan{route: r}, r: &http.Request{Header: http.Header{"Origin": {spa}}}}
	for _, theirs := range []string{"*", "https://other.test"} {
		h := http.Header{allowOriginHeader: {theirs}, "Vary": {"Accept, origin"}}
		want := h.Clone()
		x.shareUpstream(h)
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("%s (-want +got):\n%s", theirs, diff)
		}
	}
	// What another part laid on an answer of ours does not outlive the decision.
	x.r.Header["Origin"] = []string{"https://evil.test"}
	h := http.Header{allowOriginHeader: {"*"}, "Access-Control-Allow-Credentials": {"true"}}
	x.share(h)
	if diff := cmp.Diff(http.Header{"Vary": {"Origin"}}, h); diff != "" {
		t.Errorf("another origin (-want +got):\n%s", diff)
	}
}
