package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func hadNothing(facts, *criterion) []string { return nil }

func hadUser(f facts, _ *criterion) []string { return some(f.in.Subject.ID) }

func hadMail(f facts, _ *criterion) []string {
	s, p := f.in.Subject, f.in.Person
	if p == nil && s.Email == "" && s.UnverifiedEmail != "" {
		return []string{s.UnverifiedEmail + " (the identity provider does not vouch for it)"}
	}
	return some(mailOf(s, p))
}

// hadDomain is that of the e-mail where it has one that counts.
func hadDomain(f facts, c *criterion) []string {
	if m := f.mail(); m.Domain != "" {
		return some(m.Domain)
	}
	return hadMail(f, c)
}

func hadMethod(f facts, _ *criterion) []string { return some(f.in.Request.Method) }

func hadPath(f facts, _ *criterion) []string { return some(f.in.Request.Path) }

func hadAddress(f facts, _ *criterion) []string {
	if !f.in.Request.IP.IsValid() {
		return nil
	}
	return some(f.in.Request.IP.Unmap().WithZone("").String())
}

func hadGroups(f facts, _ *criterion) []string {
	if f.in.Person == nil {
		return nil
	}
	var had []string
	for _, g := range f.in.Person.Groups {
		if g.Name == "" {
			had = append(had, g.ID)
			continue
		}
		had = append(had, fmt.Sprintf("%s (%s)", g.Name, g.ID))
	}
	return had
}

func hadClaim(f facts, c *criterion) []string {
	v, ok := f.in.Subject.Claims.Lookup(c.claim)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var had []string
	for _, element := range list {
		had = append(had, claimText(element))
	}
	return had
}

func claimText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	return string(text)
}

// Span writes a duration as people do: 1h and 15m, not 1h0m0s.
func Span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
