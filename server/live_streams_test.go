package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
	"sallyport/internal/upstreamtest"
	"sallyport/server"
)

// clock is a time of day that tests move on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) skip(d time.Duration) { c.ahead.Add(int64(d)) }

// liveRoutes lets alice in by the rule, and bob whatever happens.
const liveRoutes = `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", allow_websockets: true, policy: [{allow: RULE}, {allow: {or: [{email: {is: bob@example.com}}]}}]}
  - {name: call, from: "https://call.localhost:%[1]s", to: "CALL", policy: [{allow: RULE}, {allow: {or: [{email: {is: bob@example.com}}]}}]}
  - {name: open, from: "https://open.localhost:%[1]s", to: "%[2]s", allow_public_unauthenticated_access: true}
`

const aliceAlone = "{or: [{email: {is: alice@example.com}}]}"

// endings are the ways in which alice loses access while she has streams open,
// and bob none.
var endings = []struct {
	name    string
	rule    string
	extra   string
	prepare func(w *liveWorld) // before anybody signs in
	before  func(w *liveWorld) // between alice's sign-in and bob's
	change  func(t *testing.T, w *liveWorld)
	denied  bool // she may not pass any more
	ended   bool // her session ends, or she has to sign in again
}{
	{name: "removed from the group", rule: "{or: [{groups: {has: admins}}]}", denied: true, change: func(_ *testing.T, w *liveWorld) { w.Okta.Leave("alice@example.com", "admins") }},
	{name: "the group deleted", rule: "{or: [{groups: {has: admins}}]}", denied: true, change: func(_ *testing.T, w *liveWorld) { w.Okta.RemoveGroup("admins") }},
	{name: "suspended", rule: aliceAlone, denied: true, ended: true, change: func(_ *testing.T, w *liveWorld) { w.Okta.Suspend("alice@example.com") }},
	{name: "deactivated", rule: aliceAlone, denied: true, ended: true, change: func(_ *testing.T, w *liveWorld) { w.Okta.Deactivate("alice@example.com") }},
	{
		name: "another department", rule: "{or: [{profile/department: {is: engineering}}]}", denied: true,
		change: func(_ *testing.T, w *liveWorld) {
			w.Okta.SetProfile("alice@example.com", map[string]any{"department": "sales"})
		},
	},
	{
		name: "an application taken away", rule: "{or: [{app: {has: Wiki}}]}", denied: true,
		prepare: func(w *liveWorld) {
			w.Okta.AssignPerson(w.Okta.AddApp(oktatest.App{ID: "0oawiki0000000000001", Label: "Wiki"}), "alice@example.com")
		},
		change: func(_ *testing.T, w *liveWorld) { w.Okta.UnassignPerson("0oawiki0000000000001", "alice@example.com") },
	},
	{
		name: "sessions revoke", rule: aliceAlone, ended: true,
		change: func(t *testing.T, w *liveWorld) {
			var answer struct{ Revoked int }
			if code := admin(t, w.World, "POST", "/v1/sessions/revoke", server.RevokeRequest{Email: "alice@example.com"}, &answer); code != 200 || answer.Revoked != 1 {
				t.Errorf("revoke: %d %+v", code, answer)
			}
		},
	},
	{
		name: "the end of the session's life", rule: aliceAlone, extra: "cookie_expire: 50m", ended: true,
		before: func(w *liveWorld) { w.clock.skip(30 * time.Minute) },
		change: func(_ *testing.T, w *liveWorld) { w.clock.skip(21 * time.Minute) },
	},
	{
		name: "a reload without the rule", rule: aliceAlone, denied: true,
		change: func(t *testing.T, w *liveWorld) {
			w.WriteConfig(w.routes("{or: [{email: {is: nobody@example.com}}]}"), "")
			if err := w.Server.Reload(); err != nil {
				t.Error(err)
			}
		},
	},
	{
		name: "a date", rule: "{and: [{email: {is: alice@example.com}}, {date: {before: SOON}}]}", denied: true,
		change: func(_ *testing.T, w *liveWorld) { w.clock.skip(11 * time.Minute) },
	},
	{
		name: "a sign-in too long ago", rule: "{and: [{email: {is: alice@example.com}}, {auth_age: {max: 10m}}]}", ended: true,
		change: func(_ *testing.T, w *liveWorld) { w.clock.skip(11 * time.Minute) },
	},
}

type liveWorld struct {
	*harness.World
	clock *clock
	call  string
}

// routes are liveRoutes with the rule that lets alice in.
func (w *liveWorld) routes(rule string) string {
	soon := w.clock.now().UTC().Add(10 * time.Minute).Format(time.RFC3339)
	return strings.NewReplacer("RULE", strings.ReplaceAll(rule, "SOON", soon), "CALL", w.call).Replace(liveRoutes)
}

func startLive(t *testing.T, rule, extra string) *liveWorld {
	t.Helper()
	calls, err := upstreamtest.StartGRPC()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(calls.Close)
	serving := healthpb.HealthCheckResponse_NOT_SERVING
	go every(t.Context(), func() error { // each change is told to those who watch
		serving = 3 - serving
		calls.Health.SetServingStatus("", serving)
		return nil
	})
	w := &liveWorld{clock: new(clock), call: "h2c://" + calls.Addr()}
	w.World = harness.Start(t, harness.Options{
		Routes: w.routes(rule), Extra: extra, Upstream: http.HandlerFunc(beating), Now: w.clock.now,
		Okta: func(o *oktatest.Options) { o.People[0].Profile = map[string]any{"department": "engineering"} },
	})
	return w
}

// visit signs somebody in on both hosts.
func (w *liveWorld) visit(t *testing.T, login, password string) *visitor {
	t.Helper()
	b := harness.NewBrowser(t)
	for _, host := range []string{"app", "call"} {
		b.SignIn(w.URL(host, "/"), login, password)
	}
	until(t, login+" gets in", func() bool { return b.Fetch("GET", w.URL("app", "/"), nil).Status == 200 })
	return &visitor{t: t, w: w.World, b: b, host: "app"}
}

// tells reports whether a stream of a kind may end so: in its own way, and for a
// reason that is so. Somebody who is suspended is denied and loses the session,
// whichever comes first.
func tells(denied, ended bool, kind, how string) bool {
	switch {
	case kind == "WebSocket":
		return how == "closed 1008"
	case strings.HasPrefix(kind, "gRPC"):
		return denied && how == "call ended: PermissionDenied" || ended && how == "call ended: Unauthenticated"
	case strings.HasPrefix(kind, "/upload"), strings.HasPrefix(kind, "/wait"):
		return denied && how == "answered 403" || ended && how == "answered 401"
	}
	return how == "broke off"
}

// T30: whatever takes access away takes open streams, of every kind and of nobody
// else, and each is told in its own way.
func TestT30WhoeverLosesAccessLosesOpenStreams(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			w := startLive(t, e.rule, e.extra)
			if e.prepare != nil {
				e.prepare(w)
			}
			alice := w.visit(t, "alice@example.com", harness.AlicePassword)
			if e.before != nil {
				e.before(w)
			}
			bob := w.visit(t, "bob@example.com", harness.BobPassword)
			alice.openAll()
			bob.openAll()
			until(t, "the directory is ready", func() bool { return strings.Contains(w.Log.String(), "directory is ready") })

			began := time.Now()
			e.change(t, w)
			for _, l := range alice.all {
				if how := l.ended(t); !tells(e.denied, e.ended, l.kind, how) {
					t.Errorf("%s of alice %s", l.kind, how)
				}
			}
			t.Logf("all ended %v after the change", time.Since(began).Round(time.Millisecond))
			for _, l := range bob.all {
				l.goesOn(t)
			}
		})
	}
}
