package policytest

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/certtest"
	"sallyport/policy"
)

const whole = `
facts_file: people.yaml
config: ../config.yaml
at: 2026-01-01T00:00:00Z
tests:
  - {name: one, as: ann@example.com, want: allow, request: {url: "https://wiki.example.com/x"}}
  - name: two
    session: s1
    want: deny
    reasons: [reject, accept]
    at: 2026-02-02T00:00:00Z
    policy: {deny: {or: [accept: true]}}
    request: {method: POST, ip: 192.0.2.7, headers: {x-a: [b, c], X-D: e}, client_certificate: /etc/c.pem, client_certificate_problem: it expired}
`

func TestEveryFieldIsRead(t *testing.T) {
	cert := certtest.Authority(t, "A").Client("ann")
	block := certtest.PEM(cert.Cert)
	open := func(path string) ([]byte, error) {
		switch path {
		case "dir/people.yaml":
			return []byte("people: [{id: 00ua, email: ann@example.com}]\nsessions: [{id: s1, subject: 00ua}]"), nil
		case "/etc/c.pem":
			return []byte(block), nil
		}
		return nil, errors.New("not there: " + path)
	}
	f, problems := Read("dir/t.yaml", []byte(whole), open)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	at := func(line, col int) policy.Position { return policy.Position{File: "dir/t.yaml", Line: line, Col: col} }
	if f.Name != "dir/t.yaml" || f.Config != "../config.yaml" || f.ConfigPosition != at(3, 9) || f.Facts.Person("00ua") == nil || len(f.Tests) != 2 {
		t.Fatalf("got %+v", f)
	}
	two := f.Tests[1]
	if len(two.Request.ClientCertificates) != 1 || !two.Request.ClientCertificates[0].Equal(cert.Cert) || two.Policy.String() != "deny accept" || f.Tests[0].Policy != nil {
		t.Errorf("got %+v", two)
	}
	for i, want := range []Test{
		{
			Name: "one", Position: at(6, 5), As: "ann@example.com", Want: "allow", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Reasons: []string{},
			Request: Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: "wiki.example.com", Path: "/x"}, Header: http.Header{}},
		},
		{
			Name: "two", Position: at(7, 5), Session: "s1", Want: "deny", At: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), Reasons: []string{"reject", "accept"},
			Request: Request{
				Method: "POST", URL: &url.URL{Scheme: "https", Host: "policy.invalid", Path: "/"}, IP: netip.MustParseAddr("192.0.2.7"),
				Header: http.Header{"X-A": {"b", "c"}, "X-D": {"e"}}, CertificateProblem: "it expired",
			},
		},
	} {
		got := f.Tests[i]
		got.Policy, got.Request.ClientCertificates = nil, nil
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	inline := "policy: {allow: {or: [accept: true]}}\ntests: [{name: a, anonymous: true, want: allow, request: {client_certificate: " + quoted(block) + "}}]"
	f, problems = Read("t.yaml", []byte(inline), open)
	if len(problems) > 0 || len(f.Tests) != 1 || len(f.Tests[0].Request.ClientCertificates) != 1 || f.Tests[0].Policy.String() != "allow accept" || !f.Tests[0].At.IsZero() || f.Facts != nil {
		t.Errorf("got %+v, %v", f, problems)
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"` }

func TestMistakesInFactsStandInTheirFile(t *testing.T) {
	open := func(string) ([]byte, error) { return []byte("people: [{id: x, status: Y}]"), nil }
	f, problems := Read("dir/t.yaml", []byte("facts_file: people.yaml\npolicy: []\ntests: [{name: a, as: x, want: deny}]"), open)
	if len(problems) != 1 || problems[0].Position != (policy.Position{File: "dir/people.yaml", Line: 1, Col: 26}) {
		t.Errorf("got %v", problems)
	}
	if f.Facts.Person("x") == nil {
		t.Error("what could be read of the facts is lost")
	}
}
