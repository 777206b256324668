package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport/internal/requestid"
)

// page is what layout.html is executed with.
type page struct {
	Title  string
	Status int // 0: 200
	// Forms says that the page holds a form; FormTargets are the origins its
	// answer may redirect to.
	Forms       bool
	FormTargets []string
	// Script is one of ours; it is the only one that the page may run.
	Script template.JS
	// Sandbox gives the page an origin of its own: a window that a script of the
	// application opened is otherwise of one origin with it, and read by it.
	Sandbox bool
	Body    any

	Brand brandView
	Style template.CSS
}

// page renders into memory first, so that a fault half-way never leaves half a
// page behind. One that the operator's templates cannot show is shown by ours.
func (p *Renderer) page(w http.ResponseWriter, r *http.Request, name string, v page) {
	v.Brand = p.brand
	from := p.set
	out, err := from.execute(name, v)
	if err != nil && from != p.plain {
		p.failed(name, err)
		from = p.plain
		out, err = from.execute(name, v)
	}
	if err != nil {
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	ours(w, r)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", v.policy(from.styleHash))
	if v.Forms {
		// With no-referrer browsers send "Origin: null" along with a form, and the
		// receiving side could not tell our page from a stranger's.
		h.Set("Referrer-Policy", "same-origin")
	}
	status := v.Status
	if status == 0 {
		status = http.StatusOK
	}
	send(w, r, status, out)
}

func (s *set) execute(name string, v page) ([]byte, error) {
	v.Style = s.style
	var out bytes.Buffer
	err := s.pages[name].Execute(&out, v)
	return out.Bytes(), err
}

// policy is the page's Content-Security-Policy. Browsers apply form-action to
// the redirects after a form too, hence the targets.
func (v page) policy(styleHash string) string {
	action := "'none'"
	if v.Forms {
		action = "'self'"
		for _, t := range v.FormTargets {
			if o := origin(t); o != "" {
				action += " " + o
			}
		}
	}
	script := ""
	if v.Script != "" {
		script = " script-src " + hashSource(string(v.Script)) + ";"
	}
	sandbox := ""
	if v.Sandbox {
		sandbox = " sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation;"
	}
	return "default-src 'none';" + sandbox + script + " style-src " + styleHash + "; img-src 'self' data:; form-action " + action +
		"; frame-ancestors 'none'; base-uri 'none'"
}

// ours sets what every answer of our own making carries, and drops what belongs
// to an answer that is no more.
func ours(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for _, stale := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Accept-Ranges"} {
		h.Del(stale)
	}
	h.Set("X-Pomerium-Intercepted-Response", "true")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if id := requestid.From(r.Context()); requestid.Valid(id) {
		h.Set(requestid.Header, id)
	}
}

func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone: nobody to tell
	}
}

// origin reduces an address to a CSP source, "" if it has none. The characters
// that end a source or a directive cannot be part of a host.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.ContainsAny(u.Host, ";, '\"*") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func hashSource(inline string) string {
	sum := sha256.Sum256([]byte(inline))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// squeezeCSS drops comments and indentation: the stylesheet travels with every
// page.
func squeezeCSS(s string) string {
	for {
		start := strings.Index(s, "/*")
		if start < 0 {
			break
		}
		end := strings.Index(s[start:], "*/")
		if end < 0 {
			break
		}
		s = s[:start] + s[start+end+2:]
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}
