// Command docgen writes the pages of docs/reference that are made from code:
//
//	go run ./internal/docgen
//
// Its test fails while a page is not what it would write. A page is one entry of
// pages; what it says is taken from the package that it is about.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// page is one generated file.
type page struct {
	name   string // below docs/reference
	render func() string
}

var pages = []page{
	{"configuration.md", configuration},
	{"policy.md", policies},
}

func main() {
	dir := flag.String("dir", filepath.Join("docs", "reference"), "where the pages are")
	flag.Parse()
	for _, p := range pages {
		path := filepath.Join(*dir, p.name)
		if err := os.WriteFile(path, []byte(p.render()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "docgen:", err)
			os.Exit(1)
		}
	}
}
