package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"sallyport/internal/harness"
)

// page is the application behind the proxy: it shows who is there and, on
// /socket, talks to itself over a WebSocket.
func page(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ws":
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			typ, msg, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), typ, msg) != nil {
				return
			}
		}
	case "/socket":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>socket</title><p id=out>connecting</p><script>
const out = document.getElementById('out'), ws = new WebSocket('wss://' + location.host + '/ws')
ws.onopen = () => ws.send('hello')
ws.onmessage = (e) => { out.textContent = 'echo ' + e.data }
ws.onclose = (e) => { out.textContent = 'closed ' + e.code }
</script>`)
	default:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>application</title><p id=who>%s</p><p id=path>%s</p>`, r.Header.Get("X-Pomerium-Claim-Email"), r.URL.Path)
	}
}

// chromium starts a browser without cookies.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium", "install the chromium package, or run `make test-deps`")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(cancelBrowser)
	if err := chromedp.Do(ctx); err != nil { // the first call starts the browser
		t.Fatalf("start chromium: %v", err)
	}
	ctx, cancelTime := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancelTime)
	return ctx
}

type step = chromedp.Action[chromedp.Void]

func do(t *testing.T, ctx context.Context, what string, steps ...step) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		url, _ := chromedp.Run(ctx, chromedp.Location())
		body, _ := chromedp.Run(ctx, chromedp.Text(css("body")))
		t.Fatalf("%s: %v\nat %s\n%s", what, err, url, body)
	}
}

func text(t *testing.T, ctx context.Context, selector string) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Text(css(selector)))
	if err != nil {
		t.Fatalf("text of %s: %v", selector, err)
	}
	return got
}

func css(selector string) chromedp.CSS { return chromedp.CSS(selector) }

// signIn fills in the stand-in Okta's page.
func signIn(user, password string) step {
	return chromedp.Steps(
		chromedp.WaitVisible(css(`input[name=username]`)),
		chromedp.SendKeys(css(`input[name=username]`), user),
		chromedp.SendKeys(css(`input[name=password]`), password),
		chromedp.Submit(css(`input[name=password]`)),
	)
}

// shoot keeps screenshots at desktop and phone width where SCREENSHOTS names a
// folder, for eyes.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, width := range []int64{390, 1280} {
		do(t, ctx, "resize", chromedp.EmulateViewport(width, 900))
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), png, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInChromiumAPersonSignsInIsDeniedAndSignsOut(t *testing.T) {
	ctx := chromium(t)
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(page), Extra: "jwt_claims_headers: [email]"})
	do(t, ctx, "alice opens the application", chromedp.Navigate(w.URL("app", "/start")), chromedp.WaitVisible(css(`input[name=username]`)))
	shoot(t, ctx, "okta-sign-in")
	do(t, ctx, "alice signs in", signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#who`)))
	if who := text(t, ctx, `#who`); who != "alice@example.com" {
		t.Errorf("the application shows %q", who)
	}
	do(t, ctx, "alice opens admin", chromedp.Navigate(w.URL("admin", "/")), chromedp.WaitVisible(css(`#who`)))
	do(t, ctx, "alice reads her session", chromedp.Navigate(w.URL("app", "/.pomerium/")), chromedp.WaitVisible(css(`main`)))
	shoot(t, ctx, "user")
	if account := text(t, ctx, `main`); !strings.Contains(account, "alice@example.com") {
		t.Errorf("the user page does not name alice: %s", account)
	}
	do(t, ctx, "alice is asked", chromedp.Navigate(w.URL("app", "/.pomerium/sign_out")), chromedp.WaitVisible(css(`form button`)))
	shoot(t, ctx, "sign-out")
	do(t, ctx, "alice signs out", chromedp.Click(css(`form button`)), chromedp.WaitNotPresent(css(`form button`)), chromedp.WaitVisible(css(`main`)))
	shoot(t, ctx, "signed-out")
	if out := text(t, ctx, `main`); !strings.Contains(strings.ToLower(out), "signed out") {
		t.Errorf("after sign-out: %s", out)
	}
	do(t, ctx, "bob is denied", chromedp.Navigate(w.URL("admin", "/")), signIn("bob@example.com", harness.BobPassword), chromedp.WaitVisible(css(`header .mark`)))
	shoot(t, ctx, "denied")
	if denied := text(t, ctx, `main`); !strings.Contains(denied, "bob@example.com") {
		t.Errorf("the denial does not name the account: %s", denied)
	}
	do(t, ctx, "nobody finds nothing", chromedp.Navigate(w.URL("nowhere", "/")), chromedp.WaitVisible(css(`header .mark`)))
	shoot(t, ctx, "not-found")
}

func TestInChromiumTwoTabsSignInAtOnce(t *testing.T) {
	first := chromium(t)
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(page)})
	do(t, first, "the first tab asks", chromedp.Navigate(w.URL("app", "/one")), chromedp.WaitVisible(css(`input[name=username]`)))
	second, cancel := chromedp.NewContext(first)
	defer cancel()
	do(t, second, "the second tab signs in", chromedp.Navigate(w.URL("app", "/two")),
		signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#path`)))
	do(t, first, "the first tab finishes late", signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#path`)))
	if one, two := text(t, first, `#path`), text(t, second, `#path`); one != "/one" || two != "/two" {
		t.Errorf("the tabs landed on %q and %q, want /one and /two", one, two)
	}
}

func TestInChromiumAWebSocketWorksAndEndsWithTheSession(t *testing.T) {
	ctx := chromium(t)
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(page)})
	do(t, ctx, "alice opens a socket", chromedp.Navigate(w.URL("app", "/socket")), signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(css(`#out`)))
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.getElementById('out').textContent === 'echo hello'`)); err != nil {
		t.Fatalf("no echo: %v", err)
	}
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	do(t, tab, "alice signs out in another tab", chromedp.Navigate(w.URL("app", "/.pomerium/sign_out")),
		chromedp.WaitVisible(css(`form button`)), chromedp.Click(css(`form button`)), chromedp.WaitNotPresent(css(`form button`)))
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.getElementById('out').textContent.startsWith('closed')`)); err != nil {
		t.Fatalf("the socket stays open: %v", err)
	}
	if out := text(t, ctx, `#out`); out != "closed 1008" {
		t.Errorf("the socket says %q, want close code 1008", out)
	}
}
