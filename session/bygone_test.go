package session

import (
	"testing"
	"time"
)

func TestBygoneIDsAreForgottenInTwoSteps(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var b bygone
	b.add("first", start)
	b.add("second", start.Add(bygoneFor))
	for _, tt := range []struct {
		after         time.Duration
		first, second bool
	}{
		{bygoneFor, true, true},
		{2*bygoneFor - 1, true, true},
		{2 * bygoneFor, false, true},
		{3*bygoneFor - 1, false, true},
		{3 * bygoneFor, false, false},
	} {
		if first, second := b.has("first", start.Add(tt.after)), b.has("second", start.Add(tt.after)); first != tt.first || second != tt.second {
			t.Errorf("after %s: remembered %v and %v, want %v and %v", tt.after, first, second, tt.first, tt.second)
		}
	}

	b = bygone{}
	b.add("unasked", start)
	if b.has("unasked", start.Add(2*bygoneFor)) {
		t.Error("an id is remembered for longer because nobody asked meanwhile")
	}
	b.add("clock", start.Add(time.Hour))
	if b.has("clock", start) {
		t.Error("an id is remembered although the clock was set back")
	}
}

func TestBygoneIDThatIsOneAfterAllIsNoLonger(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, age := range map[string]time.Duration{"young": 0, "old": bygoneFor} {
		var b bygone
		b.add("id", start)
		b.has("id", start.Add(age))
		b.remove("id")
		if b.has("id", start.Add(age)) {
			t.Errorf("%s: still remembered", name)
		}
	}
}

func TestBygoneIDsNeverExceedTheirBound(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var b bygone
	for range 3 * bygoneBound {
		b.add(newID(), start)
		if len(b.young) > bygoneBound || len(b.old) > bygoneBound {
			t.Fatalf("%d and %d ids remembered, want at most %d each", len(b.young), len(b.old), bygoneBound)
		}
	}
}
