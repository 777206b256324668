package policy

import (
	"maps"
	"slices"
	"strings"

	"sallyport/identity"
)

// maxWords bounds how many values of one fact are tried, besides those that are
// made of parts.
const maxWords = 160

// textsFor are texts that meet the string operators of criteria, alone and
// together, and some that meet none. Of several beginnings, middles and ends
// together there may be texts that are not among them.
func textsFor(c *wayCriterion, same []*wayCriterion) (texts []string, whole bool) {
	matchers := slices.Clone(c.matchers)
	for _, other := range same {
		if other != c {
			matchers = append(matchers, other.matchers...)
		}
	}
	parts := map[string][]string{"starts_with": {""}, "contains": {""}, "ends_with": {""}}
	for _, m := range matchers {
		op := m.op[strings.LastIndexByte(m.op, ' ')+1:] // "san_dns is"
		for _, o := range m.operands {
			if list, isPart := parts[op]; !isPart {
				texts = append(texts, o.value.str)
			} else if len(list) < 6 {
				parts[op] = append(list, o.value.str)
			}
		}
	}
	whole = len(parts["starts_with"])+len(parts["contains"])+len(parts["ends_with"]) <= 4
	if len(texts) > maxWords {
		texts, whole = texts[:maxWords], false
	}
	for _, first := range parts["starts_with"] {
		for _, middle := range parts["contains"] {
			for _, last := range parts["ends_with"] {
				texts = append(texts, first+middle+last, first+"x"+middle+"x"+last)
			}
		}
	}
	return append(texts, elsewhere, ""), whole
}

// mailsFor are addresses of the wanted names and domains.
func mailsFor(c *wayCriterion, same []*wayCriterion) ([]string, bool) {
	var mails, domains []*wayCriterion
	for _, other := range append([]*wayCriterion{c}, same...) {
		if other.kind.name == "email" {
			mails = append(mails, other)
		} else {
			domains = append(domains, other)
		}
	}
	out, locals := []string{}, []string{"x", "someone"}
	whole, hosts := true, []string{"elsewhere.invalid"}
	if len(mails) > 0 {
		out, whole = textsFor(mails[0], mails)
		for _, mail := range out {
			if local, _, _ := strings.Cut(mail, "@"); len(locals) < 8 && !slices.Contains(locals, local) {
				locals = append(locals, local)
			}
		}
	}
	if len(domains) > 0 {
		all, ok := textsFor(domains[0], domains)
		hosts, whole = append(hosts, all...), whole && ok
	}
	for _, local := range locals {
		for _, host := range hosts {
			out = append(out, local+"@"+host)
		}
	}
	return out, whole
}

// supposeValues gives a claim or an attribute each value, alone and beside those
// that are there, and takes each away.
func supposeValues(c *wayCriterion, same []*wayCriterion, in *Input) (out []move, whole bool) {
	if c.kind.name == "profile" && in.Person == nil {
		return nil, true
	}
	had := in.lookup(c)
	lists := [][]any{{}, {elsewhere}}
	for _, other := range same {
		for _, m := range other.matchers {
			for _, o := range m.operands {
				v := o.value.any()
				without := slices.DeleteFunc(slices.Clone(had), func(e any) bool { return valueOf(e) == o.value })
				lists = append(lists, []any{v}, append(slices.Clone(had), v), without)
				for _, l := range lists[:min(len(lists), 8)] {
					lists = append(lists, append(slices.Clone(l), v))
				}
				if len(lists) > 2*maxWords {
					whole = true
				}
			}
		}
	}
	if whole {
		lists = lists[:2*maxWords]
	}
	for _, l := range lists {
		out = append(out, move{func(in *Input) { in.give(c, l) }, []string{c.slot()}})
	}
	return out, !whole
}

// any returns the value as encoding/json decodes it.
func (v value) any() any {
	switch v.typ {
	case typeNumber:
		return v.num
	case typeBool:
		return v.flag
	}
	return v.str
}

// lookup returns the values that the person has of a claim or an attribute.
func (in *Input) lookup(c *wayCriterion) (had []any) {
	if c.kind.name == "profile" {
		for _, text := range in.Person.Profile[c.path] {
			had = append(had, text)
		}
		return had
	}
	v, ok := in.Subject.Claims.Lookup(c.claim)
	if list, isList := v.([]any); isList {
		return list
	}
	if ok && v != nil {
		had = []any{v}
	}
	return had
}

// give has the person have values of a claim, by its whole name, or an attribute.
func (in *Input) give(c *wayCriterion, list []any) {
	if c.kind.name == "claim" {
		in.Subject.Claims = maps.Clone(in.Subject.Claims)
		if in.Subject.Claims == nil {
			in.Subject.Claims = identity.Claims{}
		}
		in.Subject.Claims[c.claim.String()] = list
		return
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = valueOf(v).text()
	}
	withPerson(in, func(p *identity.Person) {
		p.Profile = maps.Clone(p.Profile)
		if p.Profile == nil {
			p.Profile = map[string][]string{}
		}
		p.Profile[c.path] = texts
	})
}
