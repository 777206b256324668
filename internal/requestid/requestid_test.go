package requestid

import (
	"context"
	"strings"
	"testing"
)

func TestContextCarriesTheID(t *testing.T) {
	ctx := With(context.Background(), "abc")
	if got := From(ctx); got != "abc" {
		t.Errorf("From = %q, want abc", got)
	}
	if got := From(context.Background()); got != "" {
		t.Errorf("From of a bare context = %q", got)
	}
}

func TestNewIsUniqueAndValid(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := New()
		if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || !Valid(id) {
			t.Fatalf("New = %q, want 32 hexadecimal digits", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}

func TestValidRefusesWhatBreaksLogsAndHeaders(t *testing.T) {
	for _, id := range []string{"a", "A-b_c.d:9", strings.Repeat("x", 128)} {
		if !Valid(id) {
			t.Errorf("Valid(%q) = false", id)
		}
	}
	for _, id := range []string{"", strings.Repeat("x", 129), "a b", "a\r\nX: y", "a\x1b[31m", "é", `a"b`, "<a>"} {
		if Valid(id) {
			t.Errorf("Valid(%q) = true", id)
		}
	}
}
