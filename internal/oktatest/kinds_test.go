package oktatest

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKindsAreOktas compares the types of events with Okta's published
// catalogue: that they exist, what they are shown as, whether hooks get them.
func TestKindsAreOktas(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "okta-data", "logs", "okta-event-types.csv"))
	if err != nil {
		t.Skipf("SKIPPED: Okta's catalogue of events is not there: %v", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, r := range rows {
		known[r[0]] = r
	}
	for name, k := range kinds {
		row, ok := known[name]
		if !ok {
			t.Errorf("Okta has no event type %q", name)
			continue
		}
		if hook := strings.Contains(row[3], "event-hook-eligible"); hook != k.hook {
			t.Errorf("%s: got hook %v, want %v", name, k.hook, hook)
		}
		if name != appUserAdded && !strings.HasPrefix(row[1], k.message) { // whose recorded event says it otherwise
			t.Errorf("%s: got message %q, want the beginning of %q", name, k.message, row[1])
		}
	}
	if len(kinds) < 30 {
		t.Errorf("got %d types, want all that are written", len(kinds))
	}
}
