package server_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/harness"
)

var update = flag.Bool("update", false, "write docs/reference/metrics.md anew")

const metricsFile = "../docs/reference/metrics.md"

// TestMetricsReferenceIsCurrent holds the reference page to what a running
// instance registers. `go test ./server -run Reference -update` writes it.
func TestMetricsReferenceIsCurrent(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	page := metricsPage(t, w.Server.Describe)
	if *update {
		if err := os.WriteFile(metricsFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(metricsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page, string(have)); diff != "" {
		t.Errorf("docs/reference/metrics.md is stale; run `go test ./server -run Reference -update`\n%s", diff)
	}
}

// descText is how client_golang prints a description; it offers no other way to
// read one.
var descText = regexp.MustCompile(`fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)", (?:unit: "[^"]*", )?constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

func metricsPage(t *testing.T, describe func(chan<- *prometheus.Desc)) string {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() { describe(descs); close(descs) }()
	rows := map[string]string{}
	for d := range descs {
		m := descText.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("description not understood: %s", d)
		}
		if name := m[1]; strings.HasPrefix(name, "sallyport_") {
			rows[name] = fmt.Sprintf("| `%s` | %s | %s |\n", name, labels(m[3], m[4]), strings.ReplaceAll(m[2], `\"`, `"`))
		}
	}
	names := make([]string, 0, len(rows))
	for name := range rows {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("# Metrics\n\n<!-- generated from the code: go test ./server -run Reference -update -->\n\n")
	b.WriteString("Served in Prometheus' format at `metrics_address` under `/metrics`, beside Go's own (`go_*`, `process_*`).\nThe label `route` is a route's name, or its id, never a path.\n\n| metric | labels | what it is |\n|---|---|---|\n")
	for _, name := range names {
		b.WriteString(rows[name])
	}
	return b.String()
}

// labels joins the names of constant and variable labels.
func labels(constant, variable string) string {
	var names []string
	for _, pair := range strings.Split(constant, ",") {
		if name, _, ok := strings.Cut(pair, "="); ok {
			names = append(names, "`"+name+"`")
		}
	}
	for _, name := range strings.Split(variable, ",") {
		if name != "" {
			names = append(names, "`"+name+"`")
		}
	}
	return strings.Join(names, ", ")
}
