package policytest

import (
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"sallyport/internal/clientcert"
	"sallyport/internal/strictyaml"
	"sallyport/policy"
	"sallyport/policy/facts"
)

// Read reads a file of tests, YAML or JSON; open reads the files it names, whose
// paths are relative to it. With problems nothing of it may be run.
func Read(name string, text []byte, open func(path string) ([]byte, error)) (*File, []policy.Problem) {
	root, r := strictyaml.Read(name, text)
	f := &File{Name: name}
	in := &reading{f: f, r: r, open: open}
	if !root.Given() && len(r.Problems()) == 0 {
		root.Fail("list tests under tests:", "is empty")
		return f, r.Problems()
	}
	fields := root.Fields("facts", "facts_file", "config", "policy", "at", "tests")
	in.facts(fields["facts"], fields["facts_file"])
	f.Config, f.ConfigPosition = fields["config"].Text(), fields["config"].Position()
	in.policy, in.at = in.readPolicy(fields["policy"]), fields["at"].Time()
	if f.Config != "" && in.policy != nil {
		fields["policy"].Fail("keep one of them", "config and policy are both given")
	}
	for _, item := range fields["tests"].Items() {
		in.test(item)
	}
	if len(f.Tests) == 0 && len(r.Problems()) == 0 {
		root.Fail("list tests under tests:", "holds no tests")
	}
	return f, r.Problems()
}

// reading is a file half read.
type reading struct {
	f      *File
	r      *strictyaml.Reader
	open   func(path string) ([]byte, error)
	policy *policy.Policy
	at     time.Time
}

// beside is a path that stands in the file.
func (in *reading) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(in.f.Name), path)
}

func (in *reading) facts(inline, file strictyaml.Value) {
	switch {
	case inline.Given() && file.Given():
		file.Fail("keep one of them", "facts and facts_file are both given")
	case inline.Given():
		in.f.Facts = facts.From(inline)
	case file.Given():
		path := in.beside(file.Text())
		text, err := in.open(path)
		if err != nil {
			file.Fail("the path is relative to this file", "cannot be read: %v", err)
			return
		}
		f, problems := facts.Read(path, text)
		in.f.Facts = f
		in.r.Add(problems...)
	}
}

func (in *reading) readPolicy(v strictyaml.Value) *policy.Policy {
	if !v.Given() {
		return nil
	}
	p, problems := policy.Parse(v.Node(), in.f.Name)
	in.r.Add(problems...)
	return p
}

func (in *reading) test(v strictyaml.Value) {
	fields := v.Fields("name", "as", "session", "anonymous", "request", "want", "reasons", "policy", "at")
	t := Test{
		Name: fields["name"].Text(), Position: v.Position(), As: fields["as"].Text(), Session: fields["session"].Text(),
		Policy: in.readPolicy(fields["policy"]), At: fields["at"].Time(), Want: fields["want"].Text(), Reasons: fields["reasons"].Texts(),
	}
	if t.Name == "" {
		v.Fail("say what it proves", "the test has no name")
	}
	in.checkWho(v, fields, t)
	// Of a list or a mapping it was said already that it is no text.
	if at := fields["want"]; !slices.Contains(wants, t.Want) && (!at.Given() || at.Node().Kind == yaml.ScalarNode) {
		if !at.Given() {
			at = v
		}
		at.Fail(meant(t.Want, wants), "expected want to be one of %s, got %q", strings.Join(wants, ", "), t.Want)
	}
	for _, reason := range t.Reasons {
		if !slices.Contains(policy.ReasonNames(), reason) {
			fields["reasons"].Fail(meant(reason, policy.ReasonNames()), "unknown reason %q", reason)
		}
	}
	if t.Policy == nil {
		t.Policy = in.policy
	}
	if t.Policy == nil && in.f.Config == "" {
		v.Fail("give config: or policy:", "nothing decides this test")
	}
	if t.At.IsZero() {
		t.At = in.at
	}
	t.Request = in.request(v, fields["request"], t.Policy != nil)
	in.f.Tests = append(in.f.Tests, t)
}

func meant(name string, known []string) string {
	if near := policy.Nearest(name, known); near != "" {
		return `did you mean "` + near + `"?`
	}
	return ""
}

// checkWho wants exactly one of as, session and anonymous.
func (in *reading) checkWho(v strictyaml.Value, fields map[string]strictyaml.Value, t Test) {
	n := 0
	for _, given := range []bool{t.As != "", t.Session != "", fields["anonymous"].Flag()} {
		if given {
			n++
		}
	}
	if n != 1 {
		v.Fail("", "expected exactly one of as: e-mail, session: id and anonymous: true")
	}
	if t.Session == "" {
		return
	}
	if _, ok := in.f.Facts.Session(t.Session); !ok {
		var known []string
		if in.f.Facts != nil {
			for _, s := range in.f.Facts.Sessions {
				known = append(known, s.ID)
			}
		}
		fields["session"].Fail(meant(t.Session, known), "there is no session %q in the facts", t.Session)
	}
}

// anywhere is what is asked for where a policy decides whatever the URL.
const anywhere = "https://policy.invalid/"

func (in *reading) request(test, v strictyaml.Value, freely bool) Request {
	fields := v.Fields("method", "url", "ip", "headers", "client_certificate", "client_certificate_problem")
	r := Request{Method: fields["method"].Text(), Header: http.Header{}, CertificateProblem: fields["client_certificate_problem"].Text()}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if upper := strings.ToUpper(r.Method); upper != r.Method && slices.Contains(policy.MethodNames, upper) {
		fields["method"].Fail("write "+upper, "methods are in capital letters, got %q", r.Method)
	}
	raw := fields["url"].Text()
	if raw == "" && freely {
		raw = anywhere
	}
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		test.Fail("write request: {url: https://...}", "the test asks for no URL")
		u = &url.URL{}
	case err != nil || u.Host == "":
		fields["url"].Expected("a URL such as https://wiki.example.com/x", "")
		u = &url.URL{}
	}
	r.URL = u
	if ip := fields["ip"]; ip.Given() {
		if r.IP, err = netip.ParseAddr(ip.Text()); err != nil {
			ip.Expected("an address such as 192.0.2.7", "")
		}
	}
	for _, h := range fields["headers"].Pairs() {
		for _, value := range h.Value.Texts() {
			r.Header.Add(h.Key, value)
		}
	}
	r.ClientCertificates = in.certificates(fields["client_certificate"])
	return r
}

// certificates reads PEM, or the file of that name: the client's certificate, then
// those that it sends along.
func (in *reading) certificates(v strictyaml.Value) []*x509.Certificate {
	if !v.Given() {
		return nil
	}
	text := []byte(v.Text())
	if !strings.Contains(v.Text(), "-----BEGIN ") {
		var err error
		if text, err = in.open(in.beside(v.Text())); err != nil {
			v.Fail("the path is relative to this file", "cannot be read: %v", err)
			return nil
		}
	}
	all, err := clientcert.Bundle(text)
	switch {
	case err != nil:
		v.Fail("", "expected a certificate in PEM: %v", err)
	case len(all) == 0:
		v.Fail("", "expected a certificate in PEM")
	}
	return all
}
