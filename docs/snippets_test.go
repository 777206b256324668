package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const verifyPage = "docs/how-to/verify-the-assertion.md"

func snippet(t *testing.T, language string) string {
	t.Helper()
	for _, f := range read(t, filepath.Join(root, verifyPage)).fences {
		if f.info == language {
			return f.text
		}
	}
	t.Fatalf("%s shows no %s", verifyPage, language)
	return ""
}

// The Go that is shown is the Go that is tested; internal/e2e runs it and what is
// shown in other languages.
func TestShownGoIsTheExample(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "examples/verify/verify.go"))
	if err != nil {
		t.Fatal(err)
	}
	if shown := snippet(t, "go"); !strings.Contains(string(source), shown) {
		t.Errorf("%s differs from examples/verify/verify.go:\n%s", verifyPage, shown)
	}
}
