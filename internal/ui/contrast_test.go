package ui

import (
	"regexp"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

// scheme reads the custom properties of one :root block.
func scheme(block string) map[string]string {
	out := map[string]string{}
	for _, m := range colour.FindAllStringSubmatch(block, -1) {
		out[m[1]] = m[2]
	}
	return out
}

func TestContrastIsAAInBothSchemes(t *testing.T) {
	css, err := files.ReadFile("templates/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the stylesheet has no dark scheme")
	}
	dark, _, _ := strings.Cut(rest, "\n}\n")
	for name, block := range map[string]string{"light": light, "dark": dark} {
		c := scheme(block)
		if ground := map[string]string{"light": cardLight, "dark": cardDark}[name]; c["card"] != ground {
			t.Errorf("%s: accents are measured on %s, cards are %s", name, ground, c["card"])
		}
		for _, tt := range []struct {
			ink, ground string
			want        float64
		}{
			{"ink", "card", 7},
			{"soft", "card", 4.5},
			{"soft", "ground", 4.5},
			{"accent", "card", 4.5},
			{"on-accent", "accent", 4.5},
			{"warn", "warn-ground", 4.5},
			{"accent", "ground", 3}, // the mark and the focus ring
		} {
			a, okA := c[tt.ink]
			b, okB := c[tt.ground]
			if !okA || !okB {
				t.Errorf("%s: no colour %q or %q", name, tt.ink, tt.ground)
				continue
			}
			if got := contrast(a, b); got < tt.want {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, tt.ink, tt.ground, got, tt.want)
			}
		}
	}
}

// A reader that goes by structure finds one main heading, a main landmark, a
// language, and no heading level left out.
func TestPagesHaveStructure(t *testing.T) {
	heading := regexp.MustCompile(`<h([1-6])`)
	for name := range showing {
		html := body(t, show(t, name, "GET"))
		for _, want := range []string{`<html lang="en">`, "<main>", "<header>", `name="viewport"`, "<title>"} {
			if strings.Count(html, want) != 1 {
				t.Errorf("%s: %q stands %d times, want once", name, want, strings.Count(html, want))
			}
		}
		last := 0
		for i, m := range heading.FindAllStringSubmatch(html, -1) {
			level := int(m[1][0] - '0')
			if (i == 0) != (level == 1) || level > last+1 {
				t.Errorf("%s: heading %d has level %d after %d", name, i, level, last)
			}
			last = level
		}
		if strings.Contains(html, "<script") && name != "popup" || strings.Contains(html, " src=") || strings.Contains(html, "@import") || strings.Contains(html, "url(") {
			t.Errorf("%s: loads something", name)
		}
	}
}
