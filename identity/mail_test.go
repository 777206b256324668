package identity

import (
	"strings"
	"testing"
)

func TestMailOfOneReadingOnly(t *testing.T) {
	for raw, want := range map[string]Mail{
		"alice@example.com":            {"alice@example.com", "example.com", true},
		"Alice@Example.COM":            {"Alice@Example.COM", "Example.COM", false},
		"\u00e4rzte@example.com":       {"\u00e4rzte@example.com", "example.com", false},
		"noat":                         {"noat", "", true},
		"":                             {Folded: true},
		"@example.com":                 {Folded: true},
		"alice@":                       {Folded: true},
		"a@b@example.com":              {Folded: true},
		`"a b"@example.com`:            {Folded: true},
		"alice@.example.com":           {Folded: true},
		"alice@example.com.":           {Folded: true},
		"alice@example..com":           {Folded: true},
		"al ice@example.com":           {Folded: true},
		"alice\x7f@example.com":        {Folded: true},
		"alice\u200b@example.com":      {Folded: true},
		"alice\u00a0@example.com":      {Folded: true},
		"alice\xff@example.com":        {Folded: true},
		strings.Repeat("x", maxMail):   {Address: strings.Repeat("x", maxMail), Folded: true},
		strings.Repeat("x", maxMail+1): {Folded: true},
	} {
		if got := ReadMail(raw); got != want {
			t.Errorf("%q: got %+v, want %+v", raw, got, want)
		}
	}
}

func TestTheMailOfAPersonIsFoldedOnce(t *testing.T) {
	p := NewPerson(Person{Email: "Alice@Example.com"})
	if got, want := p.Mail(), (Mail{"alice@example.com", "example.com", true}); got != want {
		t.Errorf("got %+v", got)
	}
	if n := testing.AllocsPerRun(10, func() { p.Mail() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	changed := *p
	changed.Email = "bob@Example.com"
	for name, tt := range map[string]struct {
		person *Person
		want   Mail
	}{
		"changed":  {&changed, Mail{"bob@Example.com", "Example.com", false}},
		"not made": {&Person{Email: "A@b.c"}, Mail{"A@b.c", "b.c", false}},
		"none":     {NewPerson(Person{}), Mail{Folded: true}},
		"bad":      {NewPerson(Person{Email: "A@b@c.d"}), Mail{Folded: true}},
	} {
		if got := tt.person.Mail(); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestTheMailOfASubjectIsFoldedOnce(t *testing.T) {
	s := &Subject{Email: "Alice@Example.com"}
	if got, want := s.Mail(), (Mail{"Alice@Example.com", "Example.com", false}); got != want {
		t.Errorf("before: got %+v", got)
	}
	s.Index()
	if got, want := s.Mail(), (Mail{"alice@example.com", "example.com", true}); got != want {
		t.Errorf("after: got %+v", got)
	}
	s.Email = "bob@Example.com"
	if got, want := s.Mail(), (Mail{"bob@Example.com", "Example.com", false}); got != want {
		t.Errorf("changed: got %+v", got)
	}
}

func TestQuotesMakeAnAddressUnusable(t *testing.T) {
	for _, raw := range []string{`a"b@example.com`, `"alice"@example.com`, "\u00e4\"b@example.com", `"@example.com`} {
		if got := ReadMail(raw); got.Address != "" {
			t.Errorf("%s: got %+v", raw, got)
		}
	}
}

func TestFoldLowersEveryLetterToItsOwn(t *testing.T) {
	for s, want := range map[string]string{
		"AZ az@[`{": "az az@[`{", "\u00c4\u00d6": "\u00e4\u00f6", "\u0130": "\u0130", "\u212a": "\u212a", "\u0178": "\u00ff", "\u0080\x7f": "\u0080\x7f",
	} {
		if got := Fold(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestFoldingMailNeverMakesALetterOfAnother(t *testing.T) {
	if got, want := ReadMail("\u212Aim@Example.com").Fold(), (Mail{"\u212Aim@example.com", "example.com", true}); got != want {
		t.Errorf("got %+v", got)
	}
}
