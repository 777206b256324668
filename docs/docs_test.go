// Package docs_test holds the texts to what they say: links lead somewhere,
// configurations load, commands and tests that are named exist, code that is
// shown is the code that runs.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository, seen from here.
const root = ".."

// page is one Markdown file.
type page struct {
	path   string // relative to root
	prose  string // without fenced blocks
	fences []fence
}

// fence is a fenced block: the words after the backticks, and what stands inside.
type fence struct {
	info, text string
	line       int
}

var fenced = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// pages are the texts at the root and below docs.
func pages(t *testing.T) []page {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found %d texts, expected all of them", len(files))
	}
	all := make([]page, 0, len(files))
	for _, f := range files {
		all = append(all, read(t, f))
	}
	return all
}

func read(t *testing.T, path string) page {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	rel, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	p := page{path: rel}
	last := 0
	for _, m := range fenced.FindAllStringSubmatchIndex(text, -1) {
		p.prose += text[last:m[0]]
		p.fences = append(p.fences, fence{
			info: text[m[2]:m[3]], text: text[m[4]:m[5]], line: strings.Count(text[:m[0]], "\n") + 1,
		})
		last = m[1]
	}
	p.prose += text[last:]
	return p
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	nonSlug = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// slugs are the anchors that a Markdown reader makes of the headings.
func slugs(p page) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(p.prose, -1) {
		s := nonSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		out[strings.ReplaceAll(s, " ", "-")] = true
	}
	return out
}

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			path := filepath.Join(root, filepath.Dir(p.path), target)
			if target == "" {
				path = filepath.Join(root, p.path)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %q, which does not exist", p.path, m[1])
				continue
			}
			if anchor != "" && !slugs(read(t, path))[anchor] {
				t.Errorf("%s links to %q, but there is no such heading", p.path, m[1])
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d links were checked", checked)
	}
}

// Every page can be reached from the index.
func TestEveryPageIsLinked(t *testing.T) {
	all := pages(t)
	linked := map[string]bool{"README.md": true}
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			linked[filepath.Join(filepath.Dir(p.path), target)] = true
		}
	}
	for _, p := range all {
		if !linked[p.path] {
			t.Errorf("no page links to %s", p.path)
		}
	}
}

// The texts are about the project and nothing else, and they are finished.
func TestTextsAreFinished(t *testing.T) {
	unfinished := regexp.MustCompile(`(?i)\b(TODO|FIXME|TBD|lorem ipsum|coming soon)\b|/work/`)
	for _, p := range pages(t) {
		if m := unfinished.FindString(p.prose); m != "" {
			t.Errorf("%s says %q", p.path, m)
		}
	}
}
