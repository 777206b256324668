package server_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
)

const anybody = "allow_any_authenticated_user: true, "

// routeKeys are keys of a route: what a request is answered with the one value,
// and what with the other. Upgrades are answered 200 where they reach the
// application, which wants none.
var routeKeys = []struct {
	key        string
	one, other string
	who        string // "" is nobody
	method     string // "" is GET
	target     string // "" is /
	header     string // NAME: VALUE, several between |
	sees       string // in headers or body of the answer, with one and not with other
	want       [2]int
}{
	{key: "prefix", one: anybody + "prefix: /", other: anybody + "prefix: /a", who: "alice", want: [2]int{200, 404}},
	{key: "path", one: anybody + "path: /b", other: anybody + "path: /a", who: "alice", target: "/b", want: [2]int{200, 404}},
	{key: "regex", one: anybody + "regex: /b+", other: anybody + "regex: /b", who: "alice", target: "/bb", want: [2]int{200, 404}},
	{key: "policy", one: "policy: [{allow: {or: [{email: {is: alice@example.com}}]}}]", other: "policy: [{allow: {or: [{email: {is: bob@example.com}}]}}]", who: "alice", want: [2]int{200, 403}},
	{key: "allowed_users", one: "allowed_users: [alice@example.com]", other: "allowed_users: [bob@example.com]", who: "alice", want: [2]int{200, 403}},
	{key: "allowed_domains", one: "allowed_domains: [example.com]", other: "allowed_domains: [example.org]", who: "alice", want: [2]int{200, 403}},
	{key: "allowed_groups", one: "allowed_groups: [engineers]", other: "allowed_groups: [admins]", who: "bob", want: [2]int{200, 403}},
	{key: "allowed_idp_claims", one: "allowed_idp_claims: {given_name: [Alice]}", other: "allowed_idp_claims: {given_name: [Bob]}", who: "alice", want: [2]int{200, 403}},
	{key: "sub_policies", one: "sub_policies: [{id: a, name: a, allowed_users: [bob@example.com]}]", other: "sub_policies: [{id: a, name: a, allowed_users: [alice@example.com]}]", who: "bob", want: [2]int{200, 403}},
	{key: "allow_any_authenticated_user", one: "allow_any_authenticated_user: true", other: "allowed_users: [bob@example.com]", who: "alice", want: [2]int{200, 403}},
	{key: "allow_public_unauthenticated_access", one: "allow_public_unauthenticated_access: true", other: "allow_any_authenticated_user: true", want: [2]int{200, 401}},
	{
		key: "cors_allow_preflight", one: anybody + "cors_allow_preflight: true", other: anybody + "cors_allow_preflight: false", method: "OPTIONS",
		header: "Origin: https://other.test|Access-Control-Request-Method: PUT", want: [2]int{200, 401},
	},
	{
		key: "cors", one: anybody + `cors: {allow_origins: ["https://other.test"]}`, other: anybody + `cors: {allow_origins: ["https://another.test"]}`,
		header: "Origin: https://other.test", sees: "Access-Control-Allow-Origin: https://other.test", want: [2]int{401, 401},
	},
	{key: "show_error_details", one: "allowed_users: [bob@example.com], show_error_details: true", other: "allowed_users: [bob@example.com]", who: "alice", sees: "user-unauthorized", want: [2]int{403, 403}},
	{key: "pass_identity_headers", one: anybody + "pass_identity_headers: true", other: anybody + "pass_identity_headers: false", who: "alice", sees: "X-Pomerium-Jwt-Assertion\"", want: [2]int{200, 200}},
	{key: "maintenance", one: anybody + "description: none", other: anybody + "maintenance: {message: away}", who: "alice", want: [2]int{200, 503}},
	{key: "remove_request_headers", one: anybody + "remove_request_headers: [X-Other]", other: anybody + "remove_request_headers: [X-Secret]", who: "alice", header: "X-Secret: for-nobody", sees: "for-nobody", want: [2]int{200, 200}},
	{key: "set_request_headers", one: anybody + "description: none", other: anybody + "set_request_headers: {X-Tenant: ours}", who: "alice", header: "X-Tenant: theirs", sees: "theirs", want: [2]int{200, 200}},
	{key: "timeout", one: anybody + "timeout: 1m", other: anybody + "timeout: 20ms", who: "alice", target: "/slow", want: [2]int{200, 504}},
	{key: "allow_websockets", one: anybody + "allow_websockets: true", other: anybody + "allow_websockets: false", who: "alice", header: "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", want: [2]int{200, 403}},
	{key: "allow_spdy", one: anybody + "allow_spdy: true", other: anybody + "allow_spdy: false", who: "alice", header: "Connection: Upgrade|Upgrade: SPDY/3.1", want: [2]int{200, 403}},
	{key: "allow_upgrades", one: anybody + "allow_upgrades: [own-1]", other: anybody + "allow_upgrades: [own-2]", who: "alice", header: "Connection: Upgrade|Upgrade: own-1", want: [2]int{200, 403}},
	{key: "tls_skip_verify", one: anybody + "to: TLS, tls_skip_verify: true", other: anybody + "to: TLS", who: "alice", want: [2]int{200, 502}},
	{key: "tls_custom_ca", one: anybody + "to: TLS, tls_custom_ca: CA", other: anybody + "to: TLS", who: "alice", want: [2]int{200, 502}},
	{key: "tls_upstream_server_name", one: anybody + "to: TLS, tls_custom_ca: CA, tls_upstream_server_name: example.com", other: anybody + "to: TLS, tls_custom_ca: CA, tls_upstream_server_name: other.test", who: "alice", want: [2]int{200, 502}},
	{key: "tls_server_name", one: anybody + "to: TLS, tls_custom_ca: CA, tls_server_name: example.com", other: anybody + "to: TLS, tls_custom_ca: CA, tls_server_name: other.test", who: "alice", want: [2]int{200, 502}},
}

// Each key that restricts makes the difference that it is there for, from the
// file to the answer.
func TestKeysOfRoutesArrive(t *testing.T) {
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(harness.Echo)) // for example.com and 127.0.0.1
	upstream.Config.ErrorLog = log.New(io.Discard, "", 0)
	upstream.StartTLS()
	t.Cleanup(upstream.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw})
	known := strings.NewReplacer("TLS", upstream.URL, "CA", strconv.Quote(string(authority)))
	var routes strings.Builder
	for i, k := range routeKeys {
		for j, keys := range []string{k.one, k.other} {
			if strings.Contains(keys, "to: ") {
				keys = known.Replace(keys)
			} else {
				keys += `, to: "%[2]s"`
			}
			fmt.Fprintf(&routes, "  - {from: \"https://r%d-%d.localhost:%%[1]s\", %s}\n", i, j, keys)
		}
	}
	w := harness.Start(t, harness.Options{Routes: routes.String(), Upstream: http.HandlerFunc(napping)})
	people := map[string]*harness.Browser{"": harness.NewBrowser(t), "alice": harness.NewBrowser(t), "bob": harness.NewBrowser(t)}
	passwords := map[string]string{"alice": harness.AlicePassword, "bob": harness.BobPassword}
	for i, k := range routeKeys {
		for j, want := range k.want {
			host, b := fmt.Sprintf("r%d-%d", i, j), people[k.who]
			target := or(k.target, "/")
			if k.who != "" {
				b.SignIn(w.URL(host, target), k.who+"@example.com", passwords[k.who])
			}
			header := http.Header{"Accept": {"*/*"}}
			for line := range strings.SplitSeq(k.header, "|") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					header.Set(name, value)
				}
			}
			status, answer, body := ask(t, true, or(k.method, "GET"), w.URL(host, target), header, "", b.Cookies(host+".localhost"))
			var all bytes.Buffer
			_ = answer.Write(&all)
			all.Write(body)
			if sees := k.sees != "" && strings.Contains(all.String(), k.sees); status != want || k.sees != "" && sees != (j == 0) {
				t.Errorf("%s, value %d: %d, want %d; %q is seen: %t\n%.600s", k.key, j, status, want, k.sees, sees, all.String())
			}
		}
	}
}

// napping is an application that takes its time on one path.
func napping(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/slow" {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(400 * time.Millisecond):
		}
	}
	harness.Echo(w, r)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
