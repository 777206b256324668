package paper

import (
	"crypto/x509"
	"errors"
	"net/url"
	"testing"
	"time"

	"sallyport/config"
	"sallyport/internal/certtest"
	"sallyport/internal/clientcert"
	"sallyport/policy"
)

// With a configuration a certificate is judged as the proxy judges it; without
// one, what the question says of it counts.
func TestCertificatesAreJudgedOnPaperAsTheProxyDoes(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	alice, gone, deep := ca.Client("alice"), ca.Client("gone"), ca.Intermediate("between").Client("deep")
	stranger := certtest.Authority(t, "CA").Client("alice")
	rules := clientcert.Rules{Authorities: []*x509.Certificate{ca.Cert}, Lists: []*x509.RevocationList{ca.Revoke(gone)}, MaxDepth: 2}
	allow := parsed(t, "allow: {or: [accept: true]}")
	routes := func(p *policy.Policy) []*config.Route {
		return []*config.Route{{ID: "r", From: config.From{Scheme: "https", Host: "x.example.com"}, Policy: p}}
	}
	required := policy.Join(policy.RequireCertificate(policy.Position{}), allow)
	asking, err := New(&config.Config{ClientCertificates: config.ClientCertificates{Rules: rules}, Routes: routes(required)}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	silent, err := New(&config.Config{Routes: routes(required)}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := ForPolicy(required, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what  string
		world *World
		chain []*x509.Certificate
		said  error
		at    time.Time
		want  string
	}{
		{"none", asking, nil, nil, time.Time{}, "deny"},
		{"a good one", asking, alice.Chain(), nil, time.Time{}, "allow"},
		{"with its intermediate", asking, deep.Chain(), nil, time.Time{}, "allow"},
		{"without its intermediate", asking, deep.Chain()[:1], nil, time.Time{}, "deny"},
		{"a revoked one", asking, gone.Chain(), nil, time.Time{}, "deny"},
		{"of a namesake", asking, stranger.Chain(), nil, time.Time{}, "deny"},
		{"said to be bad", asking, alice.Chain(), errors.New("lost"), time.Time{}, "deny"},
		{"later", asking, alice.Chain(), nil, time.Now().Add(48 * time.Hour), "deny"},
		{"where nobody asks", silent, alice.Chain(), nil, time.Time{}, "deny"},
		{"of a policy alone", alone, stranger.Chain(), nil, time.Time{}, "allow"},
		{"of a policy alone, said to be bad", alone, alice.Chain(), errors.New("lost"), time.Time{}, "deny"},
	} {
		d, err := tt.world.Check(Question{
			Method: "GET", URL: &url.URL{Scheme: "https", Host: "x.example.com", Path: "/"},
			ClientCertificates: tt.chain, CertificateProblem: tt.said, At: tt.at,
		})
		if err != nil || d.Effect.String() != tt.want {
			t.Errorf("%s: %s %v, want %s", tt.what, d.Effect, err, tt.want)
		}
	}
}
