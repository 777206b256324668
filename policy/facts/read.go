package facts

import (
	"slices"
	"strconv"
	"strings"

	"sallyport/identity"
	"sallyport/internal/strictyaml"
	"sallyport/policy"
)

// Read reads a facts file; file is what positions call it. With problems the
// facts hold what could be read.
func Read(file string, text []byte) (*Facts, []policy.Problem) {
	v, r := strictyaml.Read(file, text)
	f := From(v)
	return f, r.Problems()
}

// From reads facts that stand inside another file; its reader gathers problems.
func From(v strictyaml.Value) *Facts {
	in := &reading{f: &Facts{}, groups: map[string]identity.Group{}}
	fields := v.Fields("groups", "people", "sessions")
	in.listed = fields["groups"].Given()
	in.f.Directory = fields["people"].Given()
	for _, item := range fields["groups"].Items() {
		in.group(item)
	}
	people := fields["people"].Items()
	in.f.index(len(people))
	for _, item := range people {
		in.person(item)
	}
	for _, item := range fields["sessions"].Items() {
		in.session(item)
	}
	return in.f
}

// reading is facts half read.
type reading struct {
	f *Facts
	// groups are by id and by name, the id first.
	groups map[string]identity.Group
	listed bool // groups are listed, so that a name not among them is a mistake
	names  []string
}

func (in *reading) group(v strictyaml.Value) {
	fields := v.Fields("id", "name")
	g := identity.Group{ID: fields["id"].Text(), Name: fields["name"].Text()}
	if g.ID == "" {
		if g.ID = g.Name; g.ID == "" {
			v.Fail("", "a group needs an id or a name")
			return
		}
	}
	if slices.ContainsFunc(in.f.Groups, func(o identity.Group) bool { return o.ID == g.ID }) {
		v.Fail("keep one of them", "group id %q stands twice", g.ID)
		return
	}
	in.f.Groups = append(in.f.Groups, g)
	in.groups[g.ID] = g
	in.names = append(in.names, g.ID)
	if _, taken := in.groups[g.Name]; g.Name != "" && !taken {
		in.groups[g.Name] = g
		in.names = append(in.names, g.Name)
	}
}

// statuses are those a person may have, as people write them.
var statuses = []string{
	string(identity.StatusActive), string(identity.StatusStaged), string(identity.StatusProvisioned), string(identity.StatusRecovery),
	string(identity.StatusPasswordExpired), string(identity.StatusLockedOut), string(identity.StatusSuspended), string(identity.StatusDeprovisioned),
}

func (in *reading) person(v strictyaml.Value) {
	fields := v.Fields("id", "email", "login", "name", "status", "groups", "apps", "profile")
	p := identity.Person{
		ID: fields["id"].Text(), Email: fields["email"].Text(), Login: fields["login"].Text(), Name: fields["name"].Text(),
		Status: identity.StatusActive, Apps: fields["apps"].Texts(), Version: 1,
	}
	if p.ID == "" {
		if p.ID = p.Email; p.ID == "" {
			v.Fail("", "a person needs an id or an email")
			return
		}
	}
	if at, twice := in.f.at[p.ID]; twice {
		v.Fail("keep one of them", "person id %q stands twice, first on line %d", p.ID, at.Line)
		return
	}
	if s := fields["status"]; s.Given() {
		p.Status = identity.Status(s.Text())
		if !slices.Contains(statuses, string(p.Status)) {
			s.Fail(statusHint(string(p.Status)), "unknown status %q", p.Status)
		}
	}
	for _, g := range fields["groups"].Items() {
		in.member(&p, g)
	}
	slices.Sort(p.Apps)
	p.Apps = slices.Compact(p.Apps)
	for _, attribute := range fields["profile"].Pairs() {
		if p.Profile == nil {
			p.Profile = map[string][]string{}
		}
		p.Profile[attribute.Key] = attributeTexts(attribute.Value)
	}
	in.f.add(identity.NewPerson(p), v.Position())
}

func statusHint(s string) string {
	if near := policy.Nearest(strings.ToLower(s), lower(statuses)); near != "" {
		return "did you mean " + strconv.Quote(strings.ToUpper(near)) + "?"
	}
	return "known are " + strings.Join(statuses, ", ")
}

func lower(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}

// member puts p into the group that v names by id or name. Where no groups are
// listed, a group is called what it is named.
func (in *reading) member(p *identity.Person, v strictyaml.Value) {
	name := v.Text()
	g, ok := in.groups[name]
	switch {
	case name == "":
		return
	case !ok && in.listed:
		hint := "list it under groups"
		if near := policy.Nearest(name, in.names); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		v.Fail(hint, "there is no group %q", name)
		return
	case !ok:
		g = identity.Group{ID: name, Name: name}
		in.groups[name] = g
		in.f.Groups = append(in.f.Groups, g)
	}
	if !slices.Contains(p.Groups, g) {
		p.Groups = append(p.Groups, g)
	}
}

// attributeTexts are the values of a profile attribute as text, as the directory
// keeps them.
func attributeTexts(v strictyaml.Value) []string {
	list, ok := v.Any().([]any)
	if !ok {
		list = []any{v.Any()}
	}
	var out []string
	for _, element := range list {
		switch e := element.(type) {
		case string:
			out = append(out, e)
		case bool:
			out = append(out, strconv.FormatBool(e))
		case float64:
			out = append(out, strconv.FormatFloat(e, 'f', -1, 64))
		case nil:
		default:
			v.Expected("text or a list of texts", "attributes do not nest")
		}
	}
	return out
}

func (in *reading) session(v strictyaml.Value) {
	fields := v.Fields("id", "subject", "email", "name", "issuer", "client_id", "claims", "authenticated_at", "amr", "acr")
	s := Session{ID: fields["id"].Text(), Position: v.Position(), Subject: identity.Subject{
		ID: fields["subject"].Text(), Email: fields["email"].Text(), Name: fields["name"].Text(),
		Issuer: fields["issuer"].Text(), ClientID: fields["client_id"].Text(),
		AuthenticatedAt: fields["authenticated_at"].Time(), Methods: fields["amr"].Texts(), Context: fields["acr"].Text(),
	}}
	if s.ID == "" || s.Subject.ID == "" {
		v.Fail("", "a session needs an id and a subject")
		return
	}
	if first, twice := in.f.Session(s.ID); twice {
		v.Fail("keep one of them", "session id %q stands twice, first on line %d", s.ID, first.Position.Line)
		return
	}
	if claims := fields["claims"]; claims.Given() {
		s.Subject.Claims = identity.Claims{}
		for _, c := range claims.Pairs() {
			s.Subject.Claims[c.Key] = c.Value.Any()
		}
	}
	if p := in.f.Person(s.Subject.ID); p != nil && s.Subject.Email == "" {
		s.Subject.Email = p.Email
	}
	in.f.byName[s.ID] = len(in.f.Sessions)
	in.f.Sessions = append(in.f.Sessions, s)
}
