package policy

import (
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
	out := map[string]string{
		"now": in.Now.Format(time.RFC3339), "method": r.Method, "path": r.Path, "ip": r.IP.String(),
		"id": in.Subject.ID, "mail": in.Subject.Email, "amr": fmt.Sprint(in.Subject.Methods), "acr": in.Subject.Context,
		"certificate": certificateIn(r),
	}
	if !in.Subject.AuthenticatedAt.IsZero() {
		out["age"] = in.Now.Sub(in.Subject.AuthenticatedAt).String()
	}
	for name, values := range r.Header {
		out["header "+name] = strings.Join(values, "|")
	}
	for name, v := range in.Subject.Claims {
		out["claim "+name] = fmt.Sprintf("%#v", v)
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

// Every kind of fact can be supposed otherwise, in every way that it can help.
func TestWaysInChangeEveryKindOfFact(t *testing.T) {
	for _, tt := range []struct {
		policy string
		want   []string
	}{
		{`allow: {or: [groups: staff]}`, []string{`groups: [00gw staff wiki]`}},
		{`allow: {and: [groups: {has: staff, exclude: wiki}]}`, []string{`groups: [staff]`}},
		{`allow: {and: [groups: {exclude: 00gw}]}`, []string{`groups: []`}},
		{`allow: {or: [groups: {is: staff}]}`, []string{`groups: [staff]`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [groups: wiki]}}]`, []string{`groups: []`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [groups: {is: wiki}]}}]`, []string{`groups: []`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [groups: {exclude: staff}]}}]`, []string{`groups: [00gw staff wiki]`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [groups: {has: 00gw, exclude: staff}]}}]`, []string{`groups: []`}},
		{`allow: {or: [groups: a, groups: b]}`, []string{`groups: [00gw a wiki]`, `groups: [00gw b wiki]`}},
		{`allow: {and: [groups: a, groups: b]}`, []string{`groups: [00gw a b wiki]`}},
		{`allow: {or: [app: wiki]}`, []string{`apps: [mail wiki]`}},
		{`allow: {and: [app: {has: wiki, exclude: mail}]}`, []string{`apps: [wiki]`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [app: mail]}}]`, []string{`apps: []`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [auth_method: pwd]}}]`, []string{`amr: []`}},
		{`allow: {or: [email: bob@example.org]}`, []string{`mail: bob@example.org, person's mail: bob@example.org`}},
		{`allow: {and: [email: {starts_with: b, contains: o, ends_with: .org}]}`, []string{`mail: b.org, person's mail: b.org`}},
		{`allow: {or: [email: {in: [bob@example.org, eve@example.org]}]}`, []string{`mail: bob@example.org, person's mail: bob@example.org`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [email: ann@example.com]}}]`, []string{`mail: , person's mail: `}},
		{`[{allow: {or: [domain: example.org]}}]`, []string{`mail: x@example.org, person's mail: x@example.org`}},
		{`[{allow: {and: [domain: example.org, email: {starts_with: bob}]}}]`, []string{`mail: bob@example.org, person's mail: bob@example.org`}},
		{`[{allow: {or: [domain: {ends_with: .org}]}}]`, []string{`mail: x@xx.org, person's mail: x@xx.org`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [domain: example.com]}}]`, []string{`mail: x@elsewhere.invalid, person's mail: x@elsewhere.invalid`}},
		{`allow: {or: [user: bob]}`, []string{`id: bob, person's id: bob`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [user: ann]}}]`, []string{`id: , person's id: `}},
		{`allow: {or: [user: {starts_with: 00u, ends_with: z}]}`, []string{`id: 00uz, person's id: 00uz`}},
		{`allow: {or: [user_status: LOCKED_OUT]}`, []string{`status: LOCKED_OUT`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [user_status: ACTIVE]}}]`, []string{`status: PASSWORD_EXPIRED`}},
		{`allow: {or: [http_method: GET]}`, []string{`method: GET`}},
		{`allow: {or: [http_method: {in: [GET, HEAD]}]}`, []string{`method: GET`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [http_method: PUT]}}]`, []string{`method: `}},
		{`allow: {or: [http_path: {starts_with: /public/}]}`, []string{`path: /public/`}},
		{`allow: {or: [http_path: {starts_with: /a, contains: b, ends_with: c}]}`, []string{`path: /abc`}},
		{`allow: {or: [http_path: /x]}`, []string{`path: /x`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [http_path: {starts_with: /doc}]}}]`, []string{`path: /`}},
		{`allow: {or: [pomerium_routes: true]}`, []string{`path: /.pomerium/`}},
		{`allow: {or: [http_header/x-role: dev]}`, []string{`header X-Role: dev`}},
		{`allow: {or: [http_header/x-team: blue]}`, []string{`header X-Team: blue`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [http_header/x-team: red]}}]`, []string{`header X-Team: `}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [http_header/x-team: {not: blue}]}}]`, []string{`header X-Team: blue`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [http_header/x-team: {starts_with: ''}]}}]`, nil},
		{`allow: {or: [cors_preflight: true]}`, []string{`header Access-Control-Request-Method: GET, header Origin: GET, method: OPTIONS`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [auth_context: urn:low]}}]`, []string{`acr: `}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [auth_age: {max: 2h}]}}]`, []string{`age: `}},
		{`[{allow: {or: [accept: true]}}, {deny: {not: [auth_age: {max: 10m}]}}]`, []string{`age: 0s`}},
		{`allow: {or: [source_ip: 10.0.0.0/8]}`, []string{`ip: 10.0.0.0`}},
		{`allow: {or: [source_ip: '2001:db8::/32']}`, []string{`ip: 2001:db8::`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [source_ip: 203.0.113.0/24]}}]`, []string{`ip: 192.0.2.1`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [source_ip: 0.0.0.0/0]}}]`, []string{`ip: ff02::1`}},
		{`allow: {and: [source_ip: 10.0.0.0/8, source_ip: 10.255.255.255/32]}`, []string{`ip: 10.255.255.255`}},
		{`allow: {or: [date: {after: 2026-04-01T00:00:00Z}]}`, []string{`now: 2026-04-01T00:00:01Z`}},
		{`allow: {or: [date: {before: 2026-03-01T00:00:00Z}]}`, []string{`now: 2026-02-28T23:59:59Z`}},
		{`allow: {or: [day_of_week: sun]}`, []string{`now: 2026-03-08T12:00:00Z`}},
		{`allow: {or: [time_of_day: {after: 9:00, before: 9:01, timezone: UTC}]}`, []string{`now: 2026-03-05T09:00:00Z`}},
		{`allow: {and: [day_of_week: sat, time_of_day: {after: 23:30, timezone: UTC}]}`, []string{`now: 2026-03-07T23:30:00Z`}},
		{`allow: {or: [claim/team: blue]}`, []string{`claim team: []interface {}{"blue"}`}},
		{`allow: {or: [claim/new: x]}`, []string{`claim new: []interface {}{"x"}`}},
		{`allow: {or: [claim/roles: {is: c}]}`, []string{`claim roles: []interface {}{"c"}`}},
		{`allow: {and: [claim/roles: {has: c, exclude: a}]}`, []string{`claim roles: []interface {}{"c"}`}},
		{`allow: {and: [claim/roles: {has: c, exclude: x}]}`, []string{`claim roles: []interface {}{"c"}`}},
		{`allow: {and: [claim/roles: c, claim/roles: d]}`, []string{`claim roles: []interface {}{"c", "d"}`}},
		{`allow: {or: [claim/level: 4]}`, []string{`claim level: []interface {}{4}`}},
		{`allow: {or: [claim/admin: true]}`, []string{`claim admin: []interface {}{true}`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [claim/roles: a]}}]`, []string{`claim roles: []interface {}{}`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [claim/team: red]}}]`, []string{`claim team: []interface {}{}`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [claim/roles: {exclude: z}]}}]`, []string{`claim roles: []interface {}{"z"}`}},
		{`allow: {or: [profile/department: hr]}`, []string{`profile department: [hr]`}},
		{`allow: {or: [profile/cost: 7]}`, []string{`profile cost: [7]`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [profile/department: it]}}]`, []string{`profile department: []`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [profile/department: {exclude: hr}]}}]`, []string{`profile department: [hr]`}},
		{`allow: {or: [client_certificate: {fingerprint: abcdabababababababababababababababababababababababababababababab}]}`, []string{`certificate: trusted true [] [][] sum abcd`}},
		{`allow: {or: [client_certificate: {spki_hash: LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM=}]}`, []string{`certificate: trusted true [] [][] key 2c70`}},
		{`allow: {or: [client_certificate: {san_dns: a.example.com, san_email: {ends_with: '@example.com'}, san_uri: {is: 'spiffe://x/y'}}]}`, []string{`certificate: trusted true [a.example.com] [@example.com][spiffe://x/y]`}},
		{`allow: {or: [client_certificate: {san_dns: {not: a.example.com}}]}`, []string{`certificate: trusted true [something else] [][]`}},
		{`allow: {or: [client_certificate: {san_dns: {not_in: [a.example.com]}}]}`, []string{`certificate: trusted true [something else] [][]`}},
		{`[{allow: {or: [accept: true]}}, {deny: {or: [invalid_client_certificate: true]}}]`, []string{`certificate: trusted true [] [][]`}},
		{`allow: {and: [groups: a, http_method: GET, source_ip: 10.0.0.1]}`, []string{`groups: [00gw a wiki], ip: 10.0.0.1, method: GET`}},
		{`[{allow: {or: [groups: a]}}, {allow: {and: [http_method: GET, http_path: /x]}}]`, []string{`groups: [00gw a wiki]`}},
		{`allow: {nor: [http_method: PUT, groups: wiki]}`, []string{`method: `, `groups: []`}},
		{`allow: {not: [http_method: PUT, groups: wiki]}`, []string{`groups: [], method: `}},
		{`allow: {or: [reject: true]}`, nil},
		{`allow: {or: [device: {type: any}, groups: a]}`, []string{`groups: [00gw a wiki]`}},
	} {
		in := wanting()
		before := factsIn(in)
		ways, whole := compiled(t, tt.policy).WaysIn(in)
		var got []string
		for _, way := range ways {
			got = append(got, changed(before, factsIn(way.With)))
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
