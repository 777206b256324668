package identity

import "testing"

func TestNumbersAreNeverTakenForTheirNeighbours(t *testing.T) {
	for literal, want := range map[string]any{
		"0": 0.0, "-1": -1.0, "1.5": 1.5, "1e3": 1000.0, "9007199254740991": 9007199254740991.0,
		"9007199254740992": "9007199254740992", "9007199254740993": "9007199254740993", "-9007199254740993": "-9007199254740993",
		"175928847299117063": "175928847299117063", "1e30": "1e30",
	} {
		if got, ok := Number(literal); !ok || got != want {
			t.Errorf("%s: got %v, %t, want %v", literal, got, ok, want)
		}
	}
	for _, literal := range []string{"1e999", "-1e999", "", "x"} {
		if got, ok := Number(literal); ok {
			t.Errorf("%s: got %v", literal, got)
		}
	}
}
