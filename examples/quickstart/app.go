package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	appAddr = "127.0.0.1:8445"
	jwksURL = "https://verify.localhost:8443/.well-known/pomerium/jwks.json"

	assertionHeader = "X-Pomerium-Jwt-Assertion"
)

// app is what stands behind the proxy: it believes nothing but the assertion,
// and that only after it has checked signature, audience and time.
type app struct {
	client *http.Client
	mu     sync.Mutex
	keys   *jose.JSONWebKeySet
}

// startApp serves the sample application on loopback.
func startApp(p *pki) (*http.Server, error) {
	ln, err := net.Listen("tcp", appAddr)
	if err != nil {
		return nil, err
	}
	a := &app{client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12},
		DialContext:     dialLoopback,
	}}}
	srv := &http.Server{Handler: a, ReadHeaderTimeout: 5 * time.Second}
	go srv.Serve(ln)
	return srv, nil
}

// person is what the assertion says.
type person struct {
	Email  string   `json:"email"`
	User   string   `json:"user"`
	Groups []string `json:"groups"`
	Name   string   `json:"name"`
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, err := a.verify(r)
	if err != nil {
		http.Error(w, "this application trusts only the proxy: "+err.Error(), http.StatusUnauthorized)
		return
	}
	shown := map[string]string{}
	for _, name := range []string{"X-Pomerium-Claim-Email", "X-Pomerium-Claim-Groups", "X-Forwarded-Host", "X-Request-Id"} {
		shown[name] = r.Header.Get(name)
	}
	// In short: it is a credential of this application, and long.
	shown[assertionHeader] = fmt.Sprintf("%.32s… (signature checked)", r.Header.Get(assertionHeader))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, map[string]any{"Who": who, "Host": r.Header.Get("X-Forwarded-Host"), "Headers": shown})
}

// verify checks the assertion as docs/how-to/verify-the-assertion.md says.
func (a *app) verify(r *http.Request) (person, error) {
	var who person
	text := r.Header.Get(assertionHeader)
	if text == "" {
		return who, errors.New("no assertion came: nobody is signed in, or the request did not come through the proxy")
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return who, fmt.Errorf("no assertion: %w", err)
	}
	keys, err := a.keySet()
	if err != nil {
		return who, err
	}
	var std jwt.Claims
	if err := token.Claims(keys, &std, &who); err != nil {
		return who, err
	}
	host, _, err := net.SplitHostPort(r.Header.Get("X-Forwarded-Host"))
	if err != nil {
		host = r.Header.Get("X-Forwarded-Host")
	}
	return who, std.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{host, r.Header.Get("X-Forwarded-Host")}, Time: time.Now()}, time.Minute)
}

// keySet fetches the proxy's public keys once. A real application fetches them
// again when it meets a key id that it does not know.
func (a *app) keySet() (*jose.JSONWebKeySet, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys != nil {
		return a.keys, nil
	}
	resp, err := a.client.Get(jwksURL)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	set := new(jose.JSONWebKeySet)
	if err := json.NewDecoder(resp.Body).Decode(set); err != nil {
		return nil, err
	}
	a.keys = set
	return set, nil
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Host}}</title>
<style>
:root{color-scheme:light dark}
body{font:17px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td{padding:.4rem .6rem .4rem 0;border-top:1px solid #8886;vertical-align:top;overflow-wrap:anywhere}
td:first-child{white-space:nowrap;opacity:.75}a{margin-right:1rem}
@media(max-width:30rem){td{display:block;border:0;padding:.1rem 0}td:first-child{border-top:1px solid #8886;padding-top:.5rem}}
</style>
<main>
<h1>Hello, {{or .Who.Name .Who.Email}}.</h1>
<p>This is the sample application at <strong>{{.Host}}</strong>. It never saw your password; the proxy told it who you are, and it checked the signature.</p>
<table>
<tr><td>e-mail</td><td>{{.Who.Email}}</td></tr>
<tr><td>user id</td><td>{{.Who.User}}</td></tr>
<tr><td>groups</td><td>{{range .Who.Groups}}{{.}}<br>{{else}}none{{end}}</td></tr>
{{range $k, $v := .Headers}}<tr><td>{{$k}}</td><td>{{$v}}</td></tr>
{{end}}</table>
<p><a href="https://verify.localhost:8443/">verify</a><a href="https://admin.localhost:8443/">admin</a><a href="/.pomerium/">your session</a><a href="/.pomerium/sign_out">sign out</a></p>
</main>
</html>
`))
