package docs_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The pages that help to find a fault quote the log and the texts of pages: each
// first cell of their tables in backticks is a setting, or stands in the source.
func TestQuotedLogTextsExist(t *testing.T) {
	source := literals(t)
	cell := regexp.MustCompile("`([a-z][^`]* [^`]*)`")
	checked := 0
	for _, name := range []string{"debug-a-sign-in-loop.md", "debug-a-lost-session.md"} {
		for _, m := range cell.FindAllStringSubmatch(tables(t, name), -1) {
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
	if checked < 7 {
		t.Errorf("only %d texts were found", checked)
	}
}

// The reasons and fields of decision records that the page on denials explains
// are those that are written.
func TestExplainedReasonsExist(t *testing.T) {
	source := literals(t)
	word := regexp.MustCompile("`([a-z]+(?:-[a-z]+)+)`")
	checked := 0
	for _, m := range word.FindAllStringSubmatch(tables(t, "debug-a-denial.md"), -1) {
		checked++
		said := strings.TrimPrefix(m[1], "allow") // the record puts the effect before "-why-true"
		if said = strings.TrimPrefix(said, "deny"); !strings.Contains("\n"+source+"\n", "\n"+said+"\n") {
			t.Errorf("debug-a-denial.md explains %q, which nothing says", m[1])
		}
	}
	if checked < 15 {
		t.Errorf("only %d words were found", checked)
	}
}

// Every warning that can be silenced by its code is explained, and no other.
func TestWarningCodesAreExplained(t *testing.T) {
	explained := tables(t, "check-a-configuration.md")
	constant := regexp.MustCompile(`(?m)^(?:const )?\s*(?:Lint|code|Code)[A-Z]\w+\s*= "([a-z-]+)"`)
	n := 0
	for _, file := range []string{"policy/lint.go", "policy/examine.go", "policy/facts/unknown.go", "config/lint.go"} {
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(source), -1) {
			n++
			if !strings.Contains(explained, "| `"+m[1]+"` |") {
				t.Errorf("%s: warning %s is not explained", file, m[1])
			}
		}
	}
	if rows := strings.Count(explained, "\n| `"); n != rows || n < 10 {
		t.Errorf("%d codes, %d explained", n, rows)
	}
}

// tables are the lines of a how-to page's tables.
func tables(t *testing.T, name string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(read(t, filepath.Join(root, "docs/how-to", name)).prose) {
		if strings.HasPrefix(line, "|") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// literals are all texts of the source, a line each.
func literals(t *testing.T) string {
	t.Helper()
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
	return strings.Join(literals, "\n")
}
