package oktatest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
	"sallyport/internal/oktatest"
)

// directoryOrg has one of everything that the directory endpoints show.
func directoryOrg(t *testing.T, change ...func(*oktatest.Options)) *oktatest.Okta {
	t.Helper()
	k := start(t, change...)
	k.AddApp(oktatest.App{ID: "0oaDirectory00000001", Name: "active_directory", Label: "corp.example.com", SignOn: "BOOKMARK"})
	k.AddGroup(oktatest.Group{Name: "imported", Type: oktatest.AppGroup, Source: "0oaDirectory00000001", Profile: map[string]any{"samAccountName": "imported"}})
	k.Join("bob", "imported")
	k.Join("bob", "engineers")
	k.AssignGroup(appID, "engineers")
	k.AssignGroup(appID, "admins")
	k.AssignPerson(appID, "bob")
	return k
}

func TestDirectoryAnswersHaveTheRecordedFields(t *testing.T) {
	needData(t)
	k := directoryOrg(t)
	k.AddPerson(oktatest.Person{Login: "testAcc1@example.com", FirstName: "TestAcc1", LastName: "Smith", Status: identity.StatusProvisioned, Groups: []string{"admins"}})
	k.AddPerson(oktatest.Person{Login: "nobody@example.com"})
	k.SetStatus("alice", identity.StatusDeprovisioned)
	k.Leave("alice", "admins") // leaves a group of people who never signed in
	k.AddApp(oktatest.App{ID: "0oaAnother0000000001", Name: "template_swa", SignOn: "BROWSER_PLUGIN"})
	k.SetGroupProfile("imported", map[string]any{"description": "Those who came along"})
	b := newBrowser(t, k)
	// What oidc_client applications have besides stands in their own recording.
	noClient := []string{"[].credentials.oauthClient", "[].settings.oauthClient", "[].visibility.appLinks", "[]._links.appLinks"}
	newer := []string{".orn", ".universalLogout", ".settings.manualProvisioning", ".settings.implicitAssignment", ".settings.extendedProperties", "._links.uploadLogo", "._links.profileEnrollment", "._links.policies", "._links.accessPolicy", ".settings.oauthClient.dpop_bound_access_tokens", ".settings.oauthClient.client_uri", ".settings.oauthClient.logo_uri", ".credentials.oauthClient.pkce_required"}
	ofList := func(all []string) (prefixed []string) {
		for _, path := range all {
			prefixed = append(prefixed, "[]"+path)
		}
		return prefixed
	}
	for _, c := range []struct {
		recording, path string
		but             []string
	}{
		{"groups/list-filter-builtin.json", `/api/v1/groups?filter=type+eq+"BUILT_IN"&limit=200`, nil},
		{"groups/list-filter-appgroup-empty.json", `/api/v1/groups?filter=id+eq+"00gNobody"&limit=200`, nil},
		{"groups/list-q.json", "/api/v1/groups?q=eng", nil},
		{"groups/get-by-id.json", "/api/v1/groups/" + k.GroupID("engineers"), nil},
		{"groups/get-404.json", "/api/v1/groups/00gNobody", nil},
		{"groups/members-larger.json", "/api/v1/groups/" + k.GroupID("admins") + "/users?limit=200", nil},
		{"groups/apps.json", "/api/v1/groups/" + k.GroupID("engineers") + "/apps", append(append(noClient, ofList(newer)...), "[].settings.app", "[].credentials.scheme", "[].credentials.revealPassword", "[].credentials.signing", "[].settings.extendedProperties")},
		{"users/list-filter-suspended.json", `/api/v1/users?filter=status+eq+"SUSPENDED"`, nil},
		{"users/user-applinks-empty.json", "/api/v1/users/nobody@example.com/appLinks", nil},
		{"apps/list-limit2-next.json", `/api/v1/apps?filter=name+eq+"template_swa"+or+name+eq+"active_directory"&limit=1`, []string{"[].visibility.appLinks", "[]._links.appLinks"}},
		{"apps/list-bad-request.json", "/api/v1/apps?after=00u1testcursorvalue&limit=1", nil},
		{"apps/get-oidc.json", "/api/v1/apps/" + appID, append(newer, ".visibility.appLinks")},
		{"apps/app-users-tf.json", "/api/v1/apps/" + appID + "/users", nil},
		{"apps/app-groups.json", "/api/v1/apps/" + appID + "/groups", nil},
		{"apps/app-groups-limit200.json", "/api/v1/apps/" + appID + "/groups?limit=200", nil},
	} {
		t.Run(c.recording, func(t *testing.T) {
			want := loadRecording(t, c.recording)
			if c.recording == "users/list-filter-suspended.json" {
				k.SetProfile("bob", map[string]any{"mobilePhone": nil})
				k.Suspend("bob")
				defer k.Unsuspend("bob")
			}
			got := b.api(strings.ReplaceAll(c.path, `"`, "%22"))
			if got.StatusCode != want.Response.Status {
				t.Fatalf("got %d %s, want %d", got.StatusCode, got.body, want.Response.Status)
			}
			wanted, shown := without(shape(want.Response.Body), c.but...), without(shape(decode[any](t, got)), c.but...)
			if diff := cmp.Diff(sorted(wanted), sorted(shown)); diff != "" {
				t.Errorf("fields (-recorded +ours):\n%s", diff)
			}
			checkHeaders(t, want, got.Header)
		})
	}
}

// The statistics were never recorded: Okta's OpenAPI document, spelling
// included, is what there is to go by.
func TestGroupStatistics(t *testing.T) {
	k := directoryOrg(t)
	b := newBrowser(t, k)
	got := decode[[]struct {
		ID       string
		Embedded map[string]map[string]any `json:"_embedded"`
	}](t, b.api("/api/v1/groups?expand=stats,app&limit=200"))
	stats := map[string]map[string]any{}
	for _, g := range got {
		stats[g.ID] = g.Embedded["stats"]
		if app := g.Embedded["app"]; (app != nil) != (g.ID == k.GroupID("imported")) {
			t.Errorf("%s: got app %v, want one with the imported group alone", g.ID, app)
		}
	}
	want := func(users, apps float64) map[string]any {
		return map[string]any{"usersCount": users, "appsCount": apps, "groupPushMappingsCount": 0.0, "hasAdminPrivlege": false}
	}
	if diff := cmp.Diff(map[string]map[string]any{
		k.GroupID("Everyone"): want(2, 0), k.GroupID("admins"): want(1, 1), k.GroupID("engineers"): want(2, 1), k.GroupID("imported"): want(1, 0),
	}, stats); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	plain := decode[[]map[string]any](t, b.api("/api/v1/groups"))
	if _, has := plain[0]["_embedded"]; has {
		t.Error("statistics that nobody asked for")
	}
}

func TestPlainListLeavesOutWhomFiltersFind(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	alice, bob := k.PersonID("alice"), k.PersonID("bob")
	k.Deactivate("bob")
	for path, want := range map[string][]string{
		"/api/v1/users": {alice},
		`/api/v1/users?filter=lastUpdated+ge+"2000-01-01T00:00:00.000Z"`:                              {alice, bob},
		`/api/v1/users?filter=status+eq+"DEPROVISIONED"`:                                              {bob},
		`/api/v1/users?filter=status+eq+"deprovisioned"`:                                              {}, // case counts in values,
		`/api/v1/users?filter=status+EQ+"DEPROVISIONED"`:                                              {bob},
		`/api/v1/users?filter=profile.login+eq+"alice@example.com"`:                                   {alice},
		`/api/v1/users?filter=profile.firstName+eq+"Bob"+and+status+eq+"ACTIVE"`:                      {},
		`/api/v1/users?filter=id+eq+"` + alice + `"+or+id+eq+"` + bob + `"`:                           {alice, bob},
		`/api/v1/users?filter=(id+eq+"` + alice + `"+or+id+eq+"` + bob + `")+and+id+eq+"` + bob + `"`: {bob},
		`/api/v1/users?filter=id+eq+"` + alice + `"+or+id+eq+"` + bob + `"+and+status+eq+"NONE"`:      {alice}, // and binds closer
		"/api/v1/users?q=BO":                             {},
		"/api/v1/users?q=ali":                            {alice},
		`/api/v1/users?search=status+eq+"DEPROVISIONED"`: {bob},
		`/api/v1/users?search=profile.lastName+sw+"lid"`: {alice},
	} {
		got := ids(b.listAll(strings.ReplaceAll(path, `"`, "%22")))
		slices.Sort(want)
		if len(got) != len(want) || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

func TestFiltersCompareTimes(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	clock.advance(time.Hour)
	at := clock.now()
	k.SetProfile("bob", map[string]any{"department": "x"})
	for op, want := range map[string]int{"eq": 1, "gt": 0, "ge": 1, "lt": 1, "le": 2} {
		path := "/api/v1/users?filter=lastUpdated+" + op + "+%22" + at.Format(time.RFC3339) + "%22"
		if got := ids(b.listAll(path)); len(got) != want {
			t.Errorf("%s: got %v, want %d", op, got, want)
		}
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	for path, code := range map[string]string{
		`/api/v1/users?filter=status+gt+"ACTIVE"`:                 "E0000031",
		`/api/v1/users?filter=profile.department+eq+"x"`:          "E0000031",
		`/api/v1/users?filter=not+(status+eq+"ACTIVE")`:           "E0000031",
		`/api/v1/users?filter=status+eq`:                          "E0000031",
		`/api/v1/users?filter=status+eq+"ACTIVE`:                  "E0000031",
		`/api/v1/users?filter=(status+eq+"ACTIVE"`:                "E0000031",
		`/api/v1/users?filter=status+eq+"ACTIVE")`:                "E0000031",
		`/api/v1/users?filter=lastUpdated+gt+"yesterday"`:         "E0000031",
		`/api/v1/users?filter=`:                                   "E0000031",
		`/api/v1/users?search=credentials+eq+"x"`:                 "E0000031",
		`/api/v1/groups?filter=profile.name+eq+"admins"`:          "E0000031",
		`/api/v1/groups?filter=lastMembershipUpdated+co+"2026"`:   "E0000031",
		`/api/v1/apps?filter=label+eq+"x"`:                        "E0000031",
		`/api/v1/logs?filter=display_message+eqq+"x"`:             "E0000053",
		`/api/v1/logs?filter=some_invalid_field+eq+"x"`:           "E0000053",
		`/api/v1/logs?filter=published+gt+"2026-11-22T00:00:00Z"`: "E0000053",
	} {
		got := b.api(strings.ReplaceAll(path, `"`, "%22"))
		if shown := decode[map[string]any](t, got); got.StatusCode != 400 || shown["errorCode"] != code {
			t.Errorf("%s: got %d %s, want 400 %s", path, got.StatusCode, got.body, code)
		}
	}
}

func TestSearchTrailsWhatIsSo(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), func(o *oktatest.Options) { o.Lags.Search = oktatest.Fixed(time.Minute) })
	b := newBrowser(t, k)
	find := func(expression string) []string { return ids(b.listAll("/api/v1/users?search=" + expression)) }
	active, suspended := `status+eq+%22ACTIVE%22`, `status+eq+%22SUSPENDED%22`
	k.Suspend("bob")
	carol := k.AddPerson(oktatest.Person{Login: "carol@example.com"})
	k.RenameGroup("admins", "chiefs")
	if len(find(active)) != 2 || len(find(suspended)) != 0 {
		t.Errorf("got active %v and suspended %v, want the two people as they were", find(active), find(suspended))
	}
	if got := decode[[]named](t, b.api("/api/v1/users?search="+active)); got[0].Status != "ACTIVE" || got[1].Status != "ACTIVE" {
		t.Errorf("got %v, want what the index holds shown too", got)
	}
	if got := decode[named](t, b.api("/api/v1/users/bob")); got.Status != "SUSPENDED" {
		t.Errorf("by id: got %s, want SUSPENDED at once", got.Status)
	}
	if got := ids(b.listAll("/api/v1/groups?search=profile.name+eq+%22admins%22")); len(got) != 1 {
		t.Errorf("group: got %v, want the old name", got)
	}
	clock.advance(time.Minute)
	if !slices.Contains(find(active), carol) || len(find(suspended)) != 1 {
		t.Errorf("got active %v and suspended %v, want what is so a minute ago", find(active), find(suspended))
	}
}

func TestSearchIsCapped(t *testing.T) {
	k := start(t, func(o *oktatest.Options) { o.SearchCap = 25 })
	k.Load(oktatest.Load{People: 60})
	b := newBrowser(t, k)
	all := ids(b.listAll("/api/v1/users?limit=10"))
	found := ids(b.listAll("/api/v1/users?limit=200&search=status+eq+%22ACTIVE%22"))
	if len(all) != 62 || len(found) != 25 {
		t.Errorf("got %d listed and %d found, want 62 and 25", len(all), len(found))
	}
}

func TestFieldsAndOmissions(t *testing.T) {
	b := newBrowser(t, start(t))
	got := decode[[]map[string]any](t, b.api("/api/v1/users?limit=1&fields=status,profile:(email,login)"))
	if diff := cmp.Diff([]string{"id", "profile", "status"}, slices.Sorted(maps.Keys(got[0]))); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"email", "login"}, slices.Sorted(maps.Keys(got[0]["profile"].(map[string]any)))); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	ask := func(omit string) map[string]any {
		r := b.request("GET", "/api/v1/users/alice", nil)
		r.Header.Set("Authorization", "SSWS "+apiToken)
		r.Header.Set("Content-Type", `application/json; okta-response="`+omit+`"`)
		return decode[map[string]any](t, b.do(r))
	}
	full, links, both := ask("omitTransitioningToStatus"), ask("omitCredentialsLinks"), ask("omitCredentials,omitCredentialsLinks,omitTransitioningToStatus")
	has := func(v map[string]any, name string) bool { _, ok := v[name]; return ok }
	if !has(full, "credentials") || !has(full["_links"].(map[string]any), "changePassword") {
		t.Error("omitted more than was asked")
	}
	if !has(links, "credentials") || has(links["_links"].(map[string]any), "changePassword") || !has(links["_links"].(map[string]any), "suspend") {
		t.Errorf("got %v, want the credentials' links alone omitted", links["_links"])
	}
	if has(both, "credentials") {
		t.Error("got credentials")
	}
}

func TestMembersOfAGroup(t *testing.T) {
	k := start(t)
	k.Load(oktatest.Load{People: 1205})
	for _, id := range k.MembersOf("Everyone") {
		k.Join(id, "engineers")
	}
	b := newBrowser(t, k)
	path := "/api/v1/groups/" + k.GroupID("engineers") + "/users"
	pages := b.listAll(path)
	if len(pages) != 2 || len(pages[0]) != 1000 || len(ids(pages)) != 1207 {
		t.Errorf("got %d pages and %d people, want 2 and 1207", len(pages), len(ids(pages)))
	}
	if diff := cmp.Diff(k.MembersOf("engineers"), ids(b.listAll(path+"?limit=200"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(k.MembersOf("Everyone"), ids(b.listAll("/api/v1/groups/"+k.GroupID("Everyone")+"/users?limit=200"))); diff != "" {
		t.Errorf("Everyone (-want +got):\n%s", diff)
	}
	next := strings.TrimPrefix(nextLink.FindStringSubmatch(b.api(path).Header.Values("Link")[1])[1], k.URL())
	k.RemoveGroup("engineers")
	if got := b.api(next); got.StatusCode != 404 || !strings.Contains(got.body, "E0000007") {
		t.Errorf("deleted in the middle: got %d %s, want 404 E0000007", got.StatusCode, got.body)
	}
}

func TestDeactivationLeavesWhatRulesMade(t *testing.T) {
	k := start(t)
	k.AddRule(oktatest.Rule{Name: "builders", Groups: []string{"engineers"}, When: func(p map[string]any) bool { return p["department"] == "building" }})
	k.SetProfile("bob", map[string]any{"department": "building"})
	k.Join("bob", "admins")
	bob := k.PersonID("bob")
	if !slices.Contains(k.MembersOf("engineers"), bob) {
		t.Fatal("the rule does nothing")
	}
	k.Deactivate("bob")
	if !slices.Contains(k.MembersOf("engineers"), bob) || slices.Contains(k.MembersOf("admins"), bob) || slices.Contains(k.MembersOf("Everyone"), bob) {
		t.Errorf("got engineers %v, admins %v, Everyone %v; want bob in the first alone", k.MembersOf("engineers"), k.MembersOf("admins"), k.MembersOf("Everyone"))
	}
	k.Activate("bob")
	k.SetProfile("bob", map[string]any{"department": "selling"})
	if slices.Contains(k.MembersOf("engineers"), bob) {
		t.Error("the rule does not let go")
	}
	k.SetProfile("bob", map[string]any{"department": "building"})
	k.Leave("bob", "engineers")
	k.SetProfile("bob", map[string]any{"title": "x"})
	if slices.Contains(k.MembersOf("engineers"), bob) {
		t.Error("the rule put somebody back whom an administrator took out")
	}
}
