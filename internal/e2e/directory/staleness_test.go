package directory_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// clock is a time of day that tests move on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) skip(d time.Duration) { c.ahead.Add(int64(d)) }

// aboutGroups matches what needs the scope okta.groups.read.
func aboutGroups(r *http.Request) bool { return strings.Contains(r.URL.Path, "/groups") }

const (
	forbidden = `{"errorCode":"E0000006","errorSummary":"You do not have permission to perform the requested action","errorLink":"E0000006","errorId":"oae0","errorCauses":[]}`
	bound     = 20 * time.Minute // of these tests, as directory.max_staleness
)

// ailments are what may become of Okta's Management API.
var ailments = map[string]oktatest.Fault{
	"down":                  {Path: "/api/", Act: oktatest.ServerError()},
	"cutting connections":   {Path: "/api/", Act: oktatest.EOF()},
	"too slow":              {Path: "/api/", Act: oktatest.Hang()},
	"limiting":              {Path: "/api/", Act: oktatest.TooManyRequests(time.Second)},
	"limiting parallel":     {Path: "/api/", Act: oktatest.TooManyConcurrent()},
	"answering nonsense":    {Path: "/api/", Act: oktatest.HTML()},
	"answering half":        {Path: "/api/", Act: oktatest.Truncate(20)},
	"answering emptily":     {Path: "/api/", Act: oktatest.Status(http.StatusOK, "application/json", "null")},
	"without groups.read":   {Path: "/api/", Match: aboutGroups, Act: oktatest.Status(http.StatusForbidden, "application/json", forbidden)},
	"with a revoked token":  {Path: "/api/", Act: oktatest.Status(http.StatusUnauthorized, "application/json", strings.ReplaceAll(forbidden, "E0000006", "E0000011"))},
	"redirecting elsewhere": {Path: "/api/", Act: oktatest.Redirect("https://login.example.com/")},
}

// Whatever becomes of Okta's API changes nothing for people already known, and is
// visible, until the stated bound; then what depends on the directory is denied
// with its own reason, open streams included, and the rest goes on.
func TestAnOktaThatAilsChangesNothingUntilTheBound(t *testing.T) {
	for name, fault := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := new(clock)
			w := startWorld(t, func(o *harness.Options) { o.Now, o.Extra = c.now, "directory: {max_staleness: "+bound.String()+"}" })
			alice := harness.NewBrowser(t)
			alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
			alice.Get(w.URL("app", "/"))
			ready(t, w)
			admin, app := dial(t, w, alice, "admin"), dial(t, w, alice, "app")

			clear := w.Okta.Fail(fault)
			c.skip(6 * time.Minute)
			eventually(t, "the age to be told", func() bool { return gauge(t, w, "sallyport_directory_age_seconds") > 300 })
			code, body := operator(t, w.Server.HealthAddr(), "/readyz")
			if code != 200 || !strings.Contains(body, `"component":"directory"`) || !strings.Contains(body, `"degraded"`) {
				t.Errorf("/readyz: %d %s, want 200, degraded, naming the directory", code, body)
			}
			passes(t, w, alice, admin, app)
			if !strings.Contains(name, "slow") { // that is told once it has given up
				eventually(t, "the log to say so", func() bool {
					return strings.Contains(w.Log.String(), "directory could not be read, what is known stands")
				})
			}

			c.skip(15 * time.Minute)
			t.Logf("an open WebSocket ended %v after the bound", closed(t, admin, time.Now()))
			p := alice.Fetch("GET", w.URL("admin", "/"), nil)
			if p.Status != http.StatusForbidden || !strings.Contains(p.Body, `"code":"directory-stale"`) {
				t.Errorf("past the bound a script is told %d %s", p.Status, p.Body)
			}
			if p := alice.Get(w.URL("admin", "/")); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "Access cannot be checked") {
				t.Errorf("past the bound a person reads %d\n%s", p.Status, p.Body)
			}
			talks(t, app)
			if p := alice.Get(w.URL("app", "/")); p.Status != 200 {
				t.Errorf("a route that needs no directory answers %d", p.Status)
			}

			if strings.Contains(name, "slow") {
				return // a question that hangs is given up after half a minute
			}
			clear()
			c.skip(2 * time.Minute) // past every pause
			eventually(t, "access to be back", func() bool { return alice.Get(w.URL("admin", "/")).Status == 200 })
			eventually(t, "all to be well", func() bool {
				c.skip(10 * time.Second) // components are asked now and then
				_, body := operator(t, w.Server.HealthAddr(), "/readyz")
				return !strings.Contains(body, `"component":"directory"`)
			})
		})
	}
}

// passes sees both routes and both open streams go on.
func passes(t *testing.T, w *harness.World, b *harness.Browser, admin, app *websocket.Conn) {
	t.Helper()
	for _, host := range []string{"admin", "app"} {
		if p := b.Get(w.URL(host, "/")); p.Status != 200 {
			t.Errorf("%s answers %d before the bound\n%s", host, p.Status, p.Body)
		}
	}
	talks(t, admin)
	talks(t, app)
}

// talks sees an open WebSocket answer.
func talks(t *testing.T, c *websocket.Conn) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("still there?")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "still there?" {
		t.Fatalf("echo: %q, %v", got, err)
	}
}

// operator asks a listener for operators.
func operator(t *testing.T, addr, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// gauge is the value of a metric without labels.
func gauge(t *testing.T, w *harness.World, name string) float64 {
	t.Helper()
	_, body := operator(t, w.Server.MetricsAddr(), "/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
