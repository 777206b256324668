package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPopUpTellsOneOriginAlone(t *testing.T) {
	w := newWorld(t)
	w.routes[wiki] = Route{ClientID: "main", Origins: []string{"https://spa.localhost"}}
	popup := func(origin string) string {
		raw := "https://" + wiki + pathPopup
		if origin != "" {
			raw += "?" + url.Values{paramOrigin: {origin}}.Encode()
		}
		return raw
	}
	b := w.browser()
	if p := b.open(popup("https://spa.localhost")); p.status != 200 || p.url.Host != wiki || p.url.Path != pathPopup || !strings.Contains(p.body, "https://spa.localhost") {
		t.Fatalf("nobody opens the window: %d at %s, want a sign-in that comes back to it\n%s", p.status, p.url, p.body)
	}
	for origin, told := range map[string]string{"": "https://" + wiki, "https://" + wiki: "https://" + wiki, "https://spa.localhost": "https://spa.localhost"} {
		if p := b.step(popup(origin)); p.status != 200 || !strings.Contains(p.body, `"`+told+`"`) || !strings.Contains(p.body, wiki) {
			t.Errorf("origin %q: %d, want %s told\n%s", origin, p.status, told, p.body)
		}
	}
	for _, origin := range []string{"https://" + evil, "https://spa.localhost.evil", "http://" + wiki, "*", "null"} {
		if p := b.step(popup(origin)); p.status != http.StatusBadRequest || strings.Contains(p.body, "postMessage") {
			t.Errorf("origin %q: %d, want it refused", origin, p.status)
		}
		if p := w.browser().step(popup(origin)); p.status != http.StatusBadRequest {
			t.Errorf("origin %q, nobody signed in: %d, want it refused before a sign-in begins", origin, p.status)
		}
	}
	if p := b.step("https://" + wiki + pathPopup + "?origin=a&origin=b"); p.status != http.StatusBadRequest {
		t.Errorf("two origins: %d", p.status)
	}
}
