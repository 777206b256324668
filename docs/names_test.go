package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

var command = regexp.MustCompile("(?m)(?:`|^|/bin/|\\./cmd/proxy |ExecStart=/usr/local/bin/)(?:bin/)?sallyport ((?:[a-z]+ ?)*)((?:--?[a-z]+(?:-[a-z]+)*(?:[ =][A-Za-z0-9./%@:_-]+)? ?)*)")

var flagName = regexp.MustCompile(`(?:^| )(--?[a-z]+(?:-[a-z]+)*)`)

// Each command that a text names is one the program has, with these flags.
func TestCommandsExist(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sallyport")
	build := exec.Command("go", "build", "-o", binary, "./cmd/proxy")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	help := map[string]string{}
	for _, p := range pages(t) {
		text := p.prose
		for _, f := range p.fences {
			text += "\n" + f.text
		}
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			words := strings.TrimSpace(m[1])
			if _, ok := help[words]; !ok {
				out, err := exec.Command(binary, append(strings.Fields(words), "--help")...).CombinedOutput()
				if err != nil || !strings.Contains(string(out), strings.TrimSpace("sallyport "+words)) {
					t.Errorf("%s: no command %q:\n%s", p.path, "sallyport "+words, out)
				}
				help[words] = string(out)
			}
			for _, flag := range flagName.FindAllStringSubmatch(m[2], -1) {
				if name := "--" + strings.TrimLeft(flag[1], "-"); !strings.Contains(help[words], name) {
					t.Errorf("%s: %q has no flag %s", p.path, "sallyport "+words, name)
				}
			}
		}
	}
	if len(help) < 5 {
		t.Errorf("only %d commands were found in the texts", len(help))
	}
}

func TestMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)")
	for _, p := range pages(t) {
		text := p.prose
		for _, f := range p.fences {
			text += "\n" + f.text
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
				t.Errorf("%s: there is no target %q", p.path, m[1])
			}
		}
	}
}

// goFiles parses every Go file of the tree.
func goFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	out := map[string]*ast.File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			out[path] = file
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A test that the texts name in backticks is there, under that very name.
func TestNamedTestsExist(t *testing.T) {
	have := map[string]bool{}
	for _, file := range goFiles(t) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				have[f.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)`")
	for _, p := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(p.prose, -1) {
			if !have[m[1]] {
				t.Errorf("%s names %s, which does not exist", p.path, m[1])
			}
		}
	}
}

// Every code that the source can answer with is explained, and no other.
func TestErrorCodesAreAllExplained(t *testing.T) {
	explained := map[string]bool{}
	text := read(t, filepath.Join(root, "docs/reference/error-codes.md")).prose
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(text, -1) {
		explained[m[1]] = false
	}
	for path, file := range goFiles(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, code := range errorCodes(file) {
			if _, ok := explained[code]; !ok {
				t.Errorf("%s answers with code %q, which docs/reference/error-codes.md does not explain", path, code)
			}
			explained[code] = true
		}
	}
	for code, used := range explained {
		if !used {
			t.Errorf("docs/reference/error-codes.md explains %q, which nothing answers with", code)
		}
	}
}

// errorCodes finds Code: "..." in literals of weberr.Error and e.Code = "...".
func errorCodes(file *ast.File) (codes []string) {
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) > 2 {
			codes = append(codes, strings.Trim(lit.Value, `"`))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if name := fmt.Sprint(typeName(n.Type)); name != "weberr.Error" && (name != "Error" || file.Name.Name != "weberr") {
				return true
			}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && fmt.Sprint(kv.Key) == "Code" {
					add(kv.Value)
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if sel, ok := left.(*ast.SelectorExpr); ok && sel.Sel.Name == "Code" && i < len(n.Rhs) {
					add(n.Rhs[i])
				}
			}
		}
		return true
	})
	return codes
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}

// The Go version in the texts is the one of go.mod.
func TestGoVersionIsTheOneOfTheModule(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
	if m == nil {
		t.Fatal("go.mod names no version")
	}
	for _, p := range pages(t) {
		for _, named := range regexp.MustCompile(`Go (1\.\d+)`).FindAllStringSubmatch(p.prose, -1) {
			if named[1] != m[1] {
				t.Errorf("%s asks for Go %s, go.mod for %s (this is %s)", p.path, named[1], m[1], runtime.Version())
			}
		}
	}
}
