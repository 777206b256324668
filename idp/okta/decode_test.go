package okta

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"sallyport/idp"
)

func TestNameFallsBackToWhatThereIs(t *testing.T) {
	for profile, want := range map[string]string{
		`{"displayName":"Dr. Alice","firstName":"A","login":"l"}`:       "Dr. Alice",
		`{"displayName":null,"firstName":"Alice","lastName":"Liddell"}`: "Alice Liddell",
		`{"displayName":" ","firstName":null,"lastName":"Liddell"}`:     "Liddell",
		`{"firstName":"","lastName":7,"login":"alice@example.com"}`:     "alice@example.com",
		`{"displayName":"A\u202elice\u0000"}`:                           "Alice",
		`null`:                                                          "",
	} {
		p, err := decodeUser(parse(t, `{"id":"00u1","status":"ACTIVE","profile":`+profile+`}`), nil)
		if err != nil || p.Name != want {
			t.Errorf("%s: got %q, %v; want %q", profile, p.Name, err, want)
		}
	}
}

func TestStatusThatNobodyKnowsMayNotPass(t *testing.T) {
	for status, want := range map[string]bool{"ACTIVE": true, "active": false, "ACTIVATING": false, "SUSPENDED": false} {
		p, err := decodeUser(parse(t, `{"id":"00u1","status":"`+status+`"}`), nil)
		if err != nil || p.Status.MayPass() != want {
			t.Errorf("%s: may pass %v, %v", status, p.Status.MayPass(), err)
		}
	}
}

func TestNextLinkIsOnThePathThatWasAskedOrAnError(t *testing.T) {
	asked := &url.URL{Scheme: "https", Host: "id.acme.example", Path: "/api/v1/users/x/groups", RawQuery: "limit=200"}
	for line, want := range map[string]string{
		``: "",
		`<https://id.acme.example/api/v1/users/x/groups?limit=200>; rel="self"`:                      "",
		`<https://id.acme.example/api/v1/users/x/groups?after=a%2Bb>; rel="next"`:                    "after=a%2Bb",
		`<https://acme.okta.com/api/v1/users/x/groups?after=1>; rel="next"`:                          "after=1",
		`</api/v1/users/x/groups?after=1>; title="x, <y>; z"; rel=next`:                              "after=1",
		`<https://id.acme.example/api/v1/users/y/groups?after=1>; rel="next"`:                        "error",
		`<https://id.acme.example/api/v1/users/x/groups/?after=1>; rel="next"`:                       "error",
		`</api/v1/users/x/groups?after=1>; rel="next", </api/v1/users/x/groups?after=2>; rel="next"`: "error",
		`<https://acme.okta.com.evil.example/api/v1/users/x/groups?after=1>; rel="next"`:             "error",
		`<https://evilokta.com/api/v1/users/x/groups?after=1>; rel="next"`:                           "error",
		`</api/v1/users/x/groups?after=1>; rel="ne\xt"`:                                              "error",
	} {
		next, err := nextLink(http.Header{"Link": {line}}, asked)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case next != nil && (next.Host != asked.Host || next.Path != asked.Path):
			got = next.String()
		case next != nil:
			got = next.RawQuery
		}
		if got != want {
			t.Errorf("%s: got %q (%v), want %q", line, got, err, want)
		}
	}
}

func parse(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestGroupsWithAndWithoutStatistics(t *testing.T) {
	for text, want := range map[string]int{
		`{"id":"00g1","_embedded":{"stats":{"usersCount":301}}}`:       301,
		`{"id":"00g1","_embedded":{"stats":{"usersCount":0}}}`:         0,
		`{"id":"00g1","_embedded":{"stats":{"usersCount":null}}}`:      -1,
		`{"id":"00g1","_embedded":{"stats":{"usersCount":-2}}}`:        -1,
		`{"id":"00g1","_embedded":{"stats":{"usersCount":"7"}}}`:       -1,
		`{"id":"00g1","_embedded":{"stats":{"usersCount":1e300}}}`:     -1,
		`{"id":"00g1","_embedded":{"stats":[]}}`:                       -1,
		`{"id":"00g1","_embedded":null}`:                               -1,
		`{"id":"00g1"}`:                                                -1,
		`{"id":"00g1","_embedded":{"STATS":{"usersCount":5}}}`:         -1,
		`{"id":"00g1","_embedded":{"stats":{"usersCount":301,"x":1}}}`: 301,
	} {
		g, err := decodeListedGroup(parse(t, text))
		if err != nil || g.Users != want {
			t.Errorf("%s: got %d, %v; want %d", text, g.Users, err, want)
		}
	}
}

func TestEventsWithNullsEverywhere(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"uuid":"u","eventType":"a.b","target":null,"outcome":null,"published":null}`:     true,
		`{"uuid":"u","eventType":"a.b"}`:                                                   true,
		`{"uuid":"u","eventType":"a.b","target":[{"id":null,"type":null}]}`:                true,
		`{"uuid":"u","eventType":"a.b","target":[null]}`:                                   true,
		`{"uuid":null,"eventType":"a.b"}`:                                                  false,
		`{"uuid":"u","eventType":""}`:                                                      false,
		`{"uuid":"u","eventType":"a.b","target":{}}`:                                       false,
		`{"uuid":"u","eventType":"a.b","outcome":[]}`:                                      false,
		`{"UUID":"u","EventType":"a.b"}`:                                                   false,
		`{"uuid":"u","eventType":"a.b","published":"yesterday","outcome":{"result":true}}`: true,
	} {
		e, err := decodeEvent(parse(t, text))
		if (err == nil) != ok || e.Success {
			t.Errorf("%s: got %+v, %v", text, e, err)
		}
	}
	e, err := decodeEvent(parse(t, `{"uuid":"u","eventType":"group.user_membership.add","outcome":{"result":"SUCCESS"},"published":"2026-11-22T03:00:00.123Z",
		"target":[{"id":"00g1","type":"UserGroup","displayName":"admins"},{"id":"00u1","type":"User"}]}`))
	if err != nil || !e.Success || e.Target("User") != "00u1" || e.Target("UserGroup") != "00g1" || e.Published.Nanosecond() != 123e6 {
		t.Errorf("got %+v, %v", e, err)
	}
}

// TestListsAreWholeOrErrors holds for every decoder.
func TestListsAreWholeOrErrors(t *testing.T) {
	decoders := map[string]func([]byte) (int, error){
		"users":     counting(func(o object) (idp.User, error) { return decodeUser(o, nil) }),
		"groups":    counting(decodeListedGroup),
		"apps":      counting(decodeApp),
		"app users": counting(decodeAppUser),
		"ids":       counting(decodeID),
		"events":    counting(decodeEvent),
	}
	const good = `{"id":"x","status":"ACTIVE","uuid":"u","eventType":"e"}`
	for name, decode := range decoders {
		for body, want := range map[string]int{
			`[]`: 0, `[` + good + `]`: 1, `[` + good + `,` + good + `]`: 2, `null`: -1, `{}`: -1, `""`: -1, `[null]`: -1,
			`[` + good + `,null]`: -1, `[` + good + `,{}]`: -1, `[1]`: -1, `[[` + good + `]]`: -1,
			`[{"id":"a b","status":"ACTIVE","uuid":"","eventType":"e"}]`: -1,
		} {
			n, err := decode([]byte(body))
			if err == nil && n != want || err != nil && want >= 0 {
				t.Errorf("%s: %s: %d items, %v; want %d", name, body, n, err, want)
			}
		}
	}
}

func counting[T any](decode func(object) (T, error)) func([]byte) (int, error) {
	return func(raw []byte) (int, error) {
		items, err := decodeList(raw, decode)
		return len(items), err
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`[` + user("00u1", "ACTIVE") + `]`, `[` + group("00g1", "n") + `,null]`, `null`, `[{"id":1}]`, `[{"id":"a","status":"b","profile":{"x":[1,{"y":2}]}}]`,
		`[{"id":"00g1","profile":null,"_embedded":{"stats":{"usersCount":3}}}]`, `[{"id":"00g1","profile":{"name":"00gvictim00000000001"}}]`,
		`[{"uuid":"u","eventType":"e","target":[{"id":"00u1","type":"User"},null],"outcome":{"result":"SUCCESS"}}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		users, _ := decodeList(raw, func(o object) (idp.User, error) { return decodeUser(o, map[string]bool{"x": true, "login": true}) })
		for _, u := range users {
			if u.ID == "" || u.Status == "" {
				t.Errorf("a person without id or status: %+v", u)
			}
		}
		groups, _ := decodeList(raw, decodeListedGroup)
		for _, g := range groups {
			if g.ID == "" || groupID.MatchString(g.Name) || g.Users < -1 {
				t.Errorf("group %+v", g)
			}
		}
		events, _ := decodeList(raw, decodeEvent)
		for _, e := range events {
			if e.ID == "" || e.Type == "" || len(e.Targets) > maxTargets {
				t.Errorf("event %+v", e)
			}
		}
		_, _ = decodeList(raw, decodeApp)
		_, _ = decodeList(raw, decodeAppUser)
	})
}

func FuzzNextLink(f *testing.F) {
	for _, s := range []string{
		`<https://acme.okta.com/api/v1/users/x/groups?after=1>; rel="next"`, `</a>; rel=self, </b?c>;rel="next prev" ; x`, `<`, `<>;;`, `<a>;rel="`,
		`<//evil.example/api/v1/users/x/groups?after=1>; rel=next`,
	} {
		f.Add(s)
	}
	asked := &url.URL{Scheme: "https", Host: "acme.okta.com", Path: "/api/v1/users/x/groups"}
	f.Fuzz(func(t *testing.T, line string) {
		next, err := nextLink(http.Header{"Link": {line}}, asked)
		if err != nil || next == nil {
			return
		}
		if next.Scheme != "https" || next.Host != asked.Host || next.Path != asked.Path || next.RawQuery == "" || next.User != nil {
			t.Errorf("%q leads to %q", line, next)
		}
		if again, err := url.Parse(next.String()); err != nil || again.Host != asked.Host || again.Path != asked.Path {
			t.Errorf("%q leads to %q as written: %v, %v", line, next, again, err)
		}
	})
}
