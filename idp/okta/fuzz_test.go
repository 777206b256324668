package okta

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
)

func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{
		`{"token_type":"Bearer","expires_in":3600,"access_token":"abc","scope":"okta.users.read"}`,
		`{"token_type":"DPoP","expires_in":1e300,"access_token":"abc","scope":null}`,
		`{"token_type":"bearer","expires_in":1e-300,"access_token":"a.b-c_d"}`,
		`{"error":"invalid_client","error_description":"The client_assertion JWT kid is invalid."}`,
		`{"errorCode":"E0000047","errorSummary":"x"}`, `null`, `[]`,
	} {
		f.Add([]byte(s), `Bearer error="invalid_token"`)
	}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte, challenge string) {
		resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {jsonType}, "Www-Authenticate": {challenge}}}
		tk, failed := readToken(resp, body, []string{ScopeUsers}, now, true)
		if failed == nil {
			if strings.ContainsAny(tk.value, " \r\n\x00") || tk.value == "" || tk.scheme != schemeBearer && tk.scheme != schemeDPoP {
				t.Errorf("token %q of type %q", tk.value, tk.scheme)
			}
			if tk.expires.Before(now) || tk.expires.After(now.Add(maxTokenLife)) || tk.renew.After(now.Add(maxTokenLife)) {
				t.Errorf("expires %v, renewed %v", tk.expires, tk.renew)
			}
		}
		resp.StatusCode = 400
		e := tokenFailure(resp, body, now)
		if strings.ContainsAny(e.Code+e.challenge, "\r\n\x1b") || errors.Is(e, idp.ErrNotFound) {
			t.Errorf("got %q, challenge %q", e.Code, e.challenge)
		}
		_ = e.Error()
	})
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{
		"https://acme.okta.com/api/v1/logs?after=1&filter=x", "https://acme.okta.com/api/v1/users", "//acme.okta.com/api/v1/logs?a=b",
		"https://acme.okta.com/api/v1/logs/../users?after=1", "https://acme.okta.com/api/v1/logs?after=1#x", "https://a@acme.okta.com/api/v1/logs?after=1",
	} {
		f.Add(s)
	}
	org, err := url.Parse("https://acme.okta.com")
	if err != nil {
		f.Fatal(err)
	}
	d := &Directory{transport: &transport{org: org}}
	q := question{path: "/api/v1/logs", query: url.Values{"limit": {"1000"}}}
	f.Fuzz(func(t *testing.T, cursor string) {
		place, err := d.place(q, cursor)
		switch {
		case err != nil && !errors.Is(err, idp.ErrCursor):
			t.Errorf("%q: %v", cursor, err)
		case err == nil && !strings.HasPrefix(place, "/api/v1/logs?"):
			t.Errorf("%q leads to %q", cursor, place)
		}
		if err != nil {
			return
		}
		u, err := url.Parse(org.String() + place)
		if err != nil || u.Host != org.Host || u.Path != q.path {
			t.Errorf("%q leads to %q as written: %v", cursor, place, err)
		}
	})
}
