package main

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"sallyport/internal/oktatest"
)

// Who and what the stand-in Okta knows. These are no secrets: it listens on
// loopback and lives as long as this program.
const (
	oktaAddr      = "127.0.0.1:8444"
	clientID      = "0oaquickstart0000001"
	clientSecret  = "quickstart-client-secret"
	apiToken      = "quickstart-api-token"
	alicePassword = "wonderland"
	bobPassword   = "builder"
)

// startOkta runs the stand-in with two people, one group and the sign-in app.
func startOkta(p *pki) (*oktatest.Okta, error) {
	const front = "https://authenticate.localhost:8443"
	return oktatest.New(oktatest.Options{
		Addr: oktaAddr, TLS: &tls.Config{Certificates: []tls.Certificate{p.pair}, MinVersion: tls.VersionTLS12},
		OrgName: "Quickstart",
		Hint:    "alice / " + alicePassword + "  or  bob / " + bobPassword,
		Groups:  []oktatest.Group{{Name: "admins"}},
		People: []oktatest.Person{
			{Login: "alice@example.com", Password: alicePassword, FirstName: "Alice", LastName: "Liddell", Groups: []string{"admins"}},
			{Login: "bob@example.com", Password: bobPassword, FirstName: "Bob", LastName: "Builder"},
		},
		Clients: []oktatest.Client{{
			ID: clientID, Label: "Sallyport", Secret: clientSecret,
			RedirectURIs:           []string{front + "/oauth2/callback"},
			PostLogoutRedirectURIs: []string{front + "/.pomerium/signed_out"},
		}},
		APITokens: []string{apiToken},
	})
}

// dialLoopback reaches *.localhost, which Go's resolver does not know (RFC 6761
// §6.3 lets it be loopback).
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}
