package okta

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"sallyport/internal/httpout"
)

func finding(r *Report, what string) Finding {
	for _, f := range r.Findings {
		if f.What == what {
			return f
		}
	}
	return Finding{}
}

// The client secret goes to the issuer that was configured and nowhere else,
// whatever its discovery document says.
func TestSignInProbeKeepsTheSecret(t *testing.T) {
	var reached atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer elsewhere.Close()
	for name, document := range map[string]string{
		"token elsewhere":     `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/a","token_endpoint":"%[2]s/t"}`,
		"authorize elsewhere": `{"issuer":"%[1]s","authorization_endpoint":"%[2]s/a","token_endpoint":"%[1]s/t"}`,
		"another issuer":      `{"issuer":"%[2]s","authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t"}`,
		"no endpoints":        `{"issuer":"%[1]s"}`,
		"a user in it":        `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/a","token_endpoint":"http://a@%[3]s/t"}`,
		"not JSON":            `<html>`,
		"no document":         ``,
	} {
		o := newOrg(t)
		host := strings.TrimPrefix(o.URL, "http://")
		if document != "" {
			o.handle("/.well-known/openid-configuration", jsonAnswer(200, fmt.Sprintf(document, o.URL, elsewhere.URL, host)))
		}
		client, err := httpout.New(httpout.Options{ShowRedirects: true})
		if err != nil {
			t.Fatal(err)
		}
		r := &Report{}
		SignIn{Issuer: o.URL, ClientID: "0oa1", ClientSecret: "s", RedirectURI: "https://a.example/cb", HTTP: client}.Probe(context.Background(), r, nil)
		if f := finding(r, "issuer"); f.State != Problem || len(o.asked()) != 1 {
			t.Errorf("%s: got %+v after %d requests", name, r.Findings, len(o.asked()))
		}
	}
	if reached.Load() != 0 {
		t.Errorf("another host got %d requests", reached.Load())
	}
}

func TestProbeOfWhatIsNoOktaOrANotherAddressOfOne(t *testing.T) {
	const path = "/.well-known/okta-organization"
	for name, c := range map[string]struct {
		h     http.HandlerFunc
		what  string
		state State
		step  string
	}{
		"no such page": {jsonAnswer(404, `{}`), "reached", Problem, "idp_provider_url"},
		"a page":       {withHeaders(200, `<html>`, "Content-Type", "text/html"), "reached", Problem, ""},
		"other JSON":   {jsonAnswer(200, `{"id":null}`), "reached", Problem, "idp_provider_url"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		}, "reached", Problem, ""},
		"custom address": {jsonAnswer(200, `{"id":"00o1","pipeline":"idx","_links":{"organization":{"href":"https://acme.okta.com"}}}`), "address", Warning, ""},
	} {
		o := newOrg(t)
		o.handle(path, c.h)
		d, _ := under(t, o.URL)
		r := d.Probe(context.Background())
		if f := finding(r, c.what); f.State != c.state || !strings.Contains(f.Step, c.step) || r.OK() == (c.state == Problem) && c.what == "reached" {
			t.Errorf("%s: got %+v", name, r.Findings)
		}
		for _, q := range o.asked() {
			if q.URL.Path == path && q.Header.Get("Authorization") != "" {
				t.Errorf("%s: credentials were sent before it was known to whom", name)
			}
		}
	}
}

func TestProbeReadsTheRecordedOrganisation(t *testing.T) {
	r := load(t, "oauth/okta-organization.json")
	o := newOrg(t)
	o.handle("/.well-known/okta-organization", r.ServeHTTP)
	d, _ := under(t, o.URL)
	report := d.Probe(context.Background())
	if report.ID != "00otivnuq1X5554yc1d7" || !strings.Contains(finding(report, "reached").Detail, "Identity Engine") {
		t.Errorf("got %+v", report)
	}
}
