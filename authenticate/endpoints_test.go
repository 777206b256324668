package authenticate

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/weberr"
)

// Everything that is served, and by which methods: the Allow header of an answer
// to a method that nothing takes.
func TestEachHostServesItsPathsByTheirMethodsAlone(t *testing.T) {
	const reads, open = "GET, HEAD", "GET, HEAD, OPTIONS"
	w := newWorld(t)
	s := w.service.Load()
	for path, want := range map[string]struct{ home, route string }{
		"/":                               {reads, ""},
		"/.pomerium":                      {reads, reads},
		"/.pomerium/":                     {reads, reads},
		"/.pomerium/user":                 {"", reads},
		"/.pomerium/jwt":                  {"", reads},
		"/.pomerium/sign_in":              {"GET", "GET"},
		"/.pomerium/sign_in_popup":        {"", "GET"},
		"/.pomerium/callback/":            {"", "GET"},
		"/.pomerium/sign_out":             {"GET, POST", "GET, POST"},
		"/.pomerium/signed_out":           {reads, reads},
		"/.pomerium/sessions":             {"GET, HEAD, POST", reads},
		"/.pomerium/api/v1/login":         {"GET, POST", "GET"},
		"/oauth2/callback":                {"GET, POST", ""},
		"/.well-known/pomerium":           {open, open},
		"/.well-known/pomerium/":          {open, open},
		"/.well-known/pomerium/jwks.json": {open, open},
		"/robots.txt":                     {reads, reads},
		"/.pomerium/anything":             {"", ""},
		"/.pomerium//":                    {"", ""},
	} {
		for host, allow := range map[string]string{homeAt: want.home, wiki: want.route} {
			r, rec := w.asked("https://"+host+path), newRecorder()
			r.Method = http.MethodPatch
			status, code := http.StatusMethodNotAllowed, "method-not-allowed"
			if allow == "" {
				status, code = http.StatusNotFound, "route-not-found"
			}
			err := s.serve(rec, r)
			e := weberr.As(err)
			if e.Status != status || e.Code != code || e.Message == "" || e.Title == "" || rec.h.Get("Allow") != allow {
				t.Errorf("%s%s: %+v, Allow %q; want %d and %q", host, path, e, rec.h.Get("Allow"), status, allow)
			}
		}
	}
	said(t, "another host", s.serve(newRecorder(), w.asked("https://"+evil+pathUser)), 404, "route-not-found")
	bad := w.asked("https://" + wiki + pathUser)
	bad.Host = "a b"
	said(t, "no host", s.serve(newRecorder(), bad), 400, "bad-request")
	said(t, "another spelling", s.serve(newRecorder(), w.asked("https://"+wiki+"/.pomerium%2F")), 404, "route-not-found")
	// A host in another spelling is the same host.
	upper := w.asked("https://" + wiki + "/.pomerium")
	upper.Host = strings.ToUpper(wiki) + ".:443"
	rec := newRecorder()
	if err := s.serve(rec, upper); err != nil || rec.h.Get("Location") != "https://"+wiki+"/.pomerium/" {
		t.Errorf("%v, sent to %s", err, rec.h.Get("Location"))
	}
}

func TestAnswersOfOursAreMarkedAndKeptByNobody(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for _, path := range []string{"/", "/.pomerium", "/.pomerium/", "/oauth2/callback", "/nothing"} {
		rec := newRecorder()
		s.ServeHTTP(rec, w.asked("https://"+homeAt+path))
		for name, want := range map[string]string{
			"X-Pomerium-Intercepted-Response": "true", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		} {
			if got := rec.h.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", path, name, got, want)
			}
		}
	}
	rec := newRecorder()
	r := w.asked("https://" + homeAt + "/")
	redirect(rec, r, "https://"+wiki+"/")
	if rec.status != http.StatusFound || rec.body.Len() != 0 {
		t.Errorf("a GET is sent on with %d and %q", rec.status, rec.body.String())
	}
	r.Method = http.MethodPost
	rec = newRecorder()
	if redirect(rec, r, "https://"+wiki+"/"); rec.status != http.StatusSeeOther || rec.h.Get("Location") != "https://"+wiki+"/" || rec.h.Get("Cache-Control") != "no-store" {
		t.Errorf("a POST is sent on with %d to %s", rec.status, rec.h.Get("Location"))
	}
}

func TestPublicDocumentsAreForEverybody(t *testing.T) {
	w := newWorld(t)
	w.install(w.newService(func(o *Options) {
		o.JWKS = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if rw.Header().Get("Cache-Control") == "" {
				rw.Header().Set("Cache-Control", "public, max-age=300")
			}
			_, _ = io.WriteString(rw, `{"keys":[]}`)
		})
	}))
	s := w.service.Load()
	for path, want := range map[string]struct{ kind, cache, cors, body string }{
		pathWellKnown: {"application/json; charset=utf-8", "public, max-age=60", "*", `"issuer":"https://login.localhost/"`},
		pathJWKS:      {"", "public, max-age=300", "*", `{"keys":[]}`},
		pathRobots:    {"text/plain; charset=utf-8", "no-store", "", "User-agent: *\nDisallow: /\n"},
	} {
		for _, host := range []string{homeAt, wiki} {
			rec := newRecorder()
			if err := s.serve(rec, w.asked("https://"+host+path)); err != nil {
				t.Fatal(path, err)
			}
			if rec.h.Get("Content-Type") != want.kind || rec.h.Get("Cache-Control") != want.cache || rec.h.Get("Access-Control-Allow-Origin") != want.cors || !strings.Contains(rec.body.String(), want.body) {
				t.Errorf("%s%s: %v %s", host, path, rec.h, rec.body.String())
			}
			if want.cors == "" {
				continue
			}
			r := w.asked("https://" + host + path)
			r.Method = http.MethodOptions
			rec = newRecorder()
			if err := s.serve(rec, r); err != nil || rec.status != http.StatusNoContent || rec.h.Get("Access-Control-Allow-Origin") != "*" ||
				rec.h.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" || rec.h.Get("Access-Control-Max-Age") != "600" {
				t.Errorf("preflight of %s%s: %d, %v, %v", host, path, rec.status, rec.h, err)
			}
		}
	}
	bare := w.newService(func(o *Options) { o.JWKS = nil })
	said(t, "no keys", bare.serve(newRecorder(), w.asked("https://"+wiki+pathJWKS)), 404, "route-not-found")
}
