package oktatest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed pages/style.css
var pageStyle string

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// titles are the headings of the pages.
var titles = map[string]string{
	"signin": "Sign in", "home": "Stand-in Okta", "signedout": "Signed out", "error": "400 Bad Request",
}

type signInPage struct{ Key, Username, App, Problem string }

type homePage struct{ Login string }

type errorPage struct{ Code, Description string }

// pagePolicy lets the page's one style through and nothing else. There is no
// form-action: browsers apply it to every redirect that follows the form too, and
// those lead to wherever the application lives.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; frame-ancestors 'none'"
}()

// show writes a page. Pages have no script.
func (k *Okta) show(w http.ResponseWriter, status int, name string, page any) {
	var b bytes.Buffer
	err := pages.ExecuteTemplate(&b, name, struct {
		Title, Org, URL, Hint, SignInPath, SignOutPath string
		Style                                          template.CSS
		Page                                           any
	}{titles[name], k.opts.OrgName, k.url, k.opts.Hint, signInPath, signOutPath, template.CSS(pageStyle), page})
	if err != nil {
		errInternal.write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-cache, no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// showError tells the person what the client did wrong: Okta does so where it
// does not know where to send them.
func (k *Okta) showError(w http.ResponseWriter, e oauthError) {
	k.show(w, http.StatusBadRequest, "error", errorPage{e.code, e.description})
}
