package policy

import "testing"

func TestTerminalsAreShownNothingThatMovesThem(t *testing.T) {
	for s, want := range map[string]string{
		"plain \u00e4 \u05d0": "plain \u00e4 \u05d0", "\x1b[31mred": "\ufffd[31mred", "a\nb\tc": "a\ufffdb\ufffdc", "\u202egpj.exe": "\ufffdgpj.exe",
		"a\u2028b\u2029c": "a\ufffdb\ufffdc", "\u0085": "\ufffd", "\u2066x\u2069": "\ufffdx\ufffd", "": "",
	} {
		if got := Printable(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
