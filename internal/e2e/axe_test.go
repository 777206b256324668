package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"sallyport/internal/ui"
)

// axe is the source of axe-core, to be run in a page.
func axe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("op/node_modules/axe-core/axe.min.js")
	if err != nil {
		missing(t, "npm axe-core", "run `make test-deps`")
	}
	return string(source)
}

// emulate shows pages in a scheme of colours and on a medium.
func emulate(medium, scheme string, width int64) step {
	media := func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	}
	return chromedp.Steps(chromedp.EmulateViewport(width, 900), step(media))
}

// finding is what axe has against a page.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// loadScript runs a script in the page as its developer's tools would, whatever
// the page's own policy.
func loadScript(source string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](source+"; true")(ctx, target)
		return err
	})
}

// runAxe checks the page that is open for WCAG 2.2 A and AA and what axe calls
// best practice.
func runAxe(t *testing.T, ctx context.Context) []finding {
	t.Helper()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
		.then(r => JSON.stringify({violations: r.violations, passes: r.passes.length}))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("axe: %v", err)
	}
	var result struct {
		Violations []finding
		Passes     int
	}
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatal(err)
	}
	if result.Passes < 10 {
		t.Errorf("axe looked at almost nothing: %d rules passed", result.Passes)
	}
	return result.Violations
}

// sandboxed is the directive of pages on which no script may run, axe neither.
var sandboxed = regexp.MustCompile(` sandbox [^;]*;`)

// scriptable serves pages as they are, but for a sandbox.
func scriptable(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.Header().Set("Content-Security-Policy", sandboxed.ReplaceAllString(rec.Header().Get("Content-Security-Policy"), ""))
		w.WriteHeader(rec.Code)
		_, _ = rec.Body.WriteTo(w)
	})
}

// Every page there is holds to WCAG AA, light and dark, on a desk and in a hand,
// in our colours and in an operator's, and nothing is wider than the window.
func TestPagesAreAccessible(t *testing.T) {
	source := axe(t)
	base := samples(t)
	for brand, widths := range map[string][]int64{"ours": {1280, 390}, "theirs": {390}} {
		t.Run(brand, func(t *testing.T) {
			ctx := chromium(t)
			for _, name := range ui.SampleNames() {
				do(t, ctx, name, chromedp.Navigate(base+"/"+brand+"/"+name), chromedp.WaitVisible(css("main")), loadScript(source))
				for _, scheme := range []string{"light", "dark"} {
					for _, width := range widths {
						checkPage(t, ctx, fmt.Sprintf("%s-%s-%s-%d", name, brand, scheme, width), emulate("screen", scheme, width))
					}
				}
			}
		})
	}
}

func checkPage(t *testing.T, ctx context.Context, where string, as step) {
	t.Helper()
	do(t, ctx, where, as)
	for _, f := range runAxe(t, ctx) {
		t.Errorf("%s: %s (%s): %s\n%s\n%s", where, f.ID, f.Impact, f.Help, f.Nodes[0].HTML, f.Nodes[0].FailureSummary)
	}
	fits(t, ctx, where)
}

// fits checks that nothing is wider than the window.
func fits(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	if wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`)); err != nil || wide {
		t.Errorf("%s: the page scrolls sideways (%v)", where, err)
	}
	keep(t, ctx, where)
}

// On paper nothing is lost but what can only be clicked, and ink is black.
func TestPagesPrint(t *testing.T) {
	ctx := chromium(t)
	base := samples(t)
	for _, name := range ui.SampleNames() {
		do(t, ctx, name, emulate("print", "dark", 800), chromedp.Navigate(base+"/theirs/"+name), chromedp.WaitReady(css("main")))
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
			const seen = (e) => e.getClientRects().length > 0
			const lost = [...document.querySelectorAll('h1, dd, li, main > p:not(.actions)')].filter((e) => !seen(e) && !e.closest('.actions'))
			const style = getComputedStyle(document.body)
			return [lost.length, style.color, style.backgroundColor, [...document.querySelectorAll('button')].some(seen)].join(' ')
		})()`))
		if want := "0 rgb(0, 0, 0) rgb(255, 255, 255) false"; err != nil || got != want {
			t.Errorf("%s: printed with %q, want %q (%v)", name, got, want, err)
		}
		keep(t, ctx, name+"-print")
	}
}

// axe finds what it is there for.
func TestAxeFindsMistakes(t *testing.T) {
	source := axe(t)
	ctx := chromium(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><html lang=en><title>x</title><main><h1>x</h1><p style="color:#999;background:#fff">pale</p><img src="data:,"><button></button></main>`)
	}))
	defer srv.Close()
	do(t, ctx, "open", chromedp.Navigate(srv.URL), chromedp.WaitVisible(css("main")), loadScript(source))
	var ids []string
	for _, f := range runAxe(t, ctx) {
		ids = append(ids, f.ID)
	}
	for _, want := range []string{"color-contrast", "image-alt", "button-name"} {
		if !strings.Contains(strings.Join(ids, " "), want) {
			t.Errorf("%s was not found among %q", want, ids)
		}
	}
}

// samples serves /BRAND/PAGE.
func samples(t *testing.T) string {
	t.Helper()
	brands := map[string]*ui.Renderer{}
	for name, o := range map[string]ui.Options{
		"ours": {},
		"theirs": {Brand: ui.Brand{
			Name: "Bank of Examples", Accent: "#8a1538", SupportURL: "https://help.example.com/", SupportText: "Ask the service desk",
			Logo: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA4IDgiPjxwYXRoIGZpbGw9IiM4YTE1MzgiIGQ9Ik0wIDBoOHY4eiIvPjwvc3ZnPg==",
		}},
	} {
		p, err := ui.New(o)
		if err != nil {
			t.Fatal(err)
		}
		brands[name] = p
	}
	srv := httptest.NewServer(scriptable(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		if len(parts) != 3 || brands[parts[1]] == nil || !brands[parts[1]].Sample(parts[2], w, r) {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// keep writes a picture of the page where SCREENSHOTS names a folder.
func keep(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+name+".png", png, 0o600); err != nil {
		t.Fatal(err)
	}
}
