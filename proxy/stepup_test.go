package proxy

import (
	"testing"

	"sallyport/config"
)

// Somebody who is signed in, and not as the policy wants, is asked for just that.
func TestUnmetStepUpAsksForWhatIsWanted(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes = []*config.Route{route("fresh", "app.test")} })
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\nAccept: text/html\nCookie: __Host-sp=alice\n\n")
	if res, _ := c.read(); res.StatusCode != 302 || res.Header.Get("Location") != "https://login.test/again?max_age=1m0s" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if n := len(w.up.Requests()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
}
