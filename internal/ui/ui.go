// Package ui renders everything that Sallyport itself says to a client: errors,
// the user page, sign-out, the consent for programs. One error is told in the
// form that the client can use: a page to a person, JSON to a script, a status
// to a gRPC client (client.go decides which).
//
// Pages are html/template, embedded, without script and without any resource
// from elsewhere; the one stylesheet is inlined and allowed by its hash. What is
// wrong and what to do is said by internal/weberr and by the callers; nothing
// here decides who may see what, beyond showing no more than it is handed.
package ui

import (
	"embed"
	"fmt"
	"html/template"
	"time"
)

//go:embed templates/*.html templates/style.css
var files embed.FS

// Brand is how the pages introduce themselves.
type Brand struct {
	Name string // product or organisation; "" is "Sallyport"
}

// Options is what New needs; the zero value is good.
type Options struct {
	Brand Brand
	Now   func() time.Time // nil: time.Now
}

// Renderer writes pages and answers. It is safe for use by many goroutines and
// never changes after New.
type Renderer struct {
	brand     Brand
	now       func() time.Time
	style     template.CSS
	styleHash string // CSP source, with quotes
	pages     map[string]*template.Template
}

// pageNames are the templates that stand inside layout.html.
var pageNames = []string{"error", "user", "sign_out", "signed_out", "program", "lapsed"}

// New parses the embedded templates; it fails only if they are broken.
func New(o Options) (*Renderer, error) {
	css, err := files.ReadFile("templates/style.css")
	if err != nil {
		return nil, fmt.Errorf("read stylesheet: %w", err)
	}
	p := &Renderer{brand: o.Brand, now: o.Now, pages: make(map[string]*template.Template, len(pageNames))}
	if p.brand.Name == "" {
		p.brand.Name = "Sallyport"
	}
	if p.now == nil {
		p.now = time.Now
	}
	small := squeezeCSS(string(css))
	p.style, p.styleHash = template.CSS(small), hashSource(small)
	for _, name := range pageNames {
		t, err := template.New("layout.html").Funcs(p.funcs()).
			ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parse page %q: %w", name, err)
		}
		p.pages[name] = t
	}
	return p, nil
}

// funcs are the few words templates know. Every text from outside passes
// through clean, every address through link.
func (p *Renderer) funcs() template.FuncMap {
	return template.FuncMap{
		"clean": clean,
		"link":  link,
		"stamp": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"now":   p.now,
		"span":  span,
		"ago":   func(t time.Time) string { return relative(t, p.now()) },
	}
}
