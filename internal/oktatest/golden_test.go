package oktatest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
	"sallyport/internal/oktatest"
)

func unmarshal(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	return json.Unmarshal(body, v)
}

// recording is one recorded answer. Recordings of okta-auth-js keep the body one
// level down.
type recording struct {
	Response struct {
		Status   int                 `json:"status"`
		Headers  map[string]any      `json:"headers"`
		Body     any                 `json:"body"`
		Response any                 `json:"response"`
		List     map[string][]string `json:"-"`
	} `json:"response"`
}

func loadRecording(t *testing.T, name string) recording {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dataDir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if r.Response.Body == nil {
		r.Response.Body = r.Response.Response
	}
	return r
}

// shape is the set of paths of a JSON value with the kind of what is there.
// Elements of a list count together.
func shape(v any) map[string]bool {
	all := map[string]bool{}
	addShape(all, "", v)
	return all
}

func addShape(all map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			addShape(all, path+"."+name, field)
		}
		if len(v) == 0 {
			all[path+" object"] = true
		}
	case []any:
		for _, element := range v {
			addShape(all, path+"[]", element)
		}
		if len(v) == 0 {
			all[path+" list"] = true
		}
	case nil:
		all[path+" null"] = true
	case string:
		all[path+" string"+format(v)] = true
	default:
		all[fmt.Sprintf("%s %T", path, v)] = true
	}
}

// format tells timestamps from other strings; their fraction is part of it.
func format(s string) string {
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", s); err == nil {
		return " timestamp"
	}
	return ""
}

func sorted(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

// without drops paths that start so.
func without(m map[string]bool, prefixes ...string) map[string]bool {
	maps.DeleteFunc(m, func(path string, _ bool) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
	})
	return m
}

// checkHeaders wants every header name that was recorded.
func checkHeaders(t *testing.T, want recording, got http.Header) {
	t.Helper()
	for name, recorded := range want.Response.Headers {
		lines := len(got.Values(name))
		if lines == 0 {
			t.Errorf("no header %s", name)
		}
		if list, ok := recorded.([]any); ok && strings.EqualFold(name, "Link") && len(list) != lines {
			t.Errorf("got %d Link lines, want %d", lines, len(list))
		}
	}
}

// goldenOrg has the people and groups whose counterparts were recorded.
func goldenOrg(o *oktatest.Options) {
	o.People = append(o.People,
		oktatest.Person{
			Login: "john@example.com", Password: "p", FirstName: "John", LastName: "Doe", Groups: []string{"engineers"},
			Profile: map[string]any{"mobilePhone": "+1-555-123-4567", "displayName": "John Doe Comprehensive", "nickName": "JohnnyC"},
		},
		oktatest.Person{Login: "staged@example.com", Password: "p", FirstName: "John", LastName: "Doe", Status: identity.StatusStaged},
		oktatest.Person{Login: "never@example.com", FirstName: "TestAcc", LastName: "Smith", Status: identity.StatusStaged},
		oktatest.Person{Login: "invited@example.com", FirstName: "TestAcc", LastName: "Entwhistle", Status: identity.StatusProvisioned},
	)
}

func TestManagementAnswersHaveTheRecordedFields(t *testing.T) {
	needData(t)
	k := start(t, goldenOrg)
	k.SetStatus("john", identity.StatusSuspended)
	k.SetStatus("never", identity.StatusDeprovisioned)
	b := newBrowser(t, k)
	for _, c := range []struct {
		recording, path string
		but             []string // recorded only where a feature is on
	}{
		{"users/get-suspended.json", "/api/v1/users/john", nil},
		{"users/get-by-login.json", "/api/v1/users/staged@example.com", nil},
		{"users/get-deprovisioned.json", "/api/v1/users/never", []string{".realmId"}},
		{"users/get-by-id-same-moment-PROVISIONED.json", "/api/v1/users/invited", []string{".realmId"}},
		{"users/get-404.json", "/api/v1/users/00usfhrjbkppPBkoY4x6", nil},
		{"users/user-groups-one.json", "/api/v1/users/john/groups", nil},
		{"users/user-groups-many.json", "/api/v1/users/alice/groups", []string{"[].profile.description null"}},
		{"groups/list-default-limit10000.json", "/api/v1/groups", nil},
	} {
		t.Run(c.recording, func(t *testing.T) {
			want, got := loadRecording(t, c.recording), b.api(c.path)
			if got.StatusCode != want.Response.Status {
				t.Fatalf("got %d, want %d", got.StatusCode, want.Response.Status)
			}
			wanted, shown := without(shape(want.Response.Body), c.but...), without(shape(decode[any](t, got)), c.but...)
			if diff := cmp.Diff(sorted(wanted), sorted(shown)); diff != "" {
				t.Errorf("fields (-recorded +ours):\n%s", diff)
			}
			checkHeaders(t, want, got.Header)
		})
	}
}

func TestListedUserHasTheRecordedFields(t *testing.T) {
	needData(t)
	k := start(t, func(o *oktatest.Options) {
		o.People = []oktatest.Person{
			{Login: "a@example.com", Password: "p", FirstName: "John", LastName: "Doe", Status: identity.StatusStaged},
			{Login: "b@example.com", Password: "p", FirstName: "John", LastName: "Doe", Status: identity.StatusStaged},
		}
	})
	want := loadRecording(t, "users/list-pagination-a.json")
	got := newBrowser(t, k).api("/api/v1/users?limit=1")
	if diff := cmp.Diff(sorted(shape(want.Response.Body)), sorted(shape(decode[any](t, got)))); diff != "" {
		t.Errorf("fields (-recorded +ours):\n%s", diff)
	}
	checkHeaders(t, loadRecording(t, "users/list-limit1-page1-next.json"), got.Header)
}

func TestErrorsHaveTheRecordedBodies(t *testing.T) {
	needData(t)
	k := start(t)
	b := newBrowser(t, k)
	ask := func(auth string) reply {
		r := b.request("GET", "/api/v1/users", nil)
		r.Header.Set("Authorization", auth)
		return b.do(r)
	}
	for _, c := range []struct {
		recording string
		fault     oktatest.Act
		auth      string
	}{
		{"errors/401-E0000011.json", nil, "SSWS wrong"},
		{"errors/429-apps-bucket.json", oktatest.TooManyRequests(8 * time.Second), "SSWS " + apiToken},
		{"errors/500-sample.json", oktatest.ServerError(), "SSWS " + apiToken},
	} {
		t.Run(c.recording, func(t *testing.T) {
			if c.fault != nil {
				defer k.Fail(oktatest.Fault{Act: c.fault})()
			}
			want, got := loadRecording(t, c.recording), ask(c.auth)
			wanted, shown := want.Response.Body.(map[string]any), decode[map[string]any](t, got)
			wanted["errorId"], shown["errorId"] = "", ""
			if diff := cmp.Diff(wanted, shown); diff != "" || got.StatusCode != want.Response.Status {
				t.Errorf("status %d, want %d; body (-recorded +ours):\n%s", got.StatusCode, want.Response.Status, diff)
			}
			checkHeaders(t, want, got.Header)
		})
	}
}

func TestDiscoveryHasTheRecordedFields(t *testing.T) {
	needData(t)
	b := newBrowser(t, start(t))
	for _, c := range []struct {
		recording, path string
		trimmed         bool // the recording was cut down by hand
	}{
		{"oauth/org-oauth-authorization-server.json", "/.well-known/oauth-authorization-server", false},
		{"oauth/okta-organization.json", "/.well-known/okta-organization", false},
		{"oauth/org-openid-configuration.json", "/.well-known/openid-configuration", true},
		{"oauth/jwks.json", "/oauth2/v1/keys", false},
	} {
		t.Run(c.path, func(t *testing.T) {
			wanted := shape(loadRecording(t, c.recording).Response.Body)
			shown := shape(decode[any](t, b.get(c.path)))
			if c.trimmed {
				maps.DeleteFunc(shown, func(path string, _ bool) bool { return !wanted[path] })
			}
			if diff := cmp.Diff(sorted(wanted), sorted(shown)); diff != "" {
				t.Errorf("fields (-recorded +ours):\n%s", diff)
			}
		})
	}
}

func TestUserInfoHasTheRecordedFieldsAndRefusals(t *testing.T) {
	needData(t)
	b := newBrowser(t, start(t))
	full := b.signInTokens("alice", "wonderland", set("scope", "openid email"))
	narrow := newBrowser(t, b.k).signInTokens("alice", "wonderland", set("scope", "openid"))
	if diff := cmp.Diff(sorted(shape(loadRecording(t, "oauth/userinfo.json").Response.Body)), sorted(shape(decode[any](t, b.userInfo(full.Access))))); diff != "" {
		t.Errorf("fields (-recorded +ours):\n%s", diff)
	}
	for name, token := range map[string]string{"errors/userinfo-401.json": "nonsense", "errors/userinfo-403.json": narrow.Access} {
		want, got := loadRecording(t, name), b.userInfo(token)
		challenge := want.Response.Headers["WWW-Authenticate"]
		if got.StatusCode != want.Response.Status || got.Header.Get("WWW-Authenticate") != challenge {
			t.Errorf("got %d %q, want %d %q", got.StatusCode, got.Header.Get("WWW-Authenticate"), want.Response.Status, challenge)
		}
	}
}

func TestTokenAnswerHasTheRecordedFields(t *testing.T) {
	needData(t)
	b := newBrowser(t, start(t))
	code := b.signIn("alice", "wonderland", set("scope", "email"))
	r := b.request("POST", "/oauth2/v1/token", codeForm(code))
	basic(r)
	want, got := loadRecording(t, "oauth/token-200-dpop.json"), b.do(r)
	if diff := cmp.Diff(sorted(shape(want.Response.Body)), sorted(shape(decode[any](t, got)))); diff != "" {
		t.Errorf("fields (-recorded +ours):\n%s", diff)
	}
	delete(want.Response.Headers, "dpop-nonce")
	checkHeaders(t, want, got.Header)
	recorded, _ := want.Response.Body.(map[string]any)["access_token"].(string)
	wantHeader, wantClaims := claimsOf(t, recorded)
	gotHeader, gotClaims := claimsOf(t, decode[tokens](t, got).Access)
	delete(gotClaims, "uid") // of people's tokens alone
	delete(gotClaims, "auth_time")
	if diff := cmp.Diff(sorted(shape(wantHeader)), sorted(shape(gotHeader))); diff != "" {
		t.Errorf("header (-recorded +ours):\n%s", diff)
	}
	if diff := cmp.Diff(sorted(shape(wantClaims)), sorted(shape(gotClaims))); diff != "" {
		t.Errorf("claims (-recorded +ours):\n%s", diff)
	}
	if gotHeader["typ"] != wantHeader["typ"] {
		t.Errorf("got typ %q, want %q", gotHeader["typ"], wantHeader["typ"])
	}
}
