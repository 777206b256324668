// Package ui renders everything that Sallyport itself says to a client: errors,
// the user page, sign-out, the consent for programs. One error is told in the
// form that the client can use: a page to a person, JSON to a script, a status
// to a gRPC or Kubernetes client (client.go decides which).
//
// Pages are html/template, embedded or the operator's own (templates.go), without
// any resource from elsewhere; the one stylesheet is inlined and allowed by its
// hash, and so is the one script, of the page that closes itself. What is
// wrong and what to do is said by internal/weberr and by the callers; nothing
// here decides who may see what, beyond showing no more than it is handed.
package ui

import (
	"embed"
	"html/template"
	"time"
)

//go:embed templates/*.html templates/style.css
var files embed.FS

// Options is what New needs; the zero value is good.
type Options struct {
	Brand Brand
	// Templates are the operator's own, by the names of TemplateNames.
	Templates map[string]string
	Now       func() time.Time // nil: time.Now
}

// Renderer writes pages and answers. It is safe for use by many goroutines and
// never changes after New.
type Renderer struct {
	brand  brandView
	now    func() time.Time
	set    *set // what pages are made of
	plain  *set // ours, for a page that the operator's templates fail on
	failed func(page string, err error)
}

// New parses the templates; it fails only if they are broken.
func New(o Options) (*Renderer, error) {
	p := &Renderer{brand: o.Brand.view(), now: o.Now, failed: func(string, error) {}}
	if p.now == nil {
		p.now = time.Now
	}
	var err error
	if p.plain, err = newSet(nil, o.Brand, p.funcs()); err != nil {
		return nil, err
	}
	p.set = p.plain
	if len(o.Templates) > 0 {
		if p.set, err = newSet(o.Templates, o.Brand, p.funcs()); err != nil {
			return nil, err
		}
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
		"count": count,
		"ago":   func(t time.Time) string { return relative(t, p.now()) },
	}
}
