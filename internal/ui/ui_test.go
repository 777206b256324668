package ui

import (
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
)

var (
	update = flag.Bool("update", false, "write the golden files")
	look   = flag.String("pages", "", "write every page, with its style, into this directory, to look at")
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newRenderer(t *testing.T) *Renderer {
	t.Helper()
	p, err := New(Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// browse is a browser's request for a page, with a request id.
func browse(method string) *http.Request {
	r := httptest.NewRequest(method, "https://admin.example.com/reports", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return r.WithContext(requestid.With(r.Context(), "4bf92f3577b34da6a3ce929d0e0e4736"))
}

// showing is every page there is, filled as in life.
var showing = samples

func show(t *testing.T, name, method string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	showing[name](newRenderer(t), w, browse(method))
	return w.Result()
}

func TestPagesLookAsRecorded(t *testing.T) {
	for name := range showing {
		t.Run(name, func(t *testing.T) {
			got := body(t, show(t, name, http.MethodGet))
			if *look != "" {
				if err := os.WriteFile(filepath.Join(*look, name+".html"), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(got, "<style>…</style>")
			path := filepath.Join("testdata", name+".golden.html")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v (make it with: go test ./internal/ui -update)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("page differs from %s (-want +got):\n%s", path, diff)
			}
		})
	}
}

func TestEveryPageCarriesTheHeadersThatProtectIt(t *testing.T) {
	for name := range showing {
		t.Run(name, func(t *testing.T) {
			res := show(t, name, http.MethodGet)
			html := body(t, res)
			for header, want := range map[string]string{
				"Content-Type":                    "text/html; charset=utf-8",
				"Cache-Control":                   "no-store",
				"X-Content-Type-Options":          "nosniff",
				"X-Pomerium-Intercepted-Response": "true",
				"X-Request-Id":                    "4bf92f3577b34da6a3ce929d0e0e4736",
			} {
				if got := res.Header.Get(header); got != want {
					t.Errorf("%s = %q, want %q", header, got, want)
				}
			}
			csp := res.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'; ", "frame-ancestors 'none'", "base-uri 'none'", "form-action '"} {
				if !strings.Contains(csp, want) {
					t.Errorf("CSP %q lacks %q", csp, want)
				}
			}
			if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") && name != "popup" {
				t.Errorf("CSP allows too much: %q", csp)
			}
			// The browser hashes what stands between the tags: so do we.
			_, rest, _ := strings.Cut(html, "<style>")
			style, _, _ := strings.Cut(rest, "</style>")
			sum := sha256.Sum256([]byte(style))
			if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(csp, want) || style == "" {
				t.Errorf("CSP %q lacks the hash of the stylesheet on the page, %q", csp, want)
			}
		})
	}
}

func TestFormsMayOnlyGoWhereTheyMust(t *testing.T) {
	for name, want := range map[string]string{
		"denied":   "form-action 'none';",
		"user":     "form-action 'none';",
		"sign_out": "form-action 'self' https://example.okta.com https://wiki.example.com:8443;",
		"program":  "form-action 'self' http://localhost:8900;",
	} {
		if csp := show(t, name, http.MethodGet).Header.Get("Content-Security-Policy"); !strings.Contains(csp, want) {
			t.Errorf("%s: CSP %q lacks %q", name, csp, want)
		}
	}
	for _, hostile := range []string{"https://a.example;script-src *", "https://a.example 'unsafe-inline'", "javascript:x", "https://*", "data:x", "//a.example", "https://a\r\nb/"} {
		if got := origin(hostile); strings.ContainsAny(got, "; '*\r\n") || strings.HasPrefix(got, "javascript") || strings.HasPrefix(got, "data") {
			t.Errorf("origin(%q) = %q", hostile, got)
		}
	}
}

// A page with a form must let the browser send its origin along, or the
// receiving side cannot tell it from a forgery; all others send nothing.
func TestReferrerPolicy(t *testing.T) {
	for name := range showing {
		want := "no-referrer"
		if name == "sign_out" || name == "program" || name == "sessions" {
			want = "same-origin"
		}
		if got := show(t, name, http.MethodGet).Header.Get("Referrer-Policy"); got != want {
			t.Errorf("%s: Referrer-Policy = %q, want %q", name, got, want)
		}
	}
}

func TestStatusOfPages(t *testing.T) {
	for name, want := range map[string]int{
		"denied": 403, "client_certificate": 495, "sign_in_failed": 400, "not_found": 404, "upstream_down": 502, "unavailable": 503,
		"user": 200, "sign_out": 200, "signed_out": 200, "program": 200, "lapsed": 401,
		"sign_in_loop": 400, "maintenance": 503, "popup": 200, "sessions": 200,
	} {
		if got := show(t, name, http.MethodGet).StatusCode; got != want {
			t.Errorf("%s: status = %d, want %d", name, got, want)
		}
	}
	if got := show(t, "unavailable", http.MethodGet).Header.Get("Retry-After"); got != "30" {
		t.Errorf("Retry-After = %q, want 30", got)
	}
}

func TestHEADHasTheHeadersOfGETAndNoBody(t *testing.T) {
	for name := range showing {
		get, head := show(t, name, http.MethodGet), show(t, name, http.MethodHead)
		if b := body(t, head); b != "" {
			t.Errorf("%s: HEAD has a body of %d bytes", name, len(b))
		}
		if diff := cmp.Diff(get.Header, head.Header); diff != "" {
			t.Errorf("%s: HEAD differs from GET (-get +head):\n%s", name, diff)
		}
	}
}

func TestDenialNamesWhatItShouldAndNoMore(t *testing.T) {
	html := body(t, show(t, "denied", http.MethodGet))
	for _, want := range []string{
		"admin.example.com", "bob@example.com", "4bf92f3577b34da6a3ce929d0e0e4736",
		"ask the people who run this application", `href="/.pomerium/sign_in_as?x=1&amp;y=2">Use another account</a>`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the denial lacks %q", want)
		}
	}
	if strings.Contains(html, "Why") || strings.Contains(html, "config.yaml") {
		t.Error("the denial shows details that it was not given")
	}
	if html := body(t, show(t, "denied_details", http.MethodGet)); !strings.Contains(html, "config.yaml:15:13: groups has admins: no") {
		t.Error("details that were given are not shown")
	}
}

func TestHeadersOfAnAbandonedAnswerDoNotSurvive(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("ETag", `"x"`)
	newRenderer(t).Error(w, browse(http.MethodGet), weberr.NotFound("x"))
	for _, h := range []string{"Content-Encoding", "Etag"} {
		if got := w.Header().Get(h); got != "" {
			t.Errorf("%s: %q survived", h, got)
		}
	}
}
