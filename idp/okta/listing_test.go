package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/directory"
	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/oktatest"
)

var _ directory.Source = (*Directory)(nil)

// all follows a listing to its end.
func all[T any](t *testing.T, page func(cursor string) (idp.Page[T], error)) []T {
	t.Helper()
	var items []T
	for cursor, n := "", 0; ; n++ {
		p, err := page(cursor)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, p.Items...)
		if p.Date.IsZero() {
			t.Error("a page without date")
		}
		if cursor = p.Next; cursor == "" {
			return items
		}
		if n > 100 {
			t.Fatal("no end of pages")
		}
	}
}

func people(n int) []oktatest.Person {
	var all []oktatest.Person
	for i := range n {
		all = append(all, oktatest.Person{Login: fmt.Sprintf("p%04d@example.com", i), Profile: map[string]any{"department": "d", "secret": "s"}, Groups: []string{"crowd"}})
	}
	return all
}

func crowded1100(t *testing.T) *oktatest.Okta {
	t.Helper()
	k, err := oktatest.New(oktatest.Options{
		APITokens: []string{testKey}, People: people(1100), Groups: []oktatest.Group{{Name: "crowd"}, {Name: "empty"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	k.AssignGroup(k.AddApp(oktatest.App{Label: "Wiki"}), "crowd")
	k.DeactivateApp(k.AddApp(oktatest.App{Label: "Old"}))
	t.Cleanup(k.Close)
	return k
}

func TestListingsAreFollowedToTheirEnd(t *testing.T) {
	k := crowded1100(t)
	d, _ := under(t, k.URL(), func(o *Options) { o.Attributes = []string{"department"} })
	ctx := context.Background()
	users := all(t, func(c string) (idp.Page[idp.User], error) { return d.Users(ctx, idp.UserQuery{}, c) })
	if len(users) != 1100 || k.Count("GET", "/api/v1/users") != 6 {
		t.Errorf("%d people in %d requests, want 1100 in 6", len(users), k.Count("GET", "/api/v1/users"))
	}
	u := users[0]
	if u.Login == "" || u.Email == "" || u.Status != identity.StatusActive || u.LastUpdated.IsZero() || u.Profile["department"][0] != "d" || u.Profile["secret"] != nil {
		t.Errorf("got %+v", u)
	}
	k.ForgetRequests()
	members := all(t, func(c string) (idp.Page[string], error) { return d.Members(ctx, k.GroupID("crowd"), c) })
	if len(members) != 1100 || k.Count("GET", "/api/v1/groups/") != 2 {
		t.Errorf("%d members in %d requests, want 1100 in 2", len(members), k.Count("GET", "/api/v1/groups/"))
	}
	groups := all(t, func(c string) (idp.Page[idp.Group], error) { return d.Groups(ctx, idp.GroupQuery{}, c) })
	i := slices.IndexFunc(groups, func(g idp.Group) bool { return g.Name == "crowd" })
	if i < 0 || groups[i].Users != 1100 || groups[i].Type != idp.GroupOkta || groups[i].LastMembershipUpdated.IsZero() {
		t.Errorf("groups %+v", groups)
	}
	if !slices.ContainsFunc(groups, func(g idp.Group) bool { return g.Type == idp.GroupBuiltIn && g.Name == "Everyone" }) {
		t.Error("Everyone is missing")
	}
	one, err := d.Group(ctx, k.GroupID("crowd"))
	if err != nil || one.Name != "crowd" || one.Users != -1 {
		t.Errorf("got %+v, %v", one, err)
	}
}

func TestApplicationsAndTheirAssignments(t *testing.T) {
	k := crowded1100(t)
	d, _ := under(t, k.URL())
	ctx := context.Background()
	apps := all(t, func(c string) (idp.Page[idp.App], error) { return d.Apps(ctx, c) })
	if len(apps) != 2 || apps[0].Active == apps[1].Active {
		t.Fatalf("apps %+v", apps)
	}
	wiki := apps[slices.IndexFunc(apps, func(a idp.App) bool { return a.Label == "Wiki" })]
	users := all(t, func(c string) (idp.Page[idp.AppUser], error) { return d.AppUsers(ctx, wiki.ID, c) })
	if len(users) != 1100 || users[0].Direct || !strings.HasPrefix(users[0].UserID, "00u") {
		t.Errorf("%d people, first %+v", len(users), users[0])
	}
	groups := all(t, func(c string) (idp.Page[string], error) { return d.AppGroups(ctx, wiki.ID, c) })
	if len(groups) != 1 || groups[0] != k.GroupID("crowd") {
		t.Errorf("groups %v", groups)
	}
}

func TestFiltersSeeWhatChanged(t *testing.T) {
	k := standIn(t, 2)
	d, _ := under(t, k.URL())
	ctx := context.Background()
	k.SetClockOffset(time.Hour)
	since := time.Now().Add(time.Hour - time.Minute)
	k.Deactivate("nameless@example.com")
	users := all(t, func(c string) (idp.Page[idp.User], error) { return d.Users(ctx, idp.UserQuery{Since: since}, c) })
	if len(users) != 1 || users[0].Status != identity.StatusDeprovisioned {
		t.Errorf("changed people %+v", users)
	}
	k.Leave(aliceID, "group-0001")
	groups := all(t, func(c string) (idp.Page[idp.Group], error) { return d.Groups(ctx, idp.GroupQuery{Since: since}, c) })
	groups = slices.DeleteFunc(groups, func(g idp.Group) bool { return g.Type == idp.GroupBuiltIn })
	if len(groups) != 1 || groups[0].Name != "group-0001" || groups[0].Users != 0 {
		t.Errorf("changed groups %+v", groups)
	}
}

func TestLogIsFollowedWithoutEnd(t *testing.T) {
	k := standIn(t, 2)
	d, _ := under(t, k.URL())
	ctx := context.Background()
	q := idp.LogQuery{Since: time.Now().Add(-time.Minute), Types: []string{"group.user_membership.add", "group.user_membership.remove"}}
	p, err := d.Log(ctx, q, "")
	if err != nil || p.Next == "" {
		t.Fatalf("got %+v, %v", p, err)
	}
	for range 3 { // nothing happens: there is a next page all the same
		if p, err = d.Log(ctx, q, p.Next); err != nil || len(p.Items) != 0 || p.Next == "" {
			t.Fatalf("got %+v, %v", p, err)
		}
	}
	k.Leave(aliceID, "group-0000")
	k.Suspend(aliceID)
	if p, err = d.Log(ctx, q, p.Next); err != nil || len(p.Items) != 1 {
		t.Fatalf("got %+v, %v", p, err)
	}
	e := p.Items[0]
	if e.Type != "group.user_membership.remove" || !e.Success || e.Target("User") != aliceID || e.Target("UserGroup") != k.GroupID("group-0000") || e.ID == "" || e.Published.IsZero() {
		t.Errorf("got %+v", e)
	}
	u, err := url.Parse(p.Next)
	if err != nil || "http://"+u.Host != k.URL() || !strings.Contains(u.Query().Get("filter"), "membership.remove") || u.Query().Has("since") {
		t.Errorf("cursor %q", p.Next)
	}
	other, _ := under(t, k.URL()) // another process goes on from it
	if p, err := other.Log(ctx, q, p.Next); err != nil || len(p.Items) != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := d.Log(ctx, idp.LogQuery{Types: []string{`x" or eventType eq "y`}}, ""); err == nil || errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("a type that breaks out of the filter: %v", err)
	}
}

func TestCursorsAreForTheirQuestionOnly(t *testing.T) {
	o := newOrg(t)
	const path = "/api/v1/groups/00gadmins00000000001/users"
	o.handle(path, jsonAnswer(200, `[{"id":"00u1"}]`))
	d, _ := under(t, o.URL)
	for name, cursor := range map[string]string{
		"another organisation": "https://other.okta.com" + path + "?after=1",
		"another path":         o.URL + "/api/v1/groups/00gother/users?after=1",
		"the path of people":   o.URL + "/api/v1/users?after=1",
		"no query":             o.URL + path,
		"no address":           "200u123",
		"bad query":            o.URL + path + "?after=%zz",
		"a user in it":         strings.Replace(o.URL, "http://", "http://a@", 1) + path + "?after=1",
		"up a path":            o.URL + path + "/../users?after=1",
		"not parsable":         "http://[::1",
	} {
		if _, err := d.Members(context.Background(), "00gadmins00000000001", cursor); !errors.Is(err, idp.ErrCursor) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := len(o.asked()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	if _, err := d.Members(context.Background(), "00gadmins00000000001", o.URL+path+"?after=1&limit=200"); err != nil {
		t.Error(err)
	}
	logs := o.URL + "/api/v1/logs?after=1&filter=eventType+eq+%22a%22"
	if _, err := d.Log(context.Background(), idp.LogQuery{Types: []string{"b"}}, logs); !errors.Is(err, idp.ErrCursor) {
		t.Errorf("log with another filter: got %v", err)
	}
	o.handle(path, jsonAnswer(400, `{"errorCode":"E0000001","errorSummary":"The cursor is not valid."}`))
	_, err := d.Members(context.Background(), "00gadmins00000000001", o.URL+path+"?after=1&limit=200")
	if !errors.Is(err, idp.ErrCursor) || errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("refused by okta: got %v", err)
	}
}

func TestQueryOutlivesALinkThatDropsIt(t *testing.T) {
	o := newOrg(t)
	var asked []string
	o.handle("/api/v1/users", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("filter"))
		if len(asked) == 1 {
			w.Header().Set("Link", `<`+o.URL+`/api/v1/users?after=c1&limit=200>; rel="next"`)
		}
		jsonAnswer(200, `[`+user(aliceID, "ACTIVE")+`]`)(w, r)
	})
	d, _ := under(t, o.URL)
	q := idp.UserQuery{Since: serverNow}
	all(t, func(c string) (idp.Page[idp.User], error) {
		p, err := d.Users(context.Background(), q, c)
		p.Date = serverNow
		return p, err
	})
	want := `lastUpdated ge "2025-09-29T06:24:57.000Z"`
	if len(asked) != 2 || asked[0] != want || asked[1] != want {
		t.Errorf("filters %q", asked)
	}
}

func TestListingThatGoesWrongIsNeverWhole(t *testing.T) {
	const path = "/api/v1/groups/00gadmins00000000001/users"
	next := func(to string) http.HandlerFunc {
		return withHeaders(200, `[{"id":"00u1"}]`, "Content-Type", jsonType, "Link", `<`+to+`>; rel="next"`)
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want error
	}{
		"deleted meanwhile":   {jsonAnswer(404, `{"errorCode":"E0000007","errorSummary":"Not found"}`), idp.ErrNotFound},
		"gone from a gateway": {withHeaders(404, `nothing`, "Content-Type", "text/plain"), idp.ErrUnavailable},
		"null":                {jsonAnswer(200, `null`), idp.ErrUnavailable},
		"null in it":          {jsonAnswer(200, `[{"id":"00u1"},null]`), idp.ErrUnavailable},
		"id of a number":      {jsonAnswer(200, `[{"id":7}]`), idp.ErrUnavailable},
		"the same page again": {next(path + "?limit=1000"), idp.ErrUnavailable},
		"next elsewhere":      {next("https://evil.example" + path + "?after=1"), idp.ErrUnavailable},
		"next of other group": {next("/api/v1/groups/00gother/users?after=1"), idp.ErrUnavailable},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99")
			jsonAnswer(200, `[`)(w, r)
		}, idp.ErrUnavailable},
		"no content":            {withHeaders(204, ``), idp.ErrUnavailable},
		"forbidden":             {jsonAnswer(403, `{"errorCode":"E0000006","errorSummary":"no"}`), idp.ErrUnavailable},
		"feature not there":     {jsonAnswer(401, `{"errorCode":"E0000015","errorSummary":"no"}`), idp.ErrUnavailable},
		"closed without a word": {abort, idp.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrg(t)
			o.handle(path, c.h)
			d, _ := under(t, o.URL)
			p, err := d.Members(context.Background(), "00gadmins00000000001", "")
			if !errors.Is(err, c.want) || len(p.Items) != 0 && p.Next != "" {
				t.Errorf("got %+v, %v; want %v", p, err, c.want)
			}
			var f *idp.ForbiddenError
			if wanted := name == "forbidden" || name == "feature not there"; errors.As(err, &f) != wanted {
				t.Errorf("forbidden %v: %v", !wanted, err)
			}
		})
	}
	o := newOrg(t)
	o.handle("/api/v1/logs", jsonAnswer(200, `[]`))
	d, _ := under(t, o.URL)
	if _, err := d.Log(context.Background(), idp.LogQuery{}, ""); !errors.Is(err, idp.ErrUnavailable) || !strings.Contains(err.Error(), "next page") {
		t.Errorf("log without next: %v", err)
	}
	o.handle("/api/v1/groups", jsonAnswer(404, `{"errorCode":"E0000007"}`))
	if _, err := d.Groups(context.Background(), idp.GroupQuery{}, ""); errors.Is(err, idp.ErrNotFound) {
		t.Errorf("all groups are not found: %v", err)
	}
}

func TestFewerMembersAreAskedForWhereTheMostAreRefused(t *testing.T) {
	const path = "/api/v1/groups/00gadmins00000000001/users"
	for name, refuse := range map[string]http.HandlerFunc{
		"by okta":      jsonAnswer(400, `{"errorCode":"E0000001","errorSummary":"Api validation failed: limit"}`),
		"by our bound": jsonAnswer(200, `["`+strings.Repeat("x", maxAnswer)+`"]`),
	} {
		o := newOrg(t)
		o.handle(path, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("limit") != "200" {
				refuse(w, r)
				return
			}
			jsonAnswer(200, `[{"id":"00u1"}]`)(w, r)
		})
		d, _ := under(t, o.URL)
		for range 2 {
			if p, err := d.Members(context.Background(), "00gadmins00000000001", ""); err != nil || len(p.Items) != 1 {
				t.Errorf("%s: got %+v, %v", name, p, err)
			}
		}
		if n := len(o.asked()); n != 3 {
			t.Errorf("%s: %d requests, want 3", name, n)
		}
	}
}

func TestGroupsOfAreTheirsOnly(t *testing.T) {
	o := newOrg(t)
	d, _ := under(t, o.URL)
	groups, err := d.GroupsOf(context.Background(), aliceID)
	if err != nil || len(groups) != 1 || groups[0].Name != "admins" {
		t.Errorf("got %v, %v", groups, err)
	}
	n := len(o.asked())
	for _, id := range []string{"me", "alice", "alice@example.com", "", "00u/../x"} {
		if _, err := d.GroupsOf(context.Background(), id); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%q: got %v", id, err)
		}
	}
	if len(o.asked()) != n {
		t.Error("somebody was asked about")
	}
	o.handle("/api/v1/groups/00gadmins00000000001", jsonAnswer(200, group("00gother000000000001", "x")))
	var bad *idp.InvalidError
	if _, err := d.Group(context.Background(), "00gadmins00000000001"); !errors.As(err, &bad) {
		t.Errorf("another group: got %v", err)
	}
}

func TestWholeUsersAreReadWhereAProjectionIsRefused(t *testing.T) {
	o := newOrg(t)
	o.handle("/api/v1/users", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("fields") {
			jsonAnswer(400, `{"errorCode":"E0000031","errorSummary":"Invalid field"}`)(w, r)
			return
		}
		jsonAnswer(200, `[`+user(aliceID, "ACTIVE")+`]`)(w, r)
	})
	d, _ := under(t, o.URL, func(p *Options) { p.Attributes = []string{"department"} })
	for range 2 {
		if p, err := d.Users(context.Background(), idp.UserQuery{}, ""); err != nil || len(p.Items) != 1 {
			t.Errorf("got %+v, %v", p, err)
		}
	}
	if n := len(o.asked()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	d, _ = under(t, o.URL, func(p *Options) { p.Attributes = []string{"a),status:(x"} })
	if fields := d.fields(); fields != "" {
		t.Errorf("an attribute's name breaks out of the projection: %q", fields)
	}
}
