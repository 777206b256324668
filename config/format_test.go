package config

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func formatted(text string, color bool) string {
	_, problems := tryLoad(text)
	var b bytes.Buffer
	Format(&b, problems, color)
	return b.String()
}

func TestProblemsAreToldWithLineCaretAndHint(t *testing.T) {
	want := `config.yaml:2:15: timeout_read: expected a duration such as "30s", "5m" or "1h30m", got the number 30
    2 | timeout_read: 30
      |               ^
        hint: say the unit: 30s, 30m or 30h
`
	if diff := cmp.Diff(want, formatted("log_level: info\ntimeout_read: 30\n", false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCaretStandsUnderTheCharacter(t *testing.T) {
	out := strings.Split(formatted("{\"ключ\": 1, timeout_read: 5}\n", false), "\n")
	line, caret := []rune(out[5]), []rune(out[6])
	if len(caret) == 0 || line[len(caret)-1] != '5' {
		t.Errorf("caret is not under the value:\n%s", strings.Join(out, "\n"))
	}
}

func TestLongLinesAreCut(t *testing.T) {
	text := "{log_level: info, cookie_name: \"" + strings.Repeat("x", 500) + "\", timeout_read: 5}\n"
	for line := range strings.Lines(formatted(text, false)) {
		if len(line) > 200 {
			t.Errorf("a line of %d characters: %q", len(line), line)
		}
	}
}

func TestTerminalIsNotGivenOrders(t *testing.T) {
	out := formatted("cookie_name: \"\u009b31m\"\nlog_level: \"\\e[31mred\"\n", false)
	if strings.ContainsAny(out, "\x1b\u009b") {
		t.Errorf("control characters reach the terminal: %q", out)
	}
	if !strings.Contains(formatted("timeout_read: 5\n", true), "\x1b[1m") {
		t.Error("expected colour where it is asked for")
	}
}

func TestEnvironmentIsNamedInsteadOfALine(t *testing.T) {
	_, problems := tryLoad("log_level: info\n", "TIMEOUT_READ=soon")
	var b bytes.Buffer
	Format(&b, problems, false)
	if !strings.HasPrefix(b.String(), "env TIMEOUT_READ: timeout_read: expected a duration") {
		t.Errorf("got %q", b.String())
	}
}
