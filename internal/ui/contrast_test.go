package ui

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

// scheme reads the custom properties of one :root block.
func scheme(t *testing.T, block string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, m := range colour.FindAllStringSubmatch(block, -1) {
		out[m[1]] = luminance(t, m[2])
	}
	return out
}

// luminance is WCAG 2.2's relative luminance.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var l float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
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
		c := scheme(t, block)
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
			got := (max(a, b) + 0.05) / (min(a, b) + 0.05)
			if got < tt.want {
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
		if strings.Contains(html, "<script") || strings.Contains(html, " src=") || strings.Contains(html, "@import") || strings.Contains(html, "url(") {
			t.Errorf("%s: loads something", name)
		}
	}
}
