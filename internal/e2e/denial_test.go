package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sallyport/internal/harness"
)

// nosy is an application that wants to read the denial of another path of its host,
// which tells operators how it came about: in a window that it opens, of one
// browsing context with its own page, or through a service worker.
func nosy(w http.ResponseWriter, r *http.Request) {
	show := func(body string) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>nosy</title>"+body)
	}
	switch r.URL.Path {
	case "/worker.js":
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, `
self.addEventListener('install', (e) => e.waitUntil(self.skipWaiting()))
self.addEventListener('activate', (e) => e.waitUntil(self.registration.navigationPreload.enable().then(() => self.clients.claim())))
let read = ''
self.addEventListener('message', (e) => e.source.postMessage('read ' + read))
self.addEventListener('fetch', (e) => {
  const path = new URL(e.request.url).pathname
  if (!path.startsWith('/denied/')) return
  e.respondWith((async () => {
    const preloaded = await e.preloadResponse
    const answer = path === '/denied/preload' ? preloaded : await fetch(e.request)
    read += path + ' ' + answer.status + ' ' + await answer.clone().text()
    return answer
  })())
})`)
	case "/open":
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		show(`<button id=go>go</button><p id=out></p><script>
const out = document.getElementById('out')
document.getElementById('go').onclick = () => {
  const other = window.open('/denied/')
  setInterval(() => {
    try {
      const text = other.document.body.innerText
      if (text.includes('Access denied')) out.textContent = 'read ' + text
    } catch (e) { out.textContent = 'refused ' + e.name }
  }, 50)
}
</script>`)
	case "/worker":
		show(`<p id=out></p><script>
const out = document.getElementById('out')
navigator.serviceWorker.onmessage = (e) => { out.textContent = e.data }
navigator.serviceWorker.oncontrollerchange = () => { out.textContent = 'ready' }
navigator.serviceWorker.register('/worker.js').catch((e) => { out.textContent = 'refused ' + e })
</script>`)
	case "/ask":
		show(`<p id=out></p><script>
navigator.serviceWorker.onmessage = (e) => { document.getElementById('out').textContent = e.data }
navigator.serviceWorker.ready.then((r) => r.active.postMessage('?'))
</script>`)
	default:
		page(w, r)
	}
}

// said waits for what the application has found out. The tab may be in the
// background, where pages are not asked by themselves.
func said(t *testing.T, ctx context.Context) string {
	t.Helper()
	for {
		if out := text(t, ctx, `#out`); out != "" {
			return out
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// An application reads nothing of how an operator was denied on its own host.
func TestInChromiumAnApplicationReadsNoDenialOfAnOperator(t *testing.T) {
	ctx := chromium(t)
	w := harness.Start(t, harness.Options{
		Upstream: http.HandlerFunc(nosy),
		Extra:    "error_details_policy: {allow: {and: [groups: admins]}}\n",
		Routes: `
  - {name: denied, from: "https://app.localhost:%[1]s", prefix: /denied, to: "%[2]s", policy: [{allow: {or: [{groups: keepers}]}}]}
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
`,
	})
	do(t, ctx, "alice signs in", chromedp.Navigate(w.URL("app", "/worker")), signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#out`)))
	if out := said(t, ctx); out != "ready" {
		t.Fatalf("no service worker: %s", out)
	}
	for _, path := range []string{"/denied/fetch", "/denied/preload"} {
		do(t, ctx, "alice is denied", chromedp.Navigate(w.URL("app", path)), chromedp.WaitVisible(css(`main`)))
	}
	do(t, ctx, "the worker is asked", chromedp.Navigate(w.URL("app", "/ask")))
	if out := said(t, ctx); strings.Contains(out, "keepers") || strings.Count(out, "403 <!doctype") != 2 {
		t.Errorf("a service worker: %s", out)
	}

	ctx = chromium(t)
	do(t, ctx, "alice signs in anew", chromedp.Navigate(w.URL("app", "/open")), signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#go`)))
	do(t, ctx, "alice is denied in a tab", chromedp.Navigate(w.URL("app", "/denied/")), chromedp.WaitVisible(css(`main`)))
	if out := text(t, ctx, "main"); !strings.Contains(out, "keepers") {
		t.Errorf("alice herself reads %s", out)
	}
	do(t, ctx, "alice follows a link of the page", chromedp.Click(css(`main a[href*="sign_in"]`)), chromedp.WaitVisible(css(`input[name=username]`)))
	do(t, ctx, "alice clicks", chromedp.Navigate(w.URL("app", "/open")), chromedp.WaitVisible(css(`#go`)), chromedp.Click(css(`#go`)))
	if out := said(t, ctx); strings.Contains(out, "keepers") || !strings.HasPrefix(out, "refused") {
		t.Errorf("a window that the application opened: %s", out)
	}
}
