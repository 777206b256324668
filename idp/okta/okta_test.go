package okta

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/identity"
	"sallyport/idp"
)

func TestPersonIsReadWithStatusAndGroups(t *testing.T) {
	o := newOrg(t)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	o.handle(userPath, jsonAnswer(200, `{"id":"`+aliceID+`","status":"LOCKED_OUT","activated":null,"lastLogin":null,"profile":{
		"login":"alice@example.com","email":"alice@example.com","firstName":"Alice","lastName":"Liddell",
		"department":"tea","tags":["a","b",null],"level":7,"manager":null,"secondEmail":null},"credentials":null}`))
	d, _ := under(t, o.URL+"/", func(p *Options) {
		p.Attributes = []string{"department", "tags", "level", "manager", "absent"}
		p.Now = func() time.Time { return at }
	})
	got, err := d.Person(context.Background(), aliceID)
	if err != nil {
		t.Fatal(err)
	}
	want := &identity.Person{
		ID: aliceID, Login: "alice@example.com", Email: "alice@example.com", Name: "Alice Liddell", Status: identity.StatusLockedOut,
		Groups:  []identity.Group{{ID: "00gadmins00000000001", Name: "admins"}},
		Profile: map[string][]string{"department": {"tea"}, "tags": {"a", "b"}, "level": {"7"}}, ReadAt: at,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(identity.Person{})); diff != "" {
		t.Errorf("person (-want +got):\n%s", diff)
	}
	if !got.HasGroup("admins") || !got.HasGroup("00gadmins00000000001") {
		t.Error("groups are not indexed")
	}
	for _, r := range o.asked() {
		if r.Header.Get("Authorization") != "SSWS "+testKey || len(r.Header.Values("Authorization")) != 1 {
			t.Errorf("%s: authorization %q", r.URL.Path, r.Header.Values("Authorization"))
		}
	}
}

func TestSomebodyElsesAnswerIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"another user":      user("00ubob00000000000001", "ACTIVE"),
		"other letter case": user(strings.ToUpper(aliceID), "ACTIVE"),
	} {
		o := newOrg(t)
		o.handle(userPath, jsonAnswer(200, body))
		d, _ := under(t, o.URL)
		_, err := d.Person(context.Background(), aliceID)
		var bad *idp.InvalidError
		if !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want an InvalidError", name, err)
		}
	}
}

// Okta looks logins up where ids stand, and "me" is whoever owns the token.
func TestWhatIsNoIDIsNobodyAndNotAsked(t *testing.T) {
	o := newOrg(t)
	d, _ := under(t, o.URL)
	for _, id := range []string{"", ".", "..", "alice@example.com", "a/b", "a%2fb", "a?b", "a b", "ä", "a\n", strings.Repeat("x", maxID+1)} {
		if _, err := d.Person(context.Background(), id); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%q: got %v, want ErrNotFound", id, err)
		}
	}
	if n := len(o.asked()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	o.handle("/api/v1/users/me", jsonAnswer(200, user(aliceID, "ACTIVE")))
	var bad *idp.InvalidError
	if _, err := d.Person(context.Background(), "me"); !errors.As(err, &bad) {
		t.Errorf("me: got %v, want an InvalidError", err)
	}
}

func TestAllPagesOrNone(t *testing.T) {
	const pages = 7
	link := func(o *org, i int) string {
		return fmt.Sprintf(`<%s%s/groups?after=c%d&limit=200>; rel="next"`, o.URL, userPath, i)
	}
	for name, send := range map[string]func(http.Header, *org, int){
		"lines of their own": func(h http.Header, o *org, i int) {
			h.Add("Link", fmt.Sprintf(`<%s%s/groups?limit=200>; rel="self"`, o.URL, userPath))
			h.Add("Link", link(o, i))
		},
		"joined by a gateway": func(h http.Header, o *org, i int) {
			h.Add("Link", fmt.Sprintf(`<%s%s/groups?limit=200>; rel="self", %s`, o.URL, userPath, link(o, i)))
		},
		"without quotes": func(h http.Header, o *org, i int) { h.Add("Link", strings.ReplaceAll(link(o, i), `"`, "")) },
		"with more parameters": func(h http.Header, o *org, i int) {
			h.Add("Link", strings.Replace(link(o, i), ";", `; title="a, b; c";`, 1)+`; type="application/json"`)
		},
		"from the console's host": func(h http.Header, o *org, i int) {
			h.Add("Link", strings.Replace(link(o, i), o.URL, "https://acme-admin.okta.com", 1))
		},
		"relative": func(h http.Header, o *org, i int) { h.Add("Link", strings.Replace(link(o, i), o.URL, "", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrg(t)
			serve := func(fail int) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					i := 0
					_, _ = fmt.Sscanf(r.URL.Query().Get("after"), "c%d", &i)
					if i == fail {
						w.WriteHeader(500)
						return
					}
					if i < pages-1 {
						send(w.Header(), o, i+1)
					}
					// The last group of a page comes again at the head of the next.
					jsonAnswer(200, `[`+group(fmt.Sprintf("g%d", i), "n")+`,`+group(fmt.Sprintf("g%d", i+1), "n")+`]`)(w, r)
				}
			}
			o.handle(userPath+"/groups", serve(-1))
			d, _ := under(t, o.URL)
			p, err := d.Person(context.Background(), aliceID)
			if err != nil || len(p.Groups) != pages+1 {
				t.Fatalf("got %v, %v; want %d groups", p, err, pages+1)
			}
			o.handle(userPath+"/groups", serve(pages-1))
			if p, err := d.Person(context.Background(), aliceID); !errors.Is(err, idp.ErrUnavailable) {
				t.Errorf("with the last page failing: got %v, %v; want ErrUnavailable", p, err)
			}
		})
	}
}

func TestHostilePagesAreNeverTakenForAListing(t *testing.T) {
	var reached atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		jsonAnswer(200, `[]`)(w, r)
	}))
	defer elsewhere.Close()
	next := func(target string) http.HandlerFunc {
		return withHeaders(200, `[]`, "Content-Type", "application/json", "Link", `<`+target+`>; rel="next"`)
	}
	path := userPath + "/groups"
	gz := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(`["`))
		zeros := bytes.Repeat([]byte("a"), 1<<20)
		for range 64 {
			if _, err := z.Write(zeros); err != nil {
				return
			}
		}
		_, _ = z.Write([]byte(`"]`))
		_ = z.Close()
	}
	var turn atomic.Int32
	for name, h := range map[string]http.HandlerFunc{
		"empty body":           jsonAnswer(200, ``),
		"spaces":               jsonAnswer(200, `   `),
		"null":                 jsonAnswer(200, `null`),
		"object":               jsonAnswer(200, `{}`),
		"text":                 jsonAnswer(200, `"groups"`),
		"null group":           jsonAnswer(200, `[null]`),
		"group without id":     jsonAnswer(200, `[{"profile":{"name":"admins"}}]`),
		"group id of a number": jsonAnswer(200, `[{"id":7}]`),
		"group id as ID":       jsonAnswer(200, `[{"ID":"00g1"}]`),
		"group with odd id":    jsonAnswer(200, `[{"id":"00g1\n"}]`),
		"profile of a list":    jsonAnswer(200, `[{"id":"00g1","profile":[]}]`),
		"truncated JSON":       jsonAnswer(200, `[`+group("00g1", "n")+`,`),
		"more after it":        jsonAnswer(200, `[] []`),
		"HTML":                 withHeaders(200, `<html>`, "Content-Type", "text/html"),
		"JSON called text":     withHeaders(200, `[]`, "Content-Type", "text/plain"),
		"no content type":      withHeaders(200, `[]`, "Content-Type", ""),
		"204":                  withHeaders(204, ``),
		"206":                  jsonAnswer(206, `[]`),
		"cut off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			jsonAnswer(200, `[`)(w, r)
		},
		"huge":        jsonAnswer(200, `["`+strings.Repeat("x", maxAnswer)+`"]`),
		"gzip bomb":   gz,
		"nested deep": jsonAnswer(200, strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)),
		"redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"next on another host":       next(elsewhere.URL + path + "?after=1"),
		"next on a metadata service": next("http://169.254.169.254" + path + "?after=1"),
		"next with a user":           next("https://a:b@acme.okta.com" + path + "?after=1"),
		"next of another scheme":     next("file://" + path + "?after=1"),
		"next on another path":       next("/api/v1/users/00ubob/groups?after=1"),
		"next up a path":             next(path + "/../../x/groups?after=1"),
		"next in another spelling":   next(strings.Replace(path, "users", "%75sers", 1) + "?after=1"),
		"next without cursor":        next(path),
		"next with a bad query":      next(path + "?after=%zz"),
		"next that is no URL":        next("https://[::1"),
		"next that is open":          withHeaders(200, `[]`, "Content-Type", "application/json", "Link", `<`+path+`?after=1; rel="next"`),
		"next without brackets":      withHeaders(200, `[]`, "Content-Type", "application/json", "Link", path+`?after=1; rel="next"`),
		"two different nexts": withHeaders(200, `[]`, "Content-Type", "application/json",
			"Link", `<`+path+`?after=1>; rel="next"`, "Link", `<`+path+`?after=2>; rel="next"`),
		"pages in a circle": func(w http.ResponseWriter, r *http.Request) {
			to := map[string]string{"": "1", "1": "2", "2": "1"}[r.URL.Query().Get("after")]
			next(path+"?after="+to)(w, r)
		},
		"pages without end": func(w http.ResponseWriter, r *http.Request) {
			next(fmt.Sprintf("%s?after=%d", path, turn.Add(1)))(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrg(t)
			o.handle(path, h)
			d, _ := under(t, o.URL)
			p, err := d.Person(context.Background(), aliceID)
			if err == nil || !errors.Is(err, idp.ErrUnavailable) || errors.Is(err, idp.ErrNotFound) {
				t.Errorf("got %v, %v; want ErrUnavailable", p, err)
			}
			if n := len(o.asked()); n > maxPages+2 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("another host got %d requests", n)
	}
}

func TestUserThatCannotBeReadIsAnOutage(t *testing.T) {
	for name, body := range map[string]string{
		"null": `null`, "list": `[]`, "no id": `{"status":"ACTIVE"}`, "null id": `{"id":null,"status":"ACTIVE"}`,
		"no status": `{"id":"` + aliceID + `"}`, "null status": `{"id":"` + aliceID + `","status":null}`,
		"status in other letter case": `{"id":"` + aliceID + `","STATUS":"ACTIVE"}`,
		"profile of text":             `{"id":"` + aliceID + `","status":"ACTIVE","profile":"x"}`,
	} {
		o := newOrg(t)
		o.handle(userPath, jsonAnswer(200, body))
		d, _ := under(t, o.URL)
		if p, err := d.Person(context.Background(), aliceID); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("%s: got %v, %v; want ErrUnavailable", name, p, err)
		}
	}
}

func TestGroupCalledLikeAnIDIsNotThatGroup(t *testing.T) {
	o := newOrg(t)
	const victim = "00gvictim00000000001"
	o.handle(userPath+"/groups", jsonAnswer(200, `[`+group("00gattacker000000001", victim)+`]`))
	d, _ := under(t, o.URL)
	p, err := d.Person(context.Background(), aliceID)
	if err != nil {
		t.Fatal(err)
	}
	if p.HasGroup(victim) {
		t.Error("a group's name passes for another group's id")
	}
}

// The SDK reads files and variables before its setters.
func TestAmbientSettingsHaveNoEffect(t *testing.T) {
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the ambient organisation was asked")
	}))
	defer evil.Close()
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.MkdirAll(filepath.Join(home, ".okta"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := "okta:\n  client:\n    orgUrl: " + evil.URL + "\n    token: ambient\n    authorizationMode: PrivateKey\n    clientId: ambient\n    privateKey: ambient\n" +
		"    scopes: [okta.users.manage]\n    cache: {enabled: true, defaultTtl: 3600}\n    proxy: {host: evil.example, port: 1}\n    rateLimit: {maxRetries: 99}\n    requestTimeout: 99\n  testing: {disableHttpsCheck: true}\n"
	if err := os.WriteFile(filepath.Join(home, ".okta", "okta.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"OKTA_CLIENT_ORGURL": evil.URL, "OKTA_CLIENT_TOKEN": "ambient", "OKTA_CLIENT_AUTHORIZATIONMODE": "JWT",
		"OKTA_CLIENT_CLIENTASSERTION": "ambient", "OKTA_CLIENT_CACHE_ENABLED": "true", "OKTA_CLIENT_PROXY_HOST": "evil.example",
		"OKTA_CLIENT_PROXY_PORT": "1", "OKTA_CLIENT_PROXY_USERNAME": "ambient", "OKTA_CLIENT_PROXY_PASSWORD": "ambient",
		"OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES": "99", "OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF": "99", "OKTA_CLIENT_REQUEST_TIMEOUT": "99",
		"OKTA_CLIENT_SCOPES": "okta.users.manage", "OKTA_CLIENT_PRIVATEKEY": "ambient", "OKTA_CLIENT_PRIVATEKEYID": "ambient",
		"OKTA_CLIENT_CLIENTID": "ambient", "OKTA_TESTING_DISABLE_HTTPS_CHECK": "true", "OKTA_CLIENT_CONNECTION_TIMEOUT": "99",
	} {
		t.Setenv(name, value)
	}
	o := newOrg(t)
	d, _ := under(t, o.URL)
	for range 2 { // a cache would answer the second
		if _, err := d.Person(context.Background(), aliceID); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.asked()); n != 4 {
		t.Errorf("%d requests reached the organisation, want 4", n)
	}
	d, _ = under(t, "https://acme.okta.com")
	c := d.client.GetConfig().Okta
	if text := fmt.Sprintf("%+v", c); strings.Contains(text, "ambient") || strings.Contains(text, "evil") || strings.Contains(text, "99") || strings.Contains(text, "manage") {
		t.Errorf("ambient settings survive: %s", text)
	}
	if c.Testing.DisableHttpsCheck || c.Client.Cache.Enabled {
		t.Errorf("https check off %v, cache on %v", c.Testing.DisableHttpsCheck, c.Client.Cache.Enabled)
	}
}

func TestDirectoryThatCannotWorkIsNotBuilt(t *testing.T) {
	for name, o := range map[string]Options{
		"no URL": {APIKey: testKey}, "placeholder": {OrgURL: "https://{yourOktaDomain}", APIKey: testKey},
		"plain http": {OrgURL: "http://acme.okta.com", APIKey: testKey}, "no key": {OrgURL: "https://acme.okta.com"},
		"key of two words": {OrgURL: "https://acme.okta.com", APIKey: "SSWS abc"},
	} {
		if _, err := NewDirectory(o); err == nil || strings.Contains(err.Error(), testKey) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	d, err := NewDirectory(Options{OrgURL: "https://acme-admin.okta.com/oauth2/default/", APIKey: testKey + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.transport.org.String(); got != "https://acme.okta.com" {
		t.Errorf("organisation %q", got)
	}
}

func TestAPITokenIsNeverTold(t *testing.T) {
	o := newOrg(t)
	var logs bytes.Buffer
	d, _ := under(t, o.URL, func(p *Options) { p.Logger = slog.New(slog.NewJSONHandler(&logs, nil)) })
	for _, h := range []http.HandlerFunc{
		func(w http.ResponseWriter, r *http.Request) {
			jsonAnswer(401, `{"errorCode":"E0000011","errorSummary":"`+r.Header.Get("Authorization")+`"}`)(w, r)
		},
	} {
		o.handle(userPath, h)
		_, err := d.Person(context.Background(), aliceID)
		if err == nil || strings.Contains(err.Error(), testKey) || strings.Contains(logs.String(), testKey) {
			t.Errorf("the API token is told: %v", err)
		}
	}
}
