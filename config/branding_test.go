package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersCORSAndMaintenanceReachTheRoute(t *testing.T) {
	body, err := os.ReadFile("testdata/branding.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := loadTestdata(t, "testdata/branding.good.yml", body)
	if cfg == nil {
		t.Fatal(problems)
	}
	r := cfg.Routes[0]
	want := []string{"https://app.example.com", "http://localhost:3000", "http://dev.example.com"}
	if diff := cmp.Diff(want, r.CORS.AllowOrigins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	if r.Answers != "json" || r.Maintenance == nil || r.Maintenance.Message != "back at six" || r.Maintenance.RetryAfter.Hours() != 1 {
		t.Errorf("route = %+v", r)
	}
	b := cfg.Branding
	if !strings.HasPrefix(b.Logo, "data:image/svg+xml;base64,") || b.Accent != "#7a1fa2" || b.Name != "Acme" || len(b.Templates) != 1 {
		t.Errorf("branding = %+v", b)
	}
}

// A file that is put into the folder later is noticed, since its name was asked
// for; one that changes gives another configuration.
func TestTemplatesAreWatched(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "error.html")
	text := "branding: {template_dir: " + dir + "}\nroutes: []\n"
	hashes := map[string]bool{}
	for _, content := range []string{"", "{{define \"body\"}}one{{end}}", "{{define \"body\"}}two{{end}}"} {
		if content != "" {
			if err := os.WriteFile(page, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, problems := Load(LoadOptions{File: "config.yaml", Bytes: []byte(text + baseText()), Now: testNow})
		if cfg == nil {
			t.Fatal(problems)
		}
		if !slices.Contains(cfg.Files, page) {
			t.Errorf("%s is not watched", page)
		}
		hashes[cfg.Hash] = true
	}
	if len(hashes) != 3 {
		t.Errorf("three contents gave %d hashes", len(hashes))
	}
}

// baseText is what every configuration needs, as YAML.
func baseText() string {
	var b strings.Builder
	for key, text := range base {
		b.WriteString(key + ": " + text + "\n")
	}
	return b.String()
}

func TestPicturesAreKnownByTheirContent(t *testing.T) {
	for content, want := range map[string]string{
		"\x89PNG\r\n\x1a\n....": "image/png", "GIF89a....": "image/gif", "\xff\xd8\xff\xe0..": "image/jpeg", "RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
		"<?xml version='1.0'?>\n<!-- x -->\n<svg/>": "image/svg+xml", "\ufeff <svg/>": "image/svg+xml",
		"<html><p>svg</p>": "", "not <svg": "", "": "", "%PDF-1.4": "",
	} {
		if got := pictureKind([]byte(content)); got != want {
			t.Errorf("%q is %q, want %q", content, got, want)
		}
	}
}

func TestABigLogoIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logo.svg")
	if err := os.WriteFile(path, []byte("<svg>"+strings.Repeat(" ", maxLogo)+"</svg>"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems := Load(LoadOptions{File: "config.yaml", Bytes: []byte("branding: {logo_file: " + path + "}\nroutes: []\n" + baseText()), Now: testNow})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "at most 65536") {
		t.Errorf("problems = %v", problems)
	}
}
