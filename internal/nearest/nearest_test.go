package nearest

import "testing"

func TestTo(t *testing.T) {
	known := []string{"cookie_expire", "cookie_secret", "routes", "to", "from"}
	for name, want := range map[string]string{
		"cookie_expires": "cookie_expire", "cokie_secret": "cookie_secret", "cookie-secret": "cookie_secret",
		"ruotes": "routes", "form": "from", "elephant": "", "x": "", "COOKIE_SECRET": "cookie_secret",
	} {
		if got := To(name, known); got != want {
			t.Errorf("To(%q) = %q, want %q", name, got, want)
		}
	}
}
