package policy

import (
	"encoding/json"
	"fmt"
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

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
