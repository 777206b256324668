package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPagesAreWhatCodeSays(t *testing.T) {
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			path := filepath.Join("..", "..", "docs", "reference", p.name)
			on, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(on), p.render()); diff != "" {
				t.Errorf("%s is stale, run: go run ./internal/docgen\non disk (-), from code (+):\n%s", p.name, diff)
			}
		})
	}
}
