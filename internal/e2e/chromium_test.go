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
	ctx, cancelTime := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancelTime)
	return ctx
}

func do(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var url, body string
		_ = chromedp.Run(ctx, chromedp.Location(&url), chromedp.Text("body", &body))
		t.Fatalf("%s: %v\nat %s\n%s", what, err, url, body)
	}
}

// signIn fills in the stand-in Okta's page.
func signIn(user, password string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.WaitVisible(`input[name=username]`),
		chromedp.SendKeys(`input[name=username]`, user),
		chromedp.SendKeys(`input[name=password]`, password),
		chromedp.Submit(`input[name=password]`),
	}
}

// shoot keeps screenshots at desktop and phone width where SCREENSHOTS names a
// folder, for eyes.
func shoot(name string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		dir := os.Getenv("SCREENSHOTS")
		if dir == "" {
			return nil
		}
		for _, width := range []int64{390, 1280} {
			var png []byte
			if err := (chromedp.Tasks{chromedp.EmulateViewport(width, 900), chromedp.FullScreenshot(&png, 100)}).Do(ctx); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), png, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestInChromiumAPersonSignsInIsDeniedAndSignsOut(t *testing.T) {
	ctx := chromium(t)
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(page)})
	var who, denied, account, out string
	do(t, ctx, "alice signs in",
		chromedp.Navigate(w.URL("app", "/start")), shoot("okta-sign-in"),
		signIn("alice@example.com", harness.AlicePassword),
		chromedp.WaitVisible(`#who`), chromedp.Text(`#who`, &who))
	if who != "alice@example.com" {
		t.Errorf("the application shows %q", who)
	}
	do(t, ctx, "alice opens admin", chromedp.Navigate(w.URL("admin", "/")), chromedp.WaitVisible(`#who`))
	do(t, ctx, "alice reads her session", chromedp.Navigate(w.URL("app", "/.pomerium/")), chromedp.WaitVisible(`main`), chromedp.Text(`main`, &account), shoot("user"))
	if !strings.Contains(account, "alice@example.com") {
		t.Errorf("the user page does not name alice: %s", account)
	}
	do(t, ctx, "alice signs out",
		chromedp.Navigate(w.URL("app", "/.pomerium/sign_out")), chromedp.WaitVisible(`form button`), shoot("sign-out"),
		chromedp.Click(`form button`), chromedp.WaitNotPresent(`form button`), chromedp.Text(`main`, &out), shoot("signed-out"))
	if !strings.Contains(strings.ToLower(out), "signed out") {
		t.Errorf("after sign-out: %s", out)
	}
	do(t, ctx, "bob is denied",
		chromedp.Navigate(w.URL("admin", "/")), signIn("bob@example.com", harness.BobPassword),
		chromedp.WaitVisible(`main`), chromedp.Text(`main`, &denied), shoot("denied"))
	if !strings.Contains(denied, "bob@example.com") {
		t.Errorf("the denial does not name the account: %s", denied)
	}
	do(t, ctx, "nobody finds nothing", chromedp.Navigate(w.URL("nowhere", "/")), chromedp.WaitVisible(`main`), shoot("not-found"))
}

func TestInChromiumTwoTabsSignInAtOnce(t *testing.T) {
	first := chromium(t)
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(page)})
	do(t, first, "the first tab asks", chromedp.Navigate(w.URL("app", "/one")), chromedp.WaitVisible(`input[name=username]`))
	second, cancel := chromedp.NewContext(first)
	defer cancel()
	var one, two string
	do(t, second, "the second tab signs in", chromedp.Navigate(w.URL("app", "/two")),
		signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(`#path`), chromedp.Text(`#path`, &two))
	do(t, first, "the first tab finishes late", signIn("alice@example.com", harness.AlicePassword), chromedp.WaitVisible(`#path`), chromedp.Text(`#path`, &one))
	if one != "/one" || two != "/two" {
		t.Errorf("the tabs landed on %q and %q, want /one and /two", one, two)
	}
}

func TestInChromiumAWebSocketWorksAndEndsWithTheSession(t *testing.T) {
	ctx := chromium(t)
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(page)})
	do(t, ctx, "alice opens a socket",
		chromedp.Navigate(w.URL("app", "/socket")), signIn("alice@example.com", harness.AlicePassword),
		chromedp.WaitVisible(`#out`), chromedp.Poll(`document.getElementById('out').textContent === 'echo hello'`, nil))
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	do(t, tab, "alice signs out in another tab", chromedp.Navigate(w.URL("app", "/.pomerium/sign_out")),
		chromedp.WaitVisible(`form button`), chromedp.Click(`form button`), chromedp.WaitNotPresent(`form button`))
	var out string
	do(t, ctx, "the socket closes", chromedp.Poll(`document.getElementById('out').textContent.startsWith('closed')`, nil), chromedp.Text(`#out`, &out))
	if out != "closed 1008" {
		t.Errorf("the socket says %q, want close code 1008", out)
	}
}
