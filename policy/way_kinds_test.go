package policy

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
)

// wanting is somebody with a little of everything, on a Wednesday.
func wanting() *Input {
	return &Input{
		Now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
		Subject: &identity.Subject{
			ID: "ann", Email: "ann@example.com", Methods: []string{"pwd"}, Context: "urn:low",
			AuthenticatedAt: time.Date(2026, 3, 4, 11, 0, 0, 0, time.UTC),
			Claims:          identity.Claims{"team": "red", "roles": []any{"a", "b"}, "level": 3.0, "admin": false},
		},
		Person: identity.NewPerson(identity.Person{
			ID: "ann", Email: "ann@example.com", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gw", Name: "wiki"}},
			Apps: []string{"mail"}, Profile: map[string][]string{"department": {"it"}},
		}),
		Request: Request{Method: "PUT", Host: "a.example.com", Path: "/doc", IP: netip.MustParseAddr("203.0.113.7"), Header: http.Header{"X-Team": {"red"}}},
	}
}

// factsIn lists what policies may ask of an input.
func factsIn(in *Input) map[string]string {
	r := &in.Request
	out := map[string]string{"now": in.Now.Format(time.RFC3339), "method": r.Method, "path": r.Path, "ip": r.IP.String(), "certificate": certificateIn(r)}
	for name, values := range r.Header {
		out["header "+name] = strings.Join(values, "|")
	}
	if s := in.Subject; s != nil {
		out["id"], out["mail"], out["amr"], out["acr"] = s.ID, s.Email, fmt.Sprint(s.Methods), s.Context
		if !s.AuthenticatedAt.IsZero() {
			out["age"] = in.Now.Sub(s.AuthenticatedAt).String()
		}
		for name, v := range s.Claims {
			out["claim "+name] = fmt.Sprint(v)
		}
	}
	if p := in.Person; p != nil {
		out["person's id"], out["person's mail"], out["status"] = p.ID, p.Email, string(p.Status)
		out["groups"], out["apps"] = fmt.Sprint(slices.Sorted(p.GroupNames().All())), fmt.Sprint(p.Apps)
		for name, values := range p.Profile {
			out["profile "+name] = fmt.Sprint(values)
		}
	}
	return out
}

func certificateIn(r *Request) string {
	c, f := r.ClientCertificate, r.ClientCertificateFacts
	if c == nil {
		return "none"
	}
	out := fmt.Sprint("trusted ", r.ClientCertificateTrusted, c.DNSNames, c.EmailAddresses)
	if f != nil {
		out += fmt.Sprint(f.URIs)
		if f.Sum != [32]byte{} {
			out += fmt.Sprintf(" sum %x", f.Sum[:2])
		}
		if f.KeySum != [32]byte{} {
			out += fmt.Sprintf(" key %x", f.KeySum[:2])
		}
	}
	return out
}

// changed tells the facts that one input has otherwise than the other.
func changed(from, to map[string]string) string {
	names := maps.Clone(from)
	maps.Copy(names, to)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if from[name] != to[name] {
			out = append(out, fmt.Sprintf("%s: %s", name, to[name]))
		}
	}
	return strings.Join(out, ", ")
}

// Ann with less.
var (
	unlisted = func(in *Input) { in.Person = nil }
	nobody   = func(in *Input) { in.Subject, in.Person = nil, nil }
	bare     = func(in *Input) {
		in.Subject.Claims, in.Request.Header = nil, nil
		withPerson(in, func(p *identity.Person) { p.Profile = nil })
	}
	listed   = func(in *Input) { in.Subject.Claims["roles"] = []any{"a", "b", "d", "e"} }
	profiled = func(in *Input) {
		withPerson(in, func(p *identity.Person) { p.Profile = map[string][]string{"department": {"a", "b", "d", "e"}} })
	}
	asking = func(in *Input) {
		in.Request.Method = http.MethodOptions
		in.Request.Header = http.Header{"Origin": {"https://b.example"}, "Access-Control-Request-Method": {"PUT"}}
	}
	certified = func(in *Input) {
		in.Request.ClientCertificate, in.Request.ClientCertificateTrusted = &x509.Certificate{DNSNames: []string{"a.example.com"}}, true
	}
	nulled           = func(in *Input) { in.Subject.Claims["team"] = nil }
	signedInSometime = func(in *Input) { in.Subject.AuthenticatedAt = time.Time{} }
)

// Every kind of fact can be supposed otherwise, in every way that it can help.
func TestWaysInChangeEveryKindOfFact(t *testing.T) {
	for _, tt := range []struct {
		who    func(*Input) // nil: ann as she is
		policy string
		want   []string
	}{
		{nil, `allow: {or: [groups: staff]}`, []string{`1: groups: [00gw staff wiki]`}},
		{nil, `allow: {and: [groups: {has: staff, exclude: wiki}]}`, []string{`1: groups: [staff]`}},
		{nil, `allow: {and: [groups: {exclude: 00gw}]}`, []string{`1: groups: []`}},
		{nil, `allow: {or: [groups: {is: staff}]}`, []string{`1: groups: [staff]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [groups: wiki]}}]`, []string{`1: groups: []`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [groups: {is: wiki}]}}]`, []string{`1: groups: []`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [groups: {exclude: staff}]}}]`, []string{`1: groups: [00gw staff wiki]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [groups: {has: 00gw, exclude: staff}]}}]`, []string{`1: groups: []`}},
		{nil, `allow: {or: [groups: a, groups: b]}`, []string{`1: groups: [00gw a wiki]`, `1: groups: [00gw b wiki]`}},
		{nil, `allow: {and: [groups: a, groups: b]}`, []string{`2: groups: [00gw a b wiki]`}},
		{nil, `allow: {or: [app: wiki]}`, []string{`1: apps: [mail wiki]`}},
		{nil, `allow: {and: [app: {has: wiki, exclude: mail}]}`, []string{`1: apps: [wiki]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [app: mail]}}]`, []string{`1: apps: []`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [auth_method: pwd]}}]`, []string{`1: amr: []`}},
		{nil, `allow: {or: [email: bob@example.org]}`, []string{`1: mail: bob@example.org, person's mail: bob@example.org`}},
		{nil, `allow: {and: [email: {starts_with: b, contains: o, ends_with: .org}]}`, []string{`1: mail: b.org, person's mail: b.org`}},
		{nil, `allow: {or: [email: {in: [bob@example.org, eve@example.org]}]}`, []string{`1: mail: bob@example.org, person's mail: bob@example.org`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [email: ann@example.com]}}]`, []string{`1: mail: , person's mail: `}},
		{nil, `[{allow: {or: [domain: example.org]}}]`, []string{`1: mail: x@example.org, person's mail: x@example.org`}},
		{nil, `[{allow: {and: [domain: example.org, email: {starts_with: bob}]}}]`, []string{`1: mail: bob@example.org, person's mail: bob@example.org`}},
		{nil, `[{allow: {or: [domain: {ends_with: .org}]}}]`, []string{`1: mail: x@xx.org, person's mail: x@xx.org`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [domain: example.com]}}]`, []string{`1: mail: x@elsewhere.invalid, person's mail: x@elsewhere.invalid`}},
		{nil, `allow: {or: [user: bob]}`, []string{`1: id: bob, person's id: bob`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [user: ann]}}]`, []string{`1: id: , person's id: `}},
		{nil, `allow: {or: [user: {starts_with: 00u, ends_with: z}]}`, []string{`1: id: 00uz, person's id: 00uz`}},
		{nil, `allow: {or: [user_status: LOCKED_OUT]}`, []string{`1: status: LOCKED_OUT`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [user_status: ACTIVE]}}]`, []string{`1: status: PASSWORD_EXPIRED`}},
		{nil, `allow: {or: [http_method: GET]}`, []string{`1: method: GET`}},
		{nil, `allow: {or: [http_method: {in: [GET, HEAD]}]}`, []string{`1: method: GET`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [http_method: PUT]}}]`, []string{`1: method: `}},
		{nil, `allow: {or: [http_path: {starts_with: /public/}]}`, []string{`1: path: /public/`}},
		{nil, `allow: {or: [http_path: {starts_with: /a, contains: b, ends_with: c}]}`, []string{`1: path: /abc`}},
		{nil, `allow: {or: [http_path: /x]}`, []string{`1: path: /x`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [http_path: {starts_with: /doc}]}}]`, []string{`1: path: /`}},
		{nil, `allow: {or: [pomerium_routes: true]}`, []string{`1: path: /.pomerium/`}},
		{nil, `allow: {or: [http_header/x-role: dev]}`, []string{`1: header X-Role: dev`}},
		{nil, `allow: {or: [http_header/x-team: blue]}`, []string{`1: header X-Team: blue`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [http_header/x-team: red]}}]`, []string{`1: header X-Team: `}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [http_header/x-team: {not: blue}]}}]`, []string{`1: header X-Team: blue`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [http_header/x-team: {starts_with: ''}]}}]`, nil},
		{nil, `allow: {or: [cors_preflight: true]}`, []string{`1: header Access-Control-Request-Method: GET, header Origin: GET, method: OPTIONS`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [auth_context: urn:low]}}]`, []string{`1: acr: `}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [auth_age: {max: 2h}]}}]`, []string{`1: age: `}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {not: [auth_age: {max: 10m}]}}]`, []string{`1: age: 0s`}},
		{nil, `allow: {or: [source_ip: 10.0.0.0/8]}`, []string{`1: ip: 10.0.0.0`}},
		{nil, `allow: {or: [source_ip: '2001:db8::/32']}`, []string{`1: ip: 2001:db8::`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [source_ip: 203.0.113.0/24]}}]`, []string{`1: ip: 192.0.2.1`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [source_ip: 0.0.0.0/0]}}]`, []string{`1: ip: ff02::1`}},
		{nil, `allow: {and: [source_ip: 10.0.0.0/8, source_ip: 10.255.255.255/32]}`, []string{`1: ip: 10.255.255.255`}},
		{nil, `allow: {or: [date: {after: 2026-04-01T00:00:00Z}]}`, []string{`1: now: 2026-04-01T00:00:01Z`}},
		{nil, `allow: {or: [date: {before: 2026-03-01T00:00:00Z}]}`, []string{`1: now: 2026-02-28T23:59:59Z`}},
		{nil, `allow: {or: [day_of_week: sun]}`, []string{`1: now: 2026-03-08T00:00:00Z`}},
		{nil, `allow: {or: [time_of_day: {after: 9:00, before: 9:01, timezone: UTC}]}`, []string{`1: now: 2026-03-04T09:00:00Z`}},
		{nil, `allow: {and: [day_of_week: sat, time_of_day: {after: 23:30, timezone: UTC}]}`, []string{`1: now: 2026-03-07T23:30:00Z`}},
		{nil, `allow: {or: [claim/team: blue]}`, []string{`1: claim team: [blue]`}},
		{nil, `allow: {or: [claim/new: x]}`, []string{`1: claim new: [x]`}},
		{nil, `allow: {or: [claim/roles: {is: c}]}`, []string{`1: claim roles: [c]`}},
		{nil, `allow: {and: [claim/roles: {has: c, exclude: a}]}`, []string{`1: claim roles: [c]`}},
		{nil, `allow: {and: [claim/roles: {has: c, exclude: x}]}`, []string{`1: claim roles: [c]`}},
		{nil, `allow: {and: [claim/roles: c, claim/roles: d]}`, []string{`1: claim roles: [c d]`}},
		{nil, `allow: {or: [claim/level: 4]}`, []string{`1: claim level: [4]`}},
		{nil, `allow: {or: [claim/admin: true]}`, []string{`1: claim admin: [true]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [claim/roles: a]}}]`, []string{`1: claim roles: []`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [claim/team: red]}}]`, []string{`1: claim team: []`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [claim/roles: {exclude: z}]}}]`, []string{`1: claim roles: [z]`}},
		{nil, `allow: {or: [profile/department: hr]}`, []string{`1: profile department: [hr]`}},
		{nil, `allow: {or: [profile/cost: 7]}`, []string{`1: profile cost: [7]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [profile/department: it]}}]`, []string{`1: profile department: []`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [profile/department: {exclude: hr}]}}]`, []string{`1: profile department: [hr]`}},
		{nil, `allow: {or: [client_certificate: {fingerprint: abcdabababababababababababababababababababababababababababababab}]}`, []string{`1: certificate: trusted true [] [][] sum abcd`}},
		{nil, `allow: {or: [client_certificate: {spki_hash: LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM=}]}`, []string{`1: certificate: trusted true [] [][] key 2c70`}},
		{nil, `allow: {or: [client_certificate: {san_dns: a.example.com, san_email: {ends_with: '@example.com'}, san_uri: {is: 'spiffe://x/y'}}]}`, []string{`1: certificate: trusted true [a.example.com] [@example.com][spiffe://x/y]`}},
		{nil, `allow: {or: [client_certificate: {san_dns: {not: a.example.com}}]}`, []string{`1: certificate: trusted true [something else] [][]`}},
		{nil, `allow: {or: [client_certificate: {san_dns: {not_in: [a.example.com]}}]}`, []string{`1: certificate: trusted true [something else] [][]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [invalid_client_certificate: true]}}]`, []string{`1: certificate: trusted true [] [][]`}},
		{nil, `allow: {and: [groups: a, http_method: GET, source_ip: 10.0.0.1]}`, []string{`3: groups: [00gw a wiki], ip: 10.0.0.1, method: GET`}},
		{nil, `[{allow: {or: [groups: a]}}, {allow: {and: [http_method: GET, http_path: /x]}}]`, []string{`1: groups: [00gw a wiki]`}},
		{nil, `allow: {nor: [http_method: PUT, groups: wiki]}`, []string{`1: method: `, `1: groups: []`}},
		{nil, `allow: {not: [http_method: PUT, groups: wiki]}`, []string{`2: groups: [], method: `}},
		{nil, `allow: {or: [reject: true]}`, nil},
		{nil, `allow: {or: [device: {type: any}, groups: a]}`, []string{`1: groups: [00gw a wiki]`}},
		{unlisted, `allow: {or: [groups: a, app: b, profile/x: c, user_status: LOCKED_OUT]}`, nil},
		{unlisted, `[{allow: {or: [accept: true]}}, {deny: {or: [auth_method: pwd]}}]`, []string{`1: amr: []`}},
		{unlisted, `allow: {or: [email: {in: [x@y.org]}]}`, []string{`1: mail: x@y.org`}},
		{unlisted, `allow: {or: [user: bob]}`, []string{`1: id: bob`}},
		{nobody, `allow: {or: [groups: a]}`, nil},
		{nobody, `allow: {or: [authenticated_user: true]}`, nil},
		{nobody, `[{allow: {or: [accept: true]}}, {deny: {or: [http_method: PUT]}}]`, []string{`1: method: `}},
		{nobody, `allow: {or: [http_method: GET, groups: a]}`, []string{`1: method: GET`}},
		{bare, `allow: {or: [claim/new: x]}`, []string{`1: claim new: [x]`}},
		{bare, `allow: {or: [profile/new: x]}`, []string{`1: profile new: [x]`}},
		{bare, `allow: {or: [http_header/x-role: dev]}`, []string{`1: header X-Role: dev`}},
		{bare, `allow: {or: [cors_preflight: true]}`, []string{`1: header Access-Control-Request-Method: GET, header Origin: GET, method: OPTIONS`}},
		{bare, `[{allow: {or: [accept: true]}}, {deny: {or: [claim/new: {exclude: x}]}}]`, []string{`1: claim new: [x]`}},
		{nil, `[{allow: {or: [email: {contains: a}]}}, {deny: {or: [email: {contains: ax}, email: {ends_with: a}, email: {contains: n}]}}]`, []string{`given up`}},
		{nil, `[{allow: {or: [http_path: {starts_with: /a}]}}, {deny: {or: [http_path: {starts_with: /a}]}}]`, nil},
		{nil, `[{allow: {or: [http_path: /a]}}, {deny: {or: [http_path: {starts_with: /a}]}}]`, nil},
		{asking, `[{allow: {or: [accept: true]}}, {deny: {or: [cors_preflight: true]}}]`, []string{`1: header Access-Control-Request-Method: `}},
		{asking, `[{allow: {or: [http_method: OPTIONS]}}, {deny: {or: [cors_preflight: true]}}]`, []string{`1: header Access-Control-Request-Method: `}},
		{asking, `[{allow: {and: [http_header/access-control-request-method: PUT]}}, {deny: {or: [cors_preflight: true]}}]`, []string{`1: method: GET`}},
		{asking, `[{allow: {or: [accept: true]}}, {deny: {or: [http_method: OPTIONS]}}, {deny: {not: [cors_preflight: true]}}]`, []string{`given up`}},
		{certified, `[{allow: {or: [accept: true]}}, {deny: {or: [client_certificate: {san_dns: a.example.com}]}}]`, []string{`1: certificate: none`}},
		{certified, `allow: {or: [client_certificate: {san_dns: b.example.com}]}`, []string{`1: certificate: trusted true [b.example.com] [][]`}},
		{certified, `[{allow: {or: [client_certificate: {san_dns: b.example.com}]}}, {deny: {or: [invalid_client_certificate: true]}}]`, []string{`1: certificate: trusted true [b.example.com] [][]`}},
		{nil, `[{allow: {or: [client_certificate: {san_dns: b.example.com}]}}, {deny: {or: [invalid_client_certificate: true]}}]`, []string{`1: certificate: trusted true [b.example.com] [][]`}},
		{nil, `[{allow: {or: [auth_age: {max: 15m}]}}, {deny: {or: [auth_age: {max: 15m}]}}]`, nil},
		{listed, `[{allow: {and: [claim/roles: b, claim/roles: d, claim/roles: e]}}, {deny: {or: [claim/roles: a]}}]`, []string{`1: claim roles: [b d e]`}},
		{nil, `allow: {and: []}`, nil},
		{nil, `[{allow: {or: [email: {in: [bob@b.org, bob@c.org]}]}}, {deny: {or: [domain: b.org]}}]`, []string{`1: mail: bob@c.org, person's mail: bob@c.org`}},
		{nil, `[{allow: {or: [domain: b.org]}}, {deny: {or: [email: {starts_with: bob}, email: {starts_with: someone}, email: {starts_with: x}]}}]`, []string{`given up`}},
		{profiled, `[{allow: {and: [profile/department: b, profile/department: d, profile/department: e]}}, {deny: {or: [profile/department: a]}}]`, []string{`1: profile department: [b d e]`}},
		{unlisted, `allow: {or: [claim/new: x]}`, []string{`1: claim new: [x]`}},
		{nulled, `allow: {and: [claim/team: blue, claim/team: red]}`, []string{`1: claim team: [blue red]`}},
		{signedInSometime, `[{allow: {or: [day_of_week: sun]}}]`, []string{`1: now: 2026-03-08T00:00:00Z`}},
		{nil, `[{allow: {or: [day_of_week: sun]}}, {deny: {not: [auth_age: {max: 2h}]}}]`, []string{`1: now: 2026-03-08T00:00:00Z`}},
		{nil, `allow: {and: [claim/team: blue, claim/team: red]}`, []string{`1: claim team: [red blue]`}},
		{nil, `allow: {and: [claim/roles: a, claim/roles: c]}`, []string{`1: claim roles: [a b c]`}},
		{nil, `[{allow: {or: [claim/roles: b]}}, {deny: {or: [claim/roles: a]}}]`, []string{`1: claim roles: [b]`}},
		{nil, `[{allow: {or: [claim/roles: b]}}, {deny: {or: [claim/roles: a, claim/roles: {exclude: c}]}}]`, []string{`1: claim roles: [b c]`}},
		{nil, `allow: {and: [profile/department: it, profile/department: hr]}`, []string{`1: profile department: [it hr]`}},
		{nil, `[{allow: {or: [profile/department: it]}}, {deny: {or: [profile/department: {exclude: hr}]}}]`, []string{`1: profile department: [it hr]`}},
		{nil, `allow: {or: [claim/level: {has: 4}]}`, []string{`1: claim level: [4]`}},
		{nil, `allow: {or: [claim/flag: {is: true}]}`, []string{`1: claim flag: [true]`}},
		{nil, `allow: {and: [email: {ends_with: '@b.org'}, domain: b.org]}`, []string{`1: mail: xx@b.org, person's mail: xx@b.org`}},
		{nil, `allow: {and: [email: {starts_with: bob}, domain: {in: [b.org, c.org]}]}`, []string{`1: mail: bob@b.org, person's mail: bob@b.org`}},
		{nil, `allow: {and: [email: {not: bob@b.org, starts_with: bob}, domain: b.org]}`, []string{`1: mail: bobxx@b.org, person's mail: bobxx@b.org`}},
		{nil, `[{allow: {or: [domain: b.org]}}, {deny: {or: [email: {starts_with: x}]}}]`, []string{`1: mail: someone@b.org, person's mail: someone@b.org`}},
		{nil, `[{allow: {or: [domain: b.org]}}, {deny: {or: [email: x@b.org]}}]`, []string{`1: mail: someone@b.org, person's mail: someone@b.org`}},
		{nil, `[{allow: {or: [email: {contains: bob}]}}, {deny: {or: [domain: example.com]}}]`, []string{`1: mail: bob, person's mail: bob`}},
		{nil, `[{allow: {or: [domain: {starts_with: a, ends_with: z}]}}]`, []string{`1: mail: x@az, person's mail: x@az`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {not: [domain: b.org]}}]`, []string{`1: mail: x@b.org, person's mail: x@b.org`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {not: [email: bob@b.org]}}]`, []string{`1: mail: bob@b.org, person's mail: bob@b.org`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [email: {contains: ''}]}}]`, nil},
		{nil, `[{allow: {or: [email: noat]}}]`, []string{`1: mail: noat, person's mail: noat`}},
		{nil, `allow: {and: [pomerium_routes: true, http_path: {ends_with: .css}]}`, []string{`1: path: /.pomerium/.css`}},
		{nil, `allow: {and: [http_path: {starts_with: /a}, http_path: {ends_with: z}, http_path: {contains: m}]}`, []string{`1: path: /amz`}},
		{nil, `[{allow: {or: [http_path: {starts_with: /a/}]}}, {deny: {or: [http_path: /a/]}}]`, []string{`1: path: /a/xx`}},
		{nil, `allow: {and: [http_header/origin: https://b.example, cors_preflight: true]}`, []string{`given up`}},
		{nil, `allow: {and: [http_method: OPTIONS, cors_preflight: true]}`, []string{`given up`}},
		{nil, `allow: {and: [http_header/x-a: b, http_header/x-c: d]}`, []string{`2: header X-A: b, header X-C: d`}},
		{nil, `allow: {and: [groups: {is: staff}, groups: staff]}`, []string{`1: groups: [staff]`}},
		{nil, `[{allow: {or: [groups: staff]}}, {deny: {or: [groups: wiki]}}]`, []string{`2: groups: [staff]`}},
		{nil, `[{allow: {or: [groups: staff]}}, {deny: {or: [groups: {exclude: wiki}]}}]`, []string{`1: groups: [00gw staff wiki]`}},
		{nil, `[{allow: {or: [groups: {is: staff}]}}, {deny: {or: [groups: {exclude: wiki}]}}]`, nil},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {or: [groups: {exclude: wiki}], not: [groups: {is: staff}]}}]`, nil},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {not: [groups: {is: wiki}]}}, {deny: {or: [groups: {is: wiki}]}}]`, nil},
		{nil, `allow: {or: [groups: '']}`, nil},
		{nil, `allow: {or: [groups: 7]}`, nil},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {nor: [groups: a, groups: b]}}]`, []string{`2: groups: [00gw a b wiki]`}},
		{nil, `[{allow: {or: [accept: true]}}, {deny: {and: [groups: wiki, http_method: PUT]}}]`, []string{`1: groups: []`, `1: method: `}},
		{nil, `[{allow: {or: [groups: a]}}, {deny: {or: [http_method: PUT]}}]`, []string{`2: groups: [00gw a wiki], method: `}},
		{nil, `[{allow: {or: [groups: a]}}, {deny: {mode: shadow, or: [http_method: PUT]}}]`, []string{`1: groups: [00gw a wiki]`}},
		{nil, `[{allow: {or: [groups: a]}}, {allow: {mode: shadow, or: [http_method: GET]}}]`, []string{`1: groups: [00gw a wiki]`}},
		{nil, `allow: {or: [], and: [groups: a]}`, []string{`1: groups: [00gw a wiki]`}},
		{nil, `allow: {or: [groups: a, {app: b}, http_method: GET]}`, []string{`1: groups: [00gw a wiki]`, `1: apps: [b mail]`, `1: method: GET`}},
		{nil, `allow: {and: [groups: a, device: {type: any}]}`, nil},
		{nil, `[{allow: {or: [groups: a]}}, {deny: {or: [device: {type: any}]}}]`, []string{`given up`}},
		{nil, `[{allow: {and: [groups: a, groups: b]}}, {allow: {and: [groups: c, groups: d, groups: e]}}]`, []string{`2: groups: [00gw a b wiki]`}},
	} {
		in := wanting()
		if tt.who != nil {
			tt.who(in)
		}
		before := factsIn(in)
		ways, whole := compiled(t, tt.policy).WaysIn(in)
		var got []string
		for _, way := range ways {
			got = append(got, fmt.Sprintf("%d: %s", way.Changes, changed(before, factsIn(way.With))))
		}
		if len(ways) == 0 && !whole {
			got = []string{"given up"}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.policy, diff)
		}
		if diff := changed(before, factsIn(in)); diff != "" {
			t.Errorf("%s: the input itself was changed: %s", tt.policy, diff)
		}
	}
}

// What is told stands where it was written, also where another list asks the same.
func TestLacksStandWhereTheyWereWritten(t *testing.T) {
	program := compiled(t, `
- allow: {and: [groups: a, http_method: GET]}
- allow: {and: [groups: a, http_path: /x]}
- deny:
    not: [groups: a]
`)
	ways, _ := program.WaysIn(wanting())
	var got []string
	for _, way := range ways {
		var lacks []string
		for _, l := range way.Lacks {
			lacks = append(lacks, fmt.Sprintf("%d %s %s of %d", l.Criterion.Position.Line, l.Criterion.Name, l.Effect, l.List.Line))
		}
		got = append(got, strings.Join(lacks, ", "))
	}
	want := []string{"5 groups deny of 5, 2 http_method allow of 2", "5 groups deny of 5, 3 http_path allow of 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The same changes, found twice, are told once.
func TestWaysInAreToldOnce(t *testing.T) {
	program := compiled(t, "[{allow: {and: [groups: a, groups: b]}}, {allow: {and: [groups: b, groups: a]}}, {allow: {and: [groups: c, groups: {exclude: wiki}]}}]")
	ways, _ := program.WaysIn(wanting())
	var got []string
	for _, way := range ways {
		got = append(got, changed(factsIn(wanting()), factsIn(way.With)))
	}
	if want := []string{"groups: [00gw a b wiki]", "groups: [c]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
