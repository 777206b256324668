package config

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/nearest"
	"sallyport/internal/ui"
)

// maxLogo bounds a logo: it travels with every page.
const maxLogo = 64 << 10

// maxTemplate bounds one template.
const maxTemplate = 256 << 10

var brandingKeys = []key[globals]{
	custom("branding", "mapping", func(g *globals, v value) {
		if entries, ok := v.pairs(); ok {
			decode(v.l, brandingTable, &g.Branding, entries)
		}
	}, "How the proxy's own pages look.").ours().sub(brandingTable.list()),
}

var brandingTable = newTable("branding", nil, []key[Branding]{
	works("name", textKind, func(b *Branding) *string { return &b.Name }, "The name at the head of each page and in its title.").unset("Sallyport"),
	custom("logo_file", "path", func(b *Branding, v value) { b.Logo = v.logo() },
		"A picture for the head of each page: SVG, PNG, JPEG, GIF or WebP, 64 KiB at most. It is shown 32 pixels high.").unset("a mark of ours"),
	custom("accent_color", "colour", func(b *Branding, v value) { b.Accent = v.accent(false) },
		`The colour of buttons, links and the mark, as "#rrggbb". It is checked to be readable on white.`).unset(`"#2f5d50"`),
	custom("accent_color_dark", "colour", func(b *Branding, v value) { b.AccentDark = v.accent(true) },
		"The same for dark pages.").unset("accent_color, made lighter until it can be read"),
	custom("support_url", "URL", func(b *Branding, v value) { b.SupportURL = v.supportURL() },
		"Where people find help: https: or mailto:. It stands at the foot of each page."),
	works("support_text", textKind, func(b *Branding) *string { return &b.SupportText }, "What that link says.").unset("Get help"),
	custom("template_dir", "path", func(b *Branding, v value) { b.Templates = v.templates() },
		"A folder of templates that take the place of ours, by name: "+strings.Join(ui.TemplateNames(), ", ")+". They are tried on sample pages as they are loaded."),
})

// logo is a picture file as a data: URL.
func (v value) logo() string {
	path, ok := v.pathText(false)
	if !ok {
		return ""
	}
	b, err := v.l.read(path)
	if err != nil {
		v.unreadable(path, false, err)
		return ""
	}
	kind := pictureKind(b)
	switch {
	case len(b) > maxLogo:
		v.fail("it travels with every page: make it smaller", "%q has %d bytes, at most %d are taken", path, len(b), maxLogo)
	case kind == "":
		v.fail("convert it to one of these", "%q is no SVG, PNG, JPEG, GIF or WebP", path)
	default:
		return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b)
	}
	return ""
}

// pictureKind is the media type of a picture by its content, "" for anything
// else.
func pictureKind(b []byte) string {
	switch kind := http.DetectContentType(b); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return kind
	}
	head := strings.ToLower(string(b[:min(len(b), 1024)]))
	if strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(head, "\ufeff")), "<") && strings.Contains(head, "<svg") {
		return "image/svg+xml"
	}
	return ""
}

func (v value) accent(dark bool) string {
	s, ok := v.word()
	if !ok {
		return ""
	}
	colour, ok := ui.Colour(s)
	if !ok {
		v.expected(`a colour such as "#2f5d50"`, "put it in quotes: # begins a comment")
		return ""
	}
	const least = 4.5 // WCAG 2.2, 1.4.3, level AA
	if c := ui.AccentContrast(colour, dark); c < least {
		ground := map[bool]string{false: "white", true: "the ground of dark pages"}[dark]
		v.warn(map[bool]string{false: "take a darker one", true: "take a lighter one"}[dark],
			"%s has a contrast of %.1f on %s, and text needs 4.5 (WCAG AA)", colour, c, ground)
	}
	return colour
}

func (v value) supportURL() string {
	s, ok := v.word()
	if !ok {
		return ""
	}
	if !ui.SupportLink(s) {
		v.expected("a URL that begins with https:// or mailto:", "")
		return ""
	}
	return s
}

// templates reads the folder. Each name is asked for, there or not, so that a
// file that comes later is noticed.
func (v value) templates() map[string]string {
	dir, ok := v.pathText(false)
	if !ok {
		return nil
	}
	if !v.checkFolder(dir) {
		return nil
	}
	out := map[string]string{}
	for _, name := range ui.TemplateNames() {
		path := filepath.Join(dir, name)
		b, err := v.l.read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			v.unreadable(path, false, err)
		case len(b) > maxTemplate:
			v.fail("make it smaller", "%q has %d bytes, at most %d are taken", path, len(b), maxTemplate)
		default:
			out[name] = string(b)
		}
	}
	for _, p := range ui.CheckTemplates(out) {
		v.l.fail(Position{File: filepath.Join(dir, p.File), Line: p.Line, Col: p.Col}, "compare it with the template of that name in internal/ui/templates", "%s", p.Message)
	}
	return maps.Clone(out)
}

// checkFolder looks for templates under names that nothing asks for.
func (v value) checkFolder(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		v.unreadable(dir, false, err)
		return false
	}
	ok := true
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if ext != ".html" && ext != ".css" || slices.Contains(ui.TemplateNames(), e.Name()) {
			continue
		}
		hint := "the names are " + strings.Join(ui.TemplateNames(), ", ")
		if near := nearest.To(e.Name(), ui.TemplateNames()); near != "" {
			hint = "did you mean \"" + near + "\"?"
		}
		v.fail(hint, "no page is made from %q", e.Name())
		ok = false
	}
	return ok
}
