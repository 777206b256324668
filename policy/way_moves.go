package policy

import (
	"strings"
	"time"

	"sallyport/identity"
)

// move changes one fact of an input.
type move struct {
	edit  func(*Input)
	slots []string // the facts that it changes
}

// slot names the fact that a criterion is about. Criteria of one slot are changed
// together.
func (c *criterion) slot() string {
	switch c.kind.name {
	case "email", "domain":
		return "mail"
	case "http_path", "pomerium_routes":
		return "http_path"
	case "date", "day_of_week", "time_of_day":
		return "clock"
	case "client_certificate", "invalid_client_certificate":
		return "certificate"
	case "http_header":
		return headerSlot(c.path)
	}
	return c.name()
}

// maxMoves bounds how many values of one fact are tried for one criterion, maxSame
// how many criteria about it are looked at together: of a list of thousands each
// is tried alone.
const (
	maxMoves = 40
	maxSame  = 32
)

// moves are the changes that give the criterion the wanted value: one for every
// combination of values that the criteria about the same fact can have together.
// They are made once for the input as it is. whole says that these are all.
func (s *waySearch) moves(c *wayCriterion, wanted bool) (out []move, whole bool) {
	known, ok := s.known[wayKey{c, wanted}]
	if !ok {
		known = s.choose(c, wanted)
		s.known[wayKey{c, wanted}] = known
	}
	return known.moves, known.whole
}

type wayKey struct {
	c      *wayCriterion
	wanted bool
}

type wayMoves struct {
	moves []move
	whole bool
}

// choose keeps of all that may help what does, once for each outcome.
func (s *waySearch) choose(c *wayCriterion, wanted bool) wayMoves {
	if c.leaf.person && s.in.Subject == nil {
		return wayMoves{whole: true}
	}
	same, few := s.slots[c.slot()], true
	if len(same) > maxSame {
		same, few = []*wayCriterion{c}, false
	}
	candidates, whole := suppose(c, same, wanted, s.in)
	out, seen := wayMoves{whole: whole && few}, map[string]bool{}
	for _, m := range candidates {
		f := facts{in: edited(s.in, m.edit)}
		if c.holds(f) != wanted {
			continue
		}
		mark := strings.Join(m.slots, " ")
		for _, other := range same {
			if mark += "0"; other.holds(f) {
				mark += "1"
			}
		}
		if seen[mark] {
			continue
		}
		seen[mark] = true
		if out.moves = append(out.moves, m); len(out.moves) == maxMoves {
			out.whole = false
			break
		}
	}
	return out
}

// suppose lists changes by which the criterion may come out as wanted. Nothing
// changes what no request can bring: "accept", a device, a tool that is not read.
func suppose(c *wayCriterion, same []*wayCriterion, wanted bool, in *Input) (out []move, whole bool) {
	slots := []string{c.slot()}
	one := func(edit func(*Input)) { out = append(out, move{edit, slots}) }
	texts := func(edit func(*Input, string)) {
		var all []string
		all, whole = textsFor(c, same)
		for _, v := range all {
			one(func(in *Input) { edit(in, v) })
		}
	}
	switch c.kind.name {
	case "groups", "app", "auth_method":
		return supposeMembers(c, wanted, in), true
	case "email", "domain":
		all, whole := mailsFor(c, same)
		for _, v := range all {
			one(func(in *Input) { withPerson(in, func(p *identity.Person) { p.Email = v }); in.Subject.Email = v })
		}
		return out, whole
	case "user":
		texts(func(in *Input, v string) { withPerson(in, func(p *identity.Person) { p.ID = v }); in.Subject.ID = v })
	case "user_status":
		for _, v := range []identity.Status{identity.StatusActive, identity.StatusPasswordExpired, identity.StatusRecovery, identity.StatusLockedOut} {
			one(func(in *Input) { withPerson(in, func(p *identity.Person) { p.Status = v }) })
		}
		return out, true
	case "http_method":
		texts(func(in *Input, v string) { in.Request.Method = v })
	case "http_path", "pomerium_routes":
		texts(func(in *Input, v string) { in.Request.Path = "/" + strings.TrimPrefix(v, "/") })
		texts(func(in *Input, v string) { in.Request.Path = "/.pomerium/" + v })
	case "http_header":
		texts(func(in *Input, v string) { in.Request.Header.Set(c.path, v) })
	case "cors_preflight":
		return supposePreflight(), false // it is of facts that others may want otherwise
	case "auth_context":
		texts(func(in *Input, v string) { in.Subject.Context = v })
	case "auth_age":
		one(func(in *Input) { in.Subject.AuthenticatedAt = in.Now })
		one(func(in *Input) { in.Subject.AuthenticatedAt = time.Time{} })
		return out, true
	case "source_ip":
		return supposeAddresses(same)
	case "date", "day_of_week", "time_of_day":
		return supposeTimes(same, in)
	case "claim", "profile":
		return supposeValues(c, same, in)
	case "client_certificate", "invalid_client_certificate":
		return supposeCertificates(same)
	default:
		return nil, true
	}
	return out, whole
}

// edited is a copy of the input in which edit may change anything but lists and
// mappings, other than headers, in place.
func edited(in *Input, edit func(*Input)) *Input {
	out := *in
	out.Request.Header = in.Request.Header.Clone()
	if out.Request.Header == nil {
		out.Request.Header = map[string][]string{}
	}
	if in.Subject != nil {
		subject := *in.Subject
		out.Subject = &subject
	}
	edit(&out)
	return &out
}

// withPerson changes a copy of the person, if there is one.
func withPerson(in *Input, edit func(*identity.Person)) {
	if in.Person != nil {
		p := *in.Person
		edit(&p)
		in.Person = &p
	}
}
