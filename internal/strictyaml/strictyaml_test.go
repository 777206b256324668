package strictyaml

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told reads text with f and returns what is said about it.
func told(text string, f func(Value)) string {
	v, r := Read("f.yaml", []byte(text))
	f(v)
	var out []string
	for _, p := range r.Problems() {
		line := p.Error()
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestMistakesAreToldWithPlaceAndHint(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		read       func(Value)
		want       string
	}{
		{"no YAML", "a: [", func(Value) {}, "f.yaml:2:1: not YAML: did not find expected node content"},
		{"unknown key", "nmae: x", func(v Value) { v.Fields("name") }, `f.yaml:1:1: the file: unknown key "nmae" (did you mean "name"?)`},
		{"unknown key, none near", "a: x", func(v Value) { v.Fields("name", "age") }, `f.yaml:1:1: the file: unknown key "a" (known are name, age)`},
		{"twice", "a: 1\na: 2", func(v Value) { v.Fields("a") }, `f.yaml:2:1: key: "a" stands twice, first on line 1 (keep one of them)`},
		{"merge key", "a: &x {b: 1}\nc: {<<: *x}", func(v Value) { v.Fields("a", "c")["c"].Pairs() }, `f.yaml:2:5: key: expected plain text, got "<<"`},
		{"no mapping", "[a]", func(v Value) { v.Fields("a") }, `f.yaml:1:1: the file: expected a mapping, got a list (each key is followed by a colon and a space)`},
		{"no list", "a: 7", func(v Value) { v.Fields("a")["a"].Items() }, `f.yaml:1:4: a: expected a list, got the number 7 (write [a, b], or begin each entry with "- ")`},
		{"no text", "a: true", func(v Value) { v.Fields("a")["a"].Text() }, "f.yaml:1:4: a: expected text, got true"},
		{"no flag", "a: yes please", func(v Value) { v.Fields("a")["a"].Flag() }, `f.yaml:1:4: a: expected true or false, got "yes please"`},
		{"no time", "a: 2026-02-30T00:00:00Z", func(v Value) { v.Fields("a")["a"].Time() }, `f.yaml:1:4: a: expected a time such as 2026-01-31T12:00:00Z, got "2026-02-30T00:00:00Z"`},
		{"in file order", "b: {}\na: {}", func(v Value) { f := v.Fields("a", "b"); f["a"].Text(); f["b"].Text() }, "f.yaml:1:4: b: expected text, got a mapping\nf.yaml:2:4: a: expected text, got a mapping"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, told(tt.text, tt.read)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValuesAreReadAsWritten(t *testing.T) {
	v, r := Read("f.yaml", []byte("t: &x word\nn: 12\nl: [a, 1]\no: one\nf: true\nat: 2026-01-31T12:00:00+01:00\nany: {a: [1, true, null, x, {b: 1.5}]}\nalias: *x\nnull: \nempty:\n"))
	f := v.Fields("t", "n", "l", "o", "f", "at", "any", "alias", "null", "empty", "none")
	got := []any{f["t"].Text(), f["n"].Text(), f["l"].Texts(), f["o"].Texts(), f["f"].Flag(), f["at"].Time().UTC(), f["any"].Any(), f["alias"].Text(), f["empty"].Given(), f["none"].Text(), f["none"].Items(), f["none"].Time(), f["none"].Flag(), f["none"].Any()}
	want := []any{
		"word", "12",
		[]string{"a", "1"},
		[]string{"one"},
		true, time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC),
		map[string]any{"a": []any{1.0, true, nil, "x", map[string]any{"b": 1.5}}},
		"word", false, "", []Value(nil),
		time.Time{},
		false, nil,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Value{})); diff != "" || len(r.Problems()) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", r.Problems(), diff)
	}
}

func TestAliasBombEnds(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		alias := "*a" + string(rune('0'+(i-1)%10))
		if i > 10 {
			alias = "*b"
		}
		name := "a" + string(rune('0'+i%10))
		if i == 10 {
			name = "b"
		}
		b.WriteString(name + "x: &" + name + " [" + strings.TrimSuffix(strings.Repeat(alias+", ", 10), ", ") + "]\n")
	}
	v, r := Read("f.yaml", []byte(b.String()))
	for _, p := range v.Pairs() {
		p.Value.Any()
	}
	if len(r.Problems()) == 0 || !strings.Contains(r.Problems()[0].Message, "far more than the file holds") {
		t.Errorf("got %v", r.Problems())
	}
}
