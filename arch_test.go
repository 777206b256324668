// Package sallyport_test holds the rules of the tree that no reviewer should
// have to remember: which package may import which, that each says what it is
// for, and that certain libraries have one door each.
package sallyport_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "sallyport"

// layers is the one direction of imports. A package may import packages of
// lower layers, never one of its own layer or above; exceptions stand in extra.
var layers = [][]string{
	{"identity"},
	{"store", "telemetry"},
	{"session", "directory", "policy", "idp", "config"},
	{"authenticate", "authorize", "proxy", "certificates", "idp/okta", "idp/oidc"},
	{"server"},
	{"cmd/proxy", "examples"},
}

// extra are the edges inside a layer that the design allows.
var extra = map[string][]string{
	"config":            {"policy"},
	"session":           {"idp"},
	"directory":         {"idp"},
	"policy/facts":      {"policy"},
	"policy/policytest": {"policy", "policy/facts"},
	"store":             {},
	"store/bolt":        {"store"},
	"store/memory":      {"store"},
	"store/storetest":   {"store"},
}

// forbidden are downward edges that the direction alone would allow.
var forbidden = map[string][]string{
	"cmd/proxy": {"authenticate", "proxy", "session", "directory", "idp/oidc"},
}

// doors names the one package that imports a library.
var doors = map[string]string{
	"github.com/okta/okta-sdk-golang/v2":  "idp/okta",
	"github.com/gorilla/securecookie":     "session",
	"github.com/caddyserver/certmagic":    "certificates",
	"github.com/mholt/acmez":              "certificates",
	"go.uber.org/zap":                     "certificates",
	"go.etcd.io/bbolt":                    "store/bolt",
	"go.yaml.in/yaml":                     "config policy",
	"github.com/spf13/cobra":              "cmd/proxy",
	"github.com/coreos/go-oidc/v3":        "idp/oidc",
	"github.com/prometheus/client_golang": "telemetry server session store authenticate authorize proxy certificates idp/okta idp/oidc directory",
}

// testOnly are packages that no shipped package may import.
var testOnly = []string{"internal/acmetest", "internal/certtest", "internal/oktatest", "internal/upstreamtest", "internal/harness", "store/storetest"}

type source struct {
	pkg     string // directory relative to the root, slash separated
	file    string
	test    bool
	doc     bool
	imports []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "build") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{pkg: filepath.ToSlash(filepath.Dir(path)), file: path, test: strings.HasSuffix(path, "_test.go"), doc: f.Doc != nil}
		for _, imp := range f.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			s.imports = append(s.imports, p)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// layerOf returns the layer of a package of ours, -1 for those outside the
// table (internal leaves).
func layerOf(pkg string) int {
	for i, names := range layers {
		for _, name := range names {
			if pkg == name || strings.HasPrefix(pkg, name+"/") && !strings.HasPrefix(pkg, "idp/") {
				return i
			}
		}
	}
	return -1
}

func TestImportsRunOneWay(t *testing.T) {
	for _, s := range sources(t) {
		from := layerOf(s.pkg)
		if s.test || s.pkg == "." {
			continue
		}
		for _, imp := range s.imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			layer := layerOf(to)
			switch {
			case slices.Contains(forbidden[s.pkg], to):
				t.Errorf("%s: %s must not import %s", s.file, s.pkg, to)
			case layer < 0 || from < 0: // internal leaves are checked below
			case slices.Contains(extra[s.pkg], to):
			case layer >= from && s.pkg != to:
				t.Errorf("%s: %s imports %s, against the direction", s.file, s.pkg, to)
			}
		}
	}
}

func TestInternalPackagesAreLeaves(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !strings.HasPrefix(s.pkg, "internal/") || slices.Contains(testOnly, s.pkg) || s.pkg == "internal/docgen" {
			continue
		}
		for _, imp := range s.imports {
			if to, ours := strings.CutPrefix(imp, module+"/"); ours && layerOf(to) > 2 {
				t.Errorf("%s: %s imports %s; internal packages stay below the services", s.file, s.pkg, to)
			}
		}
	}
}

func TestShippedPackagesDoNotImportTestParts(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || slices.Contains(testOnly, s.pkg) || strings.HasPrefix(s.pkg, "examples/") || strings.HasPrefix(s.pkg, "internal/e2e") {
			continue
		}
		for _, imp := range s.imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if ours && slices.Contains(testOnly, to) || imp == "testing" {
				t.Errorf("%s: %s imports %s", s.file, s.pkg, imp)
			}
		}
	}
}

func TestLibrariesHaveOneDoor(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || slices.Contains(testOnly, s.pkg) || strings.HasPrefix(s.pkg, "examples/") || strings.HasPrefix(s.pkg, "internal/") {
			continue
		}
		for _, imp := range s.imports {
			for lib, owners := range doors {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.ContainsFunc(strings.Fields(owners), func(o string) bool {
					return s.pkg == o || strings.HasPrefix(s.pkg, o+"/")
				}) {
					t.Errorf("%s: %s imports %s, which belongs to %s", s.file, s.pkg, imp, owners)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.pkg] = documented[s.pkg] || s.doc
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}
