package ui

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	layoutFile = "layout.html"
	partsFile  = "parts.html"
	styleFile  = "style.css"
)

// pageNames are the templates that stand inside layout.html.
var pageNames = []string{"error", "user", "sessions", "sign_out", "signed_out", "program", "lapsed", "popup"}

// TemplateNames are the files that an operator may replace.
func TemplateNames() []string {
	names := []string{layoutFile, partsFile, styleFile}
	for _, name := range pageNames {
		names = append(names, name+".html")
	}
	return names
}

// set is templates made ready: the pages, and the style that they carry.
type set struct {
	style     template.CSS
	styleHash string // CSP source, with quotes
	pages     map[string]*template.Template
}

// newSet makes the pages of own files where there are any, else of ours.
func newSet(own map[string]string, brand Brand, funcs template.FuncMap) (*set, error) {
	css, err := source(own, styleFile)
	if err != nil {
		return nil, err
	}
	if own[styleFile] == "" {
		css = squeezeCSS(css)
	}
	if i := strings.Index(css, "</"); i >= 0 {
		return nil, fmt.Errorf("template: %s:%d: a stylesheet cannot hold %q", styleFile, 1+strings.Count(css[:i], "\n"), "</")
	}
	css += brand.style()
	s := &set{style: template.CSS(css), styleHash: hashSource(css), pages: map[string]*template.Template{}}
	for _, name := range pageNames {
		if s.pages[name], err = parsePage(own, name, funcs); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func parsePage(own map[string]string, name string, funcs template.FuncMap) (*template.Template, error) {
	t := template.New(layoutFile).Funcs(funcs)
	for _, file := range []string{layoutFile, partsFile, name + ".html"} {
		text, err := source(own, file)
		if err != nil {
			return nil, err
		}
		part := t
		if file != layoutFile {
			part = t.New(file)
		}
		if _, err := part.Parse(text); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func source(own map[string]string, file string) (string, error) {
	if text, ok := own[file]; ok {
		return text, nil
	}
	text, err := files.ReadFile("templates/" + file)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	return string(text), nil
}

// TemplateProblem is what is wrong with an operator's template. Line and Col
// begin with 1 and are 0 where they are not known.
type TemplateProblem struct {
	File      string
	Line, Col int
	Message   string
}

// CheckTemplates tries an operator's templates on a sample of every page, since
// much that is wrong with a template only shows when it is executed.
func CheckTemplates(own map[string]string) []TemplateProblem {
	if len(own) == 0 {
		return nil
	}
	p, err := New(Options{Templates: own})
	if err != nil {
		return []TemplateProblem{templateProblem(err, "")}
	}
	var problems []TemplateProblem
	note := func(page string, err error) {
		found := templateProblem(err, page+".html")
		if _, theirs := own[found.File]; !theirs { // ours stumbled over what theirs left out
			found.File, found.Line, found.Col = page+".html", 0, 0
		}
		if !slices.Contains(problems, found) {
			problems = append(problems, found)
		}
	}
	p.failed = note
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept", "text/html")
	for _, name := range SampleNames() {
		p.Sample(name, httptest.NewRecorder(), r)
	}
	slices.SortFunc(problems, func(a, b TemplateProblem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return problems
}

// place is how both template packages of the library begin their errors.
var place = regexp.MustCompile(`^(?:html/)?template: ?([a-z_]+\.(?:html|css)):(\d+)(?::(\d+))?: (?s:(.*))`)

func templateProblem(err error, page string) TemplateProblem {
	m := place.FindStringSubmatch(err.Error())
	if m == nil {
		return TemplateProblem{File: page, Message: err.Error()}
	}
	line, _ := strconv.Atoi(m[2])
	col, _ := strconv.Atoi(m[3])
	return TemplateProblem{File: m[1], Line: line, Col: col, Message: m[4]}
}
