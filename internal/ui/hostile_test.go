package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"sallyport/identity"
	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
)

// hostile are texts that have broken somebody's page.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' autofocus onfocus='alert(1)`,
	`javascript:alert(1)`,
	`JaVaScRiPt:alert(1)//https://`,
	`data:text/html,<script>alert(1)</script>`,
	`//evil.example/`, `/\evil.example`, `\\evil.example`, `https:evil.example`,
	"</title></style></main><script>alert(1)</script>",
	"{{.}}${7*7}<!--",
	"a\r\nSet-Cookie: x=1\r\n\r\n<b>",
	"alice\u202e\u2066moc.elpmaxe\u2069\u200f", "zero\u200bwidth\ufeff", "nul\x00esc\x1b[31mbell\a", "bad\xff\xfeutf8", "line\u2028sep\u2029",
	strings.Repeat("A", 10_000),
	"\U0001F1F3\U0001F1FF مرحبا שלום e\u0301",
}

// fill sets every string reachable in v to s, so that a field added later is
// tested without being named here.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), s)
		}
	case reflect.Struct:
		switch v.Interface().(type) {
		case time.Time:
			v.Set(reflect.ValueOf(noon))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Err" {
				fill(v.Field(i), s)
			}
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(identity.Claims{s: s, "list": []any{s, map[string]any{s: s}}}))
	}
}

func filled[T any](s string) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), s)
	return v
}

// renderHostile renders every page with s in every place.
func renderHostile(t *testing.T, s string) map[string]*http.Response {
	t.Helper()
	p, err := New(Options{Brand: filled[Brand](s), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*http.Response{}
	for name, f := range map[string]func(http.ResponseWriter, *http.Request){
		"error": func(w http.ResponseWriter, r *http.Request) {
			e := filled[weberr.Error](s)
			p.Error(w, r, &e)
		},
		"user":    func(w http.ResponseWriter, r *http.Request) { p.User(w, r, filled[UserPage](s)) },
		"signout": func(w http.ResponseWriter, r *http.Request) { p.SignOut(w, r, filled[SignOutPage](s)) },
		"out":     func(w http.ResponseWriter, r *http.Request) { p.SignedOut(w, r, filled[SignedOutPage](s)) },
		"program": func(w http.ResponseWriter, r *http.Request) { p.ProgramConsent(w, r, filled[ProgramPage](s)) },
		"lapsed":  func(w http.ResponseWriter, r *http.Request) { p.SignInAgain(w, r, filled[LapsedPage](s)) },
		"list":    func(w http.ResponseWriter, r *http.Request) { p.Sessions(w, r, filled[SessionsPage](s)) },
		"popup":   func(w http.ResponseWriter, r *http.Request) { p.Popup(w, r, filled[PopupPage](s)) },
	} {
		r := browse(http.MethodGet)
		r = r.WithContext(requestid.With(r.Context(), s))
		w := httptest.NewRecorder()
		f(w, r)
		out[name] = w.Result()
	}
	return out
}

// What our pages are made of. An element or attribute outside of these came
// from a text.
var (
	elements = words("html head meta title link style body header svg path span main h1 h2 p a dl div dt dd code bdi br ul li time small strong form input button ol")
	attrs    = words("lang charset name content rel href class viewbox width height aria-hidden focusable d type value action method datetime target data-host data-origin role aria-label")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

func TestHostileTextStaysText(t *testing.T) {
	for _, s := range hostile {
		for name, res := range renderHostile(t, s) {
			doc, err := html.Parse(strings.NewReader(body(t, res)))
			if err != nil {
				t.Fatal(err)
			}
			for _, complaint := range inspect(doc) {
				t.Errorf("%s with %.40q: %s", name, s, complaint)
			}
			for header, values := range res.Header {
				if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
					t.Errorf("%s with %.40q: header %s breaks: %q", name, s, header, values)
				}
			}
			if csp := res.Header.Get("Content-Security-Policy"); strings.Count(csp, ";") != 5 || strings.Contains(csp, "evil") {
				t.Errorf("%s with %.40q: CSP %q", name, s, csp)
			}
		}
	}
}

// inspect lists what a browser would find in doc that we did not put there.
func inspect(doc *html.Node) (complaints []string) {
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			complaints = append(complaints, "comment "+n.Data)
		case html.TextNode:
			complaints = append(complaints, deceits(n.Data)...)
		case html.ElementNode:
			if !elements[n.Data] {
				complaints = append(complaints, "element <"+n.Data+">")
			}
			for _, a := range n.Attr {
				switch {
				case !attrs[strings.ToLower(a.Key)]:
					complaints = append(complaints, "attribute "+a.Key)
				case a.Key == "href" || a.Key == "action":
					if a.Val != "" && !strings.HasPrefix(a.Val, "data:image/svg+xml,%3Csvg") {
						complaints = append(complaints, "address "+a.Val)
					}
				case a.Key != "value": // hidden fields go back to us as they came
					complaints = append(complaints, deceits(a.Val)...)
				}
			}
		}
	}
	return complaints
}

func deceits(text string) (complaints []string) {
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune("\u200b\ufeff\u2028\u2029", r)) {
			return []string{fmt.Sprintf("%U reaches the page", r)}
		}
	}
	if strings.Contains(text, strings.Repeat("A", 3000)) {
		return []string{"a text of 10,000 letters is not cut"}
	}
	return nil
}

// The inspection finds what it is there for.
func TestInspectionFindsInjections(t *testing.T) {
	for _, page := range []string{
		"<p><script>alert(1)</script>", "<p onclick=x>", "<a href='javascript:x'>", "<!-- x -->", "<p>\u202e", "<img>", "<form action='//evil.example'>",
	} {
		doc, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		if len(inspect(doc)) == 0 {
			t.Errorf("nothing found in %q", page)
		}
	}
}

func TestHostileTextInJSON(t *testing.T) {
	for _, s := range hostile {
		e := filled[weberr.Error](s)
		w := httptest.NewRecorder()
		newRenderer(t).Error(w, httptest.NewRequest("GET", "/", nil), &e)
		text := w.Body.String()
		if strings.ContainsAny(text, "<>\r\x00\x1b\u202e\u2028") || strings.Count(text, "\n") != 1 {
			t.Errorf("with %.40q: %q", s, text)
		}
		if strings.Contains(text, "login_url") && s != "/harmless" {
			t.Errorf("with %.40q: login_url in %.200q", s, text)
		}
	}
}

func TestCleanKeepsHonestText(t *testing.T) {
	for _, s := range []string{"Zoë Ångström", "مرحبا", "👩‍💻 and e\u0301", "a+b@example.com"} {
		if got := clean(s); got != s {
			t.Errorf("clean(%q) = %q", s, got)
		}
	}
	if got := clean("a\u202eb"); got != "a\ufffdb" {
		t.Errorf("a direction override does not show: %q", got)
	}
}

func TestLinkLetsOnlyPlainAddressesThrough(t *testing.T) {
	for _, s := range []string{"/", "/a?b=c&d#e", "https://a.example/x", "http://localhost:8900", "https://a.example:8443/?u=https%3A%2F%2Fb.example"} {
		if got := link(s); got != s {
			t.Errorf("link(%q) = %q", s, got)
		}
	}
	for _, s := range []string{"", "x", "//a.example", "/\\a.example", "javascript:x", "JAVASCRIPT:x", "data:,x", "https:a.example", "https:///x", "ftp://a.example", " https://a.example", "https://a.example/\r\nx", "/%zz"} {
		if got := link(s); got != "" {
			t.Errorf("link(%q) = %q, want nothing", s, got)
		}
	}
}
