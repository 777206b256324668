package ui

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func branded(t *testing.T, o Options) (*http.Response, string) {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if !p.Sample("denied", w, browse("GET")) {
		t.Fatal("no such sample")
	}
	res := w.Result()
	return res, body(t, res)
}

func TestABrandShowsOnThePage(t *testing.T) {
	logo := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte("<svg/>"))
	_, html := branded(t, Options{Brand: Brand{
		Name: "Acme & Sons", Logo: logo, Accent: "#7a1fa2", SupportURL: "mailto:help@acme.example", SupportText: "Ask the desk",
	}})
	for _, want := range []string{
		"<span>Acme &amp; Sons</span>", "<title>Access denied · Acme &amp; Sons</title>", `<img class="logo" src="` + strings.ReplaceAll(logo, "+", "&#43;") + `" alt=""`,
		`<footer><a href="mailto:help@acme.example">Ask the desk</a></footer>`, "--accent:#7a1fa2;--on-accent:#ffffff",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestTheStylesheetOfABrandIsStillTheOneThatMayApply(t *testing.T) {
	res, html := branded(t, Options{Brand: Brand{Accent: "#7a1fa2", AccentDark: "#e0b0ff"}})
	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, hashSource(style)) {
		t.Errorf("CSP %q lacks the hash of what stands on the page", csp)
	}
	if !strings.Contains(style, "#e0b0ff") {
		t.Error("the accent of dark pages is not there")
	}
}

// Whatever accent is chosen, what stands upon it can be read, and so can the one
// made for dark pages.
func TestAccentsAreMadeReadable(t *testing.T) {
	for _, accent := range []string{"#000000", "#ffffff", "#777777", "#2f5d50", "#ffcc00", "#7a1fa2", "#0000ff", "#00ff00"} {
		css := Brand{Accent: accent}.style()
		for part := range strings.SplitSeq(css, "--accent:") {
			if len(part) < 7 || part[0] != '#' {
				continue
			}
			_, on, _ := strings.Cut(part, "--on-accent:")
			if c := contrast(part[:7], on[:7]); c < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f", accent, on[:7], part[:7], c)
			}
		}
		if dark := lighter(accent); AccentContrast(dark, true) < 4.5 {
			t.Errorf("%s: made %s for dark pages, with a contrast of %.2f", accent, dark, AccentContrast(dark, true))
		}
	}
	if got := (Brand{Accent: "red;}body{display:none", AccentDark: "url(x)"}).style(); got != "" {
		t.Errorf("what is no colour reaches the stylesheet: %q", got)
	}
}

func TestColourAndSupportLink(t *testing.T) {
	for in, want := range map[string]string{"#2F5D50": "#2f5d50", "#abc": "#aabbcc"} {
		if got, ok := Colour(in); got != want || !ok {
			t.Errorf("Colour(%q) = %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "red", "2f5d50", "#2f5d5", "#2f5d50ff", "#gggggg", "#12"} {
		if _, ok := Colour(in); ok {
			t.Errorf("Colour(%q) is one", in)
		}
	}
	for in, want := range map[string]bool{
		"https://help.acme.example/x?y=z": true, "mailto:help@acme.example": true, "mailto:help@acme.example?subject=x": true,
		"http://help.acme.example": false, "mailto:help": false, "mailto:a@b@c": false, "mailto:a@b\r\nBcc: c": false,
		"javascript:alert(1)": false, "": false, "//help.acme.example": false, "https:///x": false,
	} {
		if got := SupportLink(in); got != want {
			t.Errorf("SupportLink(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestTemplatesOfTheOperatorTakeThePlaceOfOurs(t *testing.T) {
	own := map[string]string{
		"error.html": `{{define "body"}}<p>{{clean .Message}}</p><p>Ring 555, and say {{.RequestID}}.</p>{{end}}`,
		"style.css":  "body {\n  color: #123456;\n}\n",
	}
	if problems := CheckTemplates(own); len(problems) > 0 {
		t.Fatalf("good templates are refused: %v", problems)
	}
	res, html := branded(t, Options{Templates: own})
	if !strings.Contains(html, "Ring 555, and say 4bf92f3577b34da6a3ce929d0e0e4736.") || !strings.Contains(html, "#123456") || res.StatusCode != 403 {
		t.Errorf("the operator's page is not shown: %d %s", res.StatusCode, html)
	}
}

func TestBadTemplatesAreNamedWithTheirPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		own  map[string]string
		want []TemplateProblem
	}{
		"no syntax":        {map[string]string{"error.html": "{{define \"body\"}}\n{{if}}\n{{end}}"}, []TemplateProblem{{"error.html", 2, 0, "missing value for if"}}},
		"no such function": {map[string]string{"user.html": "{{define \"body\"}}{{shout .Name}}{{end}}"}, []TemplateProblem{{"user.html", 1, 0, "function \"shout\" not defined"}}},
		"no such field": {
			map[string]string{"popup.html": "{{define \"body\"}}\n<p>{{.Hots}}</p>{{end}}"},
			[]TemplateProblem{{"popup.html", 2, 5, "executing \"body\" at <.Hots>: can't evaluate field Hots in type ui.PopupPage"}},
		},
		"no body":      {map[string]string{"lapsed.html": "<p>hello</p>"}, []TemplateProblem{{"lapsed.html", 0, 0, "no such template \"body\""}}},
		"ends a style": {map[string]string{"style.css": "a{}\n</style><script>"}, []TemplateProblem{{"style.css", 2, 0, "a stylesheet cannot hold \"</\""}}},
		"half a tag":   {map[string]string{"signed_out.html": "{{define \"body\"}}<a href=\"{{end}}"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := CheckTemplates(tt.own)
			if tt.want == nil && len(got) > 0 {
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A template that fails on what no sample held shows our page instead of none.
func TestAFailingTemplateIsReplacedByOurs(t *testing.T) {
	own := map[string]string{"error.html": `{{define "body"}}{{index .Details 7}}{{end}}`}
	_, html := branded(t, Options{Templates: own})
	if !strings.Contains(html, "You are signed in as") {
		t.Errorf("no page of ours: %s", html)
	}
}

func TestBrowsersAreNamed(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0": "Edge on Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0":                                                    "Firefox on Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile Safari": "Chrome on iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36":              "Chrome on Android",
		"Mozilla/5.0 (Windows NT 10.0)": "A browser on Windows", "Safari/1": "Safari", "": "A browser", "curl/8": "A browser",
	} {
		if got := browserName(agent); got != want {
			t.Errorf("%q is called %q, want %q", agent, got, want)
		}
	}
}
