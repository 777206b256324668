package server_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// While the store is down nobody hears of revocations: streams outlive it by the
// revocation bound and no longer, as requests do. Nobody's streams need no store.
func TestStreamsOutliveTheStoreByTheRevocationBound(t *testing.T) {
	for name, tt := range map[string]struct {
		extra string
		bound time.Duration
	}{
		"the default": {"", 30 * time.Second},
		"an hour":     {"revocation_bound: 1h", time.Hour},
		"none":        {"revocation_bound: 0s", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startLive(t, aliceAlone, tt.extra)
			alice := w.visit(t, "alice@example.com", harness.AlicePassword)
			alice.openAll()
			nobody := &visitor{t: t, w: w.World, b: harness.NewBrowser(t), host: "open"}
			nobody.request(true, "GET", "/events", nil)
			nobody.all[0].started(t)
			w.Broken = true
			if err := w.Server.CloseStore(); err != nil {
				t.Fatal(err)
			}
			if tt.bound > 0 {
				w.clock.skip(tt.bound - 10*time.Second)
				for _, l := range alice.all {
					l.goesOn(t)
				}
				if p := alice.b.Fetch("GET", w.URL("app", "/"), nil); p.Status != 200 {
					t.Errorf("within the bound a request is answered %d", p.Status)
				}
				w.clock.skip(11 * time.Second)
			}
			began := time.Now()
			for _, l := range alice.all {
				if how := l.ended(t); !tellsLater(l.kind, how) {
					t.Errorf("%s %s", l.kind, how)
				}
			}
			t.Logf("all ended %v after the bound", time.Since(began).Round(time.Millisecond))
			p := alice.b.Fetch("GET", w.URL("app", "/"), nil)
			if p.Status != 503 || !strings.Contains(p.Body, `"code":"sessions-unavailable"`) || p.Header.Get("Retry-After") == "" {
				t.Errorf("past the bound a request is answered %d %s", p.Status, p.Body)
			}
			nobody.all[0].goesOn(t)
			until(t, "the log says so", func() bool { return strings.Contains(w.Log.String(), "not trusted any more") })
		})
	}
}

// tellsLater reports whether a stream of a kind is told to try again later.
func tellsLater(kind, how string) bool {
	switch {
	case kind == "WebSocket":
		return how == "closed 1013"
	case strings.HasPrefix(kind, "gRPC"):
		return how == "call ended: Unavailable"
	case strings.HasPrefix(kind, "/upload"), strings.HasPrefix(kind, "/wait"):
		return how == "answered 503"
	}
	return how == "broke off"
}
