package oktatest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// groupBody is a group as the Management API shows it.
type groupBody struct {
	ID                    string         `json:"id"`
	Created               stamp          `json:"created"`
	LastUpdated           stamp          `json:"lastUpdated"`
	LastMembershipUpdated stamp          `json:"lastMembershipUpdated"`
	ObjectClass           []string       `json:"objectClass"`
	Type                  string         `json:"type"`
	Profile               map[string]any `json:"profile"`
	Embedded              map[string]any `json:"_embedded,omitempty"`
	Links                 groupLinks     `json:"_links"`
}

// groupStats is what expand=stats embeds. The last name is Okta's spelling.
type groupStats struct {
	Users    int  `json:"usersCount"`
	Apps     int  `json:"appsCount"`
	Mappings int  `json:"groupPushMappingsCount"`
	Admins   bool `json:"hasAdminPrivlege"`
}

type groupLinks struct {
	Logo   []logoLink `json:"logo"`
	Source *link      `json:"source,omitempty"`
	Users  link       `json:"users"`
	Apps   link       `json:"apps"`
}

type logoLink struct {
	Name string `json:"name"`
	Href string `json:"href"`
	Type string `json:"type"`
}

// listGroups lists groups, Everyone among them for all but group administrators.
func (k *Okta) listGroups(w http.ResponseWriter, r *http.Request) {
	p, err := pageGroups.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	sel, err := k.selectGroups(r, &p)
	if err != nil {
		writeAPI(w, err)
		return
	}
	if roleOf(r) == NoRole {
		sel.keep = func(*group) bool { return false }
	}
	k.org.mu.RLock()
	bodies, next := cut(p, k.org.groups, sel.keep, k.groupShower(r, sel.index))
	k.org.mu.RUnlock()
	if r.URL.Query().Has("q") {
		next = "" // cannot be paged
	}
	k.writePage(w, r, p, bodies, next)
}

// groupShower makes bodies of groups with what "expand" embeds, from the index
// where that was asked. Its caller holds the lock.
func (k *Okta) groupShower(r *http.Request, index bool) func(*group) groupBody {
	now, expand := k.clock.now(), strings.Split(r.URL.Query().Get("expand"), ",")
	return func(g *group) groupBody {
		shown := g
		if index {
			shown = g.past.seen(g, now)
		}
		b := k.groupBody(*shown)
		if slices.Contains(expand, "stats") {
			b.embed("stats", k.org.stats(g))
		}
		if a, ok := k.org.apps.get(g.Source); ok && slices.Contains(expand, "app") {
			b.embed("app", k.appBody(a))
		}
		return b
	}
}

func (b *groupBody) embed(name string, v any) {
	if b.Embedded == nil {
		b.Embedded = map[string]any{}
	}
	b.Embedded[name] = v
}

// stats counts at once, unlike lastMembershipUpdated. The caller holds the lock.
func (o *org) stats(g *group) groupStats {
	s := groupStats{Users: len(g.members)}
	if g == o.everyone {
		for _, p := range o.people {
			if o.isMember(g, p) {
				s.Users++
			}
		}
	}
	for _, a := range o.apps {
		if _, ok := a.groups[g.ID]; ok {
			s.Apps++
		}
	}
	return s
}

// aboutGroup is about with the group of the path, aboutPerson with the person.
func (k *Okta) aboutGroup(w http.ResponseWriter, r *http.Request, look func(*group) (answer func())) {
	k.about(w, r, func() func() {
		g, ok := k.org.groups.get(r.PathValue("id"))
		if !ok {
			return func() { errNotFound(r.PathValue("id"), "UserGroup").write(w) }
		}
		return look(g)
	})
}

func (k *Okta) aboutPerson(w http.ResponseWriter, r *http.Request, look func(*person) (answer func())) {
	k.about(w, r, func() func() {
		p, err := k.org.person(r.PathValue("id"))
		if err != nil {
			return func() { errNotFound(r.PathValue("id"), "User").write(w) }
		}
		return look(p)
	})
}

// getGroup finds by id alone.
func (k *Okta) getGroup(w http.ResponseWriter, r *http.Request) {
	k.aboutGroup(w, r, func(g *group) func() {
		body := k.groupShower(r, false)(g)
		return func() { writeJSON(w, http.StatusOK, body) }
	})
}

// listUserGroups lists the groups of one person.
func (k *Okta) listUserGroups(w http.ResponseWriter, r *http.Request) {
	p, err := pageUserGroups.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	k.aboutPerson(w, r, func(one *person) func() {
		bodies, next := cut(p, k.org.groupsOf(one), nil, k.groupShower(r, false))
		return func() { k.writePage(w, r, p, bodies, next) }
	})
}

// listMembers lists the people of one group, whatever their status. A group that
// is deleted between two pages is not found.
func (k *Okta) listMembers(w http.ResponseWriter, r *http.Request) {
	p, err := pageMembers.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	trim := trimFor(r)
	k.aboutGroup(w, r, func(g *group) func() {
		in := func(p *person) bool { return k.org.isMember(g, p) }
		bodies, next := cut(p, k.org.membersOf(g), in, func(one *person) any { return trim(k.userBody(*one, false)) })
		return func() { k.writePage(w, r, p, bodies, next) }
	})
}

func (k *Okta) groupBody(g group) groupBody {
	b := groupBody{
		ID: g.ID, Created: stamp(g.created), LastUpdated: stamp(g.updated), LastMembershipUpdated: stamp(g.membershipStamp(k.clock.now())),
		ObjectClass: []string{"okta:user_group"}, Type: g.Type,
		Profile: map[string]any{"name": g.Name, "description": orNull(g.Description)},
		Links: groupLinks{
			Users: link{Href: k.url + "/api/v1/groups/" + g.ID + "/users"},
			Apps:  link{Href: k.url + "/api/v1/groups/" + g.ID + "/apps"},
		},
	}
	if g.Type == AppGroup {
		b.ObjectClass = []string{"okta:windows_security_principal"}
		b.Links.Source = &link{Href: k.url + "/api/v1/apps/" + g.Source}
	}
	maps.Copy(b.Profile, g.Profile)
	for _, size := range []string{"medium", "large"} {
		b.Links.Logo = append(b.Links.Logo, logoLink{size, k.url + "/img/logos/groups/okta-" + size + ".png", "image/png"})
	}
	return b
}
