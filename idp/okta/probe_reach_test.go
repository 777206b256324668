package okta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/httpout"
)

// probeBoth probes the organisation and the issuer at an address.
func probeBoth(t *testing.T, address string) *Report {
	t.Helper()
	client, err := httpout.New(httpout.Options{ShowRedirects: true})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := under(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := d.Probe(ctx)
	SignIn{Issuer: address, ClientID: "0oa1", ClientSecret: "s", RedirectURI: "https://a.example/cb", HTTP: client}.Probe(ctx, r, nil)
	return r
}

// Whatever keeps an organisation from being reached, there is a step.
func TestUnreachedOrganisationsComeWithAStep(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	unknown := httptest.NewTLSServer(http.NotFoundHandler())
	defer unknown.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer down.Close()
	for name, c := range map[string]struct{ address, organisation, issuer string }{
		"nobody listens":        {gone.URL, "firewall", "firewall"},
		"not TLS":               {"https" + strings.TrimPrefix(plain.URL, "http"), "does not speak TLS", "does not speak TLS"},
		"unknown authority":     {unknown.URL, "idp_ca_file", "idp_ca_file"},
		"connections break off": {broken.URL, "spelling", "spelling"},
		"a gateway answers":     {down.URL, "status.okta.com", "a proxy on the way"},
	} {
		r := probeBoth(t, c.address)
		reached, issuer := finding(r, "reached"), finding(r, "issuer")
		if reached.State != Problem || !strings.Contains(reached.Step, c.organisation) {
			t.Errorf("%s: organisation: %+v", name, reached)
		}
		if issuer.State != Problem || !strings.Contains(issuer.Step, c.issuer) {
			t.Errorf("%s: issuer: %+v", name, issuer)
		}
	}
}

func TestReachStepGoesByTheCause(t *testing.T) {
	asked := func(err error) error { return &url.Error{Op: "Get", URL: "https://acme.okta.com/", Err: err} }
	for _, c := range []struct {
		err  error
		step string
	}{
		{asked(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "acmee.okta.com", IsNotFound: true}}), "spelling of idp_provider_url"},
		{asked(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}), "DNS servers"},
		{asked(&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}), "HTTPS_PROXY"},
		{asked(context.DeadlineExceeded), "in time"},
		{fmt.Errorf("dial: %w", errors.New("i/o timeout")), "in time"},
		{errors.New("whatever else"), "firewall"},
		{nil, "firewall"},
	} {
		if got := reachStep(c.err); !strings.Contains(got, c.step) {
			t.Errorf("%v: got %q, want %q in it", c.err, got, c.step)
		}
	}
}
