package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sallyport/internal/harness"
)

const popupRoutes = `
  - {name: app, from: "https://app.spa.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: api, from: "https://api.spa.localhost:%[1]s", to: "%[2]s", cors: {allow_origins: ["https://app.spa.localhost:%[1]s"]}, policy: [{allow: {or: [{authenticated_user: true}]}}]}
`

// shownScript is the script of the how-to page, for another host.
func shownScript(t *testing.T, host string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/how-to/single-page-applications.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```js\n(.*?)```").FindSubmatch(page)
	if m == nil {
		t.Fatal("the page shows no script")
	}
	return strings.ReplaceAll(string(m[1]), "https://api.example.com", host)
}

// The script that the how-to page shows reads our 401 from another origin, signs
// in through a pop-up without leaving its page, and goes on.
func TestInChromiumAScriptSignsInWithoutLosingItsPage(t *testing.T) {
	var script string
	w := harness.Start(t, harness.Options{Routes: popupRoutes, Upstream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "" || r.URL.Path != "/spa" {
			harness.Echo(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>spa</title><p id=out>ready</p><button id=go>Load</button><script>` + script + `
const out = document.getElementById('out')
document.getElementById('go').onclick = async () => {
  const first = await fetch('https://api.spa.localhost:' + location.port + '/x', { credentials: 'include' })
  const said = first.status + ' ' + (await first.json()).code
  const then = await call('/x')
  out.textContent = said + ', then ' + then.status
}</script>`))
	})})
	script = shownScript(t, w.URL("api.spa", ""))
	ctx := chromium(t)
	do(t, ctx, "alice opens the application", chromedp.Navigate(w.URL("app.spa", "/spa")), signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#go`)))
	do(t, ctx, "alice clicks", chromedp.Click(css(`#go`)))
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.getElementById('out').textContent !== 'ready'`)); err != nil {
		t.Fatalf("nothing came of it: %v", err)
	}
	if out := text(t, ctx, `#out`); out != "401 unauthenticated, then 200" {
		t.Errorf("the page says %q", out)
	}
}
