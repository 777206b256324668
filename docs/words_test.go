package docs_test

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The pages that help to find a fault quote the log and the texts of pages: each
// first cell of their tables in backticks is a setting, or stands in the source.
func TestQuotedLogTextsExist(t *testing.T) {
	var literals []string
	for path, file := range goFiles(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					literals = append(literals, text)
				}
			}
			return true
		})
	}
	source := strings.Join(literals, "\n")
	cell := regexp.MustCompile("`([a-z][^`]* [^`]*)`")
	checked := 0
	for _, name := range []string{"debug-a-sign-in-loop.md", "debug-a-lost-session.md"} {
		for line := range strings.Lines(read(t, filepath.Join(root, "docs/how-to", name)).prose) {
			if !strings.HasPrefix(line, "|") {
				continue
			}
			for _, m := range cell.FindAllStringSubmatch(line, -1) {
				text := strings.TrimPrefix(m[1], "session ended: ") // joined when it is logged
				if strings.HasPrefix(text, "sallyport ") || strings.Contains(text, ": memory") {
					continue
				}
				checked++
				if !strings.Contains(source, text) {
					t.Errorf("%s quotes %q, which nothing says", name, m[1])
				}
			}
		}
	}
	if checked < 7 {
		t.Errorf("only %d texts were found", checked)
	}
}
