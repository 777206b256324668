package okta

import (
	"net/http"
	"net/url"
	"testing"

	"sallyport/identity"
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
		p, err := decodePerson([]byte(`{"id":"00u1","status":"ACTIVE","profile":`+profile+`}`), nil)
		if err != nil || p.Name != want {
			t.Errorf("%s: got %q, %v; want %q", profile, p.Name, err, want)
		}
	}
}

func TestStatusThatNobodyKnowsMayNotPass(t *testing.T) {
	for status, want := range map[string]bool{"ACTIVE": true, "active": false, "ACTIVATING": false, "SUSPENDED": false} {
		p, err := decodePerson([]byte(`{"id":"00u1","status":"`+status+`"}`), nil)
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

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		user("00u1", "ACTIVE"), `[` + group("00g1", "n") + `,null]`, `null`, `{"id":1}`, `{"id":"a","status":"b","profile":{"x":[1,{"y":2}]}}`,
		`[{"id":"00g1","profile":null}]`, `[{"id":"00g1","profile":{"name":"00gvictim00000000001"}}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := decodePerson(raw, map[string]bool{"x": true, "login": true}); err == nil {
			if p.ID == "" || p.Status == "" {
				t.Errorf("a person without id or status: %+v", p)
			}
			identity.NewPerson(p)
		}
		if groups, err := decodeGroups(raw); err == nil {
			for _, g := range groups {
				if g.ID == "" || groupID.MatchString(g.Name) {
					t.Errorf("group %+v", g)
				}
			}
		}
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
