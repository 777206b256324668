package oktatest_test

import (
	"regexp"
	"strings"
	"testing"

	"sallyport/internal/oktatest"
)

func TestPagesAreHonestAndClosed(t *testing.T) {
	k := start(t, func(o *oktatest.Options) {
		o.Hint = "Sign in as alice / wonderland"
		o.Clients[0].Label = `<script>alert(1)</script>`
	})
	b := newBrowser(t, k)
	for name, page := range map[string]reply{
		"sign-in":   b.authorize(set("login_hint", `"><script>x</script>`)),
		"wrong":     b.fill(b.authorize(), "alice", "wrong"),
		"home":      b.get("/"),
		"error":     b.authorize(set("redirect_uri", "<script>")),
		"signed ok": b.post("/login/signout", nil),
	} {
		h := page.Header
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: policy %q lacks %q", name, policy, want)
			}
		}
		if strings.Contains(policy, "form-action") {
			t.Errorf("%s: form-action would stop the redirect to the application", name)
		}
		if !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got headers %v", name, h)
		}
		if strings.Contains(page.body, "<script") || regexp.MustCompile(`(?i)\b(src|href)=`).MatchString(page.body) {
			t.Errorf("%s: script or foreign resource in %s", name, page.body)
		}
		if !strings.Contains(page.body, "This is not Okta") || !strings.Contains(page.body, `<html lang="en">`) {
			t.Errorf("%s: does not say what it is: %s", name, page.body)
		}
	}
}

func TestSignInPageIsAccessible(t *testing.T) {
	b := newBrowser(t, start(t, func(o *oktatest.Options) { o.Hint = "Sign in as alice / wonderland" }))
	page := b.authorize(set("login_hint", "alice@example.com"))
	for _, want := range []string{
		`<label for="username">`, `<label for="password">`, `autocomplete="username"`, `autocomplete="current-password"`,
		`value="alice@example.com"`, `name="viewport"`, `<h1>Sign in</h1>`, "Sign in as alice / wonderland",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %q in %s", want, page.body)
		}
	}
	wrong := b.fill(page, "alice", "wrong")
	for _, want := range []string{`role="alert"`, `aria-describedby="problem"`, `value="alice"`} {
		if !strings.Contains(wrong.body, want) {
			t.Errorf("after a mistake: no %q in %s", want, wrong.body)
		}
	}
	if strings.Contains(wrong.body, `value="wrong"`) {
		t.Error("the password is sent back")
	}
	if strings.Contains(newBrowser(t, start(t)).authorize().body, `class="hint"`) {
		t.Error("a hint that nobody gave")
	}
}
