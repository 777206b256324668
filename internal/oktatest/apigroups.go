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
	Links                 groupLinks     `json:"_links"`
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

// listGroups lists all groups, Everyone among them.
func (k *Okta) listGroups(w http.ResponseWriter, r *http.Request) {
	k.writeGroups(w, r, pageGroups, k.org.listGroups())
}

// listUserGroups lists the groups of one person.
func (k *Okta) listUserGroups(w http.ResponseWriter, r *http.Request) {
	groups, err := k.org.listGroupsOf(r.PathValue("id"))
	if err != nil {
		errNotFound(r.PathValue("id"), "User").write(w)
		return
	}
	k.writeGroups(w, r, pageUserGroups, groups)
}

func (k *Okta) writeGroups(w http.ResponseWriter, r *http.Request, rule pageRule, groups []group) {
	all := make([]string, len(groups))
	for i, g := range groups {
		all[i] = g.ID
	}
	p, err := rule.cut(r, all)
	if err != nil {
		writeAPI(w, err)
		return
	}
	bodies := make([]groupBody, 0, p.to-p.from)
	for _, g := range groups[p.from:p.to] {
		bodies = append(bodies, k.groupBody(g))
	}
	k.writeLinks(w, r, p, all)
	writeJSON(w, http.StatusOK, bodies)
}

func (k *Okta) groupBody(g group) groupBody {
	b := groupBody{
		ID: g.ID, Created: stamp(g.created), LastUpdated: stamp(g.updated), LastMembershipUpdated: stamp(g.membersUpdated),
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

// copy leaves the members behind: no answer shows them.
func (g *group) copy() group {
	c := *g
	c.members, c.Profile = nil, maps.Clone(g.Profile)
	return c
}

// listGroups returns copies of all groups, by id.
func (o *org) listGroups() []group {
	o.mu.RLock()
	defer o.mu.RUnlock()
	all := make([]group, 0, len(o.groups))
	for _, g := range o.groups {
		all = append(all, g.copy())
	}
	slices.SortFunc(all, func(a, b group) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// listGroupsOf returns copies of a person's groups, by id.
func (o *org) listGroupsOf(who string) ([]group, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, err := o.person(who)
	if err != nil {
		return nil, err
	}
	found := o.groupsOf(p)
	all := make([]group, 0, len(found))
	for _, g := range found {
		all = append(all, g.copy())
	}
	return all, nil
}
