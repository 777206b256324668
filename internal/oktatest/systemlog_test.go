package oktatest_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/oktatest"
)

// logEvent is what tests look at of an event.
type logEvent struct {
	UUID      string `json:"uuid"`
	Type      string `json:"eventType"`
	Published string
	Message   string `json:"displayMessage"`
	Outcome   struct{ Result string }
	Actor     struct{ Type string }
	Target    []struct{ ID, Type string }
}

// of is the id of the target of that type, "" where there is none.
func (e logEvent) of(kind string) string {
	for _, t := range e.Target {
		if t.Type == kind {
			return t.ID
		}
	}
	return ""
}

// logs asks one question and returns the events and the next link's path.
func (b *browser) logs(path string) (found []logEvent, next string) {
	b.t.Helper()
	got := b.api(path)
	if got.StatusCode != 200 {
		b.t.Fatalf("%s: got %d %s", path, got.StatusCode, got.body)
	}
	for _, line := range got.Header.Values("Link") {
		if m := nextLink.FindStringSubmatch(line); m != nil {
			next = strings.TrimPrefix(m[1], b.k.URL())
		}
	}
	return decode[[]logEvent](b.t, got), next
}

func eventTypes(all []logEvent) (types []string) {
	for _, e := range all {
		types = append(types, e.Type)
	}
	return types
}

const logPath = "/api/v1/logs"

func TestPollingTheSystemLogNeverEnds(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	none, next := b.logs(logPath + "?filter=eventType+eq+%22user.lifecycle.suspend%22+or+eventType+eq+%22user.lifecycle.unsuspend%22&limit=2")
	if len(none) != 0 || next == "" || strings.Contains(next, "since=") || !strings.Contains(next, "filter=") || !strings.Contains(next, "limit=2") {
		t.Fatalf("got %v and next %q, want no events and a next link with the filter and the limit", none, next)
	}
	if _, again := b.logs(next); again != next {
		t.Errorf("got next %q after nothing, want %q again", again, next)
	}
	k.Suspend("bob")
	k.Join("bob", "admins") // not asked for
	k.Unsuspend("bob")
	k.Suspend("alice")
	first, next := b.logs(next)
	second, next := b.logs(next)
	third, next := b.logs(next)
	if diff := cmp.Diff([]string{"user.lifecycle.suspend", "user.lifecycle.unsuspend", "user.lifecycle.suspend"}, eventTypes(append(first, second...))); diff != "" || len(first) != 2 {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(third) != 0 || next == "" {
		t.Errorf("got %v and next %q at the end, want none and a link", third, next)
	}
	if first[0].of("User") != k.PersonID("bob") || first[0].Outcome.Result != "SUCCESS" || first[0].Actor.Type != "User" {
		t.Errorf("got %+v", first[0])
	}
}

// Persistence lags put events behind others that were published later. A poll
// gets each of them once; a bounded question asked too early misses some.
func TestEventsAreReadInTheOrderOfPersistence(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), func(o *oktatest.Options) {
		o.Lags.Log = oktatest.Each(10*time.Second, time.Second, 5*time.Second)
	})
	b := newBrowser(t, k)
	_, next := b.logs(logPath)
	began := clock.now()
	k.Suspend("bob") // persisted last
	clock.advance(time.Second)
	k.Join("bob", "admins") // persisted first
	clock.advance(time.Second)
	k.RenameGroup("admins", "chiefs")
	var got []string
	for range 12 {
		var found []logEvent
		found, next = b.logs(next)
		got = append(got, eventTypes(found)...)
		clock.advance(time.Second)
	}
	want := []string{"group.user_membership.add", "group.profile.update", "user.lifecycle.suspend"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("polled (-want +got):\n%s", diff)
	}
	bounds := "?since=" + began.Add(-time.Second).Format(time.RFC3339) + "&until=" + began.Add(time.Minute).Format(time.RFC3339)
	found, link := b.logs(logPath + bounds)
	if diff := cmp.Diff([]string{want[2], want[0], want[1]}, eventTypes(found)); diff != "" || link != "" {
		t.Errorf("bounded: next %q, want none; (-want +got):\n%s", link, diff)
	}
	late := start(t, withClock(clock), func(o *oktatest.Options) { o.Lags.Log = oktatest.Fixed(time.Minute) })
	late.Suspend("bob")
	if found, _ := newBrowser(t, late).logs(logPath + bounds); len(found) != 0 {
		t.Errorf("asked before persistence: got %v, want nothing", found)
	}
}

func TestPollingSurvivesAClockThatGoesBack(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	k.Suspend("bob")
	_, next := b.logs(logPath)
	k.SetClockOffset(-time.Hour)
	k.Unsuspend("bob")
	if found, _ := b.logs(next); len(found) != 1 {
		t.Errorf("got %v, want the event after the jump", found)
	}
}

func TestBoundedQuestionsPageAndTurn(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	for range 5 {
		clock.advance(time.Second)
		k.Suspend("bob")
		k.Unsuspend("bob")
	}
	end := url.QueryEscape(clock.now().Add(time.Second).Format(time.RFC3339))
	var all []logEvent
	for path := logPath + "?limit=4&until=" + end; path != ""; {
		var found []logEvent
		found, path = b.logs(path)
		all = append(all, found...)
	}
	if len(all) != 10 || !slices.IsSortedFunc(all, func(a, b logEvent) int { return strings.Compare(a.Published, b.Published) }) {
		t.Errorf("got %d events, want 10 by publication", len(all))
	}
	back, _ := b.logs(logPath + "?limit=1&sortOrder=DESCENDING")
	if len(back) != 1 || back[0].Published != all[9].Published {
		t.Errorf("descending: got %+v, want the last first", back)
	}
	found, _ := b.logs(logPath + "?limit=1000&q=bob%40example+suspend&until=" + end)
	if len(found) != 10 {
		t.Errorf("q: got %d events, want 10", len(found))
	}
	found, _ = b.logs(logPath + `?filter=target.id+eq+%22` + k.PersonID("bob") + `%22+and+not+(eventType+sw+%22user.lifecycle.un%22)&until=` + end)
	if len(found) != 5 {
		t.Errorf("filter: got %d events, want 5", len(found))
	}
}

func TestLogQuestionsThatAreRefused(t *testing.T) {
	b := newBrowser(t, start(t))
	_, next := b.logs(logPath)
	long := time.Now().Add(-181 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string][2]string{
		"?since=" + long: {"E0000053", "Invalid parameter: The since parameter is over 180 days prior to the current day."},
		"?until=x":       {"E0000001", "Api validation failed: 'until': The date format in your query is not recognized. Please enter dates using ISO8601 string format. 'until': must be a valid date-time or empty."},
		"?filter=display_message+eqq+%22Create+okta+user%22":              {"E0000053", `Invalid filter 'display_message eqq "Create okta user"': Unrecognized attribute operator 'eqq' at position 16. Expected: eq,co,sw,pr,gt,ge,lt,le`},
		"?filter=some_invalid_field+eq+1":                                 {"E0000053", "field is not valid: some_invalid_field"},
		"?q=" + strings.Repeat("x", 41):                                   {"E0000001", "Api validation failed: 'q': Freeform search cannot contain items longer than 40 characters. Please shorten the items in your search or use an advanced filter to query by specific fields."},
		"?limit=1001":                                                     {"E0000001", "Api validation failed: limit"},
		"?after=nonsense":                                                 {"E0000053", "Invalid parameter: The after parameter is not valid."},
		strings.TrimPrefix(next, logPath) + "&since=2026-11-22T00:00:00Z": {"E0000053", "Invalid parameter: The since and after parameters are mutually exclusive."},
	} {
		got := b.api(logPath + query)
		shown := decode[map[string]any](t, got)
		if got.StatusCode != 400 || shown["errorCode"] != want[0] || shown["errorSummary"] != want[1] {
			t.Errorf("%s: got %d %v %q, want 400 %s %q", query, got.StatusCode, shown["errorCode"], shown["errorSummary"], want[0], want[1])
		}
	}
}

func TestLogErrorsAreTheDocumentedOnes(t *testing.T) {
	needData(t)
	raw, err := os.ReadFile(filepath.Join(dataDir, "errors", "docs-system-log-errors.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, start(t))
	long := time.Now().Add(-200 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for _, query := range []string{"until=x", "filter=display_message+eqq+%22Create+okta+user%22", "filter=some_invalid_field+eq+1", "since=" + long, "q=" + strings.Repeat("x", 41)} {
		summary := decode[map[string]any](t, b.api(logPath+"?"+query))["errorSummary"]
		if !strings.Contains(string(raw), encode(t, summary)) {
			t.Errorf("%s: Okta's documentation has no %q", query, summary)
		}
	}
}

func TestEventsComeTwiceWhenTold(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	k.RepeatEvents(func(e oktatest.Event) bool { return e.Type == "user.lifecycle.suspend" })
	k.Suspend("bob")
	k.Unsuspend("bob")
	found, _ := b.logs(logPath)
	if len(found) != 3 || found[0].UUID != found[1].UUID || found[2].UUID == found[1].UUID {
		t.Errorf("got %+v, want the first event twice with one UUID", found)
	}
}

// Every act leaves the events that Okta's catalogue has for it.
func TestActsLeaveTheirEvents(t *testing.T) {
	k := directoryOrg(t)
	k.AddRule(oktatest.Rule{Groups: []string{"imported"}, When: func(p map[string]any) bool { return p["department"] == "x" }})
	var carol string
	for _, c := range []struct {
		name string
		act  func()
		want []string
	}{
		{"add person", func() { carol = k.AddPerson(oktatest.Person{Login: "carol@example.com"}) }, []string{"user.lifecycle.create", "user.lifecycle.activate"}},
		{"profile, rule", func() { k.SetProfile("carol", map[string]any{"department": "x"}) }, []string{"user.account.update_profile", "group.user_membership.add"}},
		{"password", func() { k.SetPassword("carol", "p") }, []string{"user.account.update_password"}},
		{"join, with an app", func() { k.Join("carol", "engineers") }, []string{"group.user_membership.add", "application.user_membership.add"}},
		{"join again", func() { k.Join("carol", "engineers") }, nil},
		{"join, app there already", func() { k.Join("carol", "admins") }, []string{"group.user_membership.add"}},
		{"assign, app there already", func() { k.AssignPerson(appID, "carol") }, nil},
		{"unassign", func() { k.UnassignPerson(appID, "carol") }, nil},
		{"leave, app stays", func() { k.Leave("carol", "admins") }, []string{"group.user_membership.remove"}},
		{"leave, app goes", func() { k.Leave("carol", "engineers") }, []string{"group.user_membership.remove", "application.user_membership.remove"}},
		{"suspend", func() { k.Suspend("carol") }, []string{"user.lifecycle.suspend"}},
		{"unsuspend", func() { k.Unsuspend("carol") }, []string{"user.lifecycle.unsuspend"}},
		{"clear sessions", func() { k.ClearSessions("carol") }, []string{"user.session.clear"}},
		{"revoke tokens", func() { k.RevokeTokens("carol") }, []string{"app.oauth2.token.revoke.implicit.user"}},
		{"lock", func() { k.SetStatus("carol", "LOCKED_OUT") }, []string{"user.account.lock"}},
		{"unlock", func() { k.SetStatus("carol", "ACTIVE") }, []string{"user.account.unlock"}},
		{"assign", func() { k.AssignPerson(appID, "carol") }, []string{"application.user_membership.add"}},
		{"deactivate", func() { k.Deactivate("carol") }, []string{"user.lifecycle.deactivate", "application.user_membership.remove"}},
		{"activate", func() { k.Activate("carol") }, []string{"user.lifecycle.activate"}},
		{"delete", func() { k.RemovePerson("carol") }, []string{"user.lifecycle.deactivate", "user.lifecycle.delete.initiated", "group.user_membership.remove", "user.lifecycle.delete.completed"}},
		{"add group", func() { k.AddGroup(oktatest.Group{Name: "new"}) }, []string{"group.lifecycle.create"}},
		{"rename group", func() { k.RenameGroup("new", "newer") }, []string{"group.profile.update"}},
		{"assign group", func() { k.AssignGroup(appID, "newer") }, []string{"group.application_assignment.add"}},
		{"unassign group", func() { k.UnassignGroup(appID, "engineers") }, []string{"group.application_assignment.remove"}},
		{"delete group", func() { k.RemoveGroup("newer") }, []string{"group.lifecycle.delete"}},
		{"app off and away", func() { k.RemoveApp("0oaDirectory00000001") }, []string{"application.lifecycle.deactivate", "application.lifecycle.delete"}},
		{"API token", func() { k.RemoveAPIToken("none") }, []string{"system.api_token.revoke"}},
	} {
		before := len(k.Events())
		c.act()
		var got []string
		for _, e := range k.Events()[before:] {
			got = append(got, e.Type)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	found, _ := newBrowser(t, k).logs(logPath + "?limit=1000&filter=target.id+eq+%22" + carol + "%22")
	first := map[string]bool{}
	for _, e := range found {
		if e.Type == "group.user_membership.add" {
			first[e.Target[0].Type] = true
		}
		if strings.HasPrefix(e.Type, "application.user_membership.") && (e.of("User") != carol || e.of("AppInstance") != appID || e.of("AppUser") == "") {
			t.Errorf("got targets %v", e.Target)
		}
	}
	if !first["User"] || !first["UserGroup"] {
		t.Errorf("got %v as first targets of membership events, want both orders", first)
	}
}

func TestSigningInAndOutLeavesEvents(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	b.signIn("alice", "wonderland")
	b.post("/login/signout", url.Values{})
	found, _ := b.logs(logPath)
	if diff := cmp.Diff([]string{"user.session.start", "user.session.end"}, eventTypes(found)); diff != "" || found[1].Target != nil {
		t.Errorf("targets %v, want null; (-want +got):\n%s", found[1].Target, diff)
	}
}

func TestLogEventsHaveTheRecordedFields(t *testing.T) {
	needData(t)
	k := directoryOrg(t)
	b := newBrowser(t, k)
	k.Leave("bob", "imported")
	for name, query := range map[string]string{
		"logs/demisto-group.user_membership.remove.json":    "eventType+eq+%22group.user_membership.remove%22",
		"logs/demisto-application.user_membership.add.json": "eventType+eq+%22application.user_membership.add%22",
	} {
		raw, err := os.ReadFile(filepath.Join(dataDir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		var recorded struct{ Event any }
		if err := unmarshal(raw, &recorded); err != nil {
			t.Fatal(err)
		}
		shown := decode[[]any](t, b.api(logPath+"?filter="+query))
		if len(shown) == 0 {
			t.Fatalf("%s: no event", name)
		}
		// Who acted, and from where, differs between the recordings themselves.
		vary := []string{".actor.alternateId", ".client.geographicalContext.postalCode", ".request.ipChain[].geographicalContext.postalCode", ".debugContext.debugData."}
		if diff := cmp.Diff(sorted(without(shape(recorded.Event), vary...)), sorted(without(shape(shown[0]), vary...))); diff != "" {
			t.Errorf("%s: fields (-recorded +ours):\n%s", name, diff)
		}
	}
}
