package config

import (
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport/internal/certtest"
	"sallyport/internal/clientcert"
	"sallyport/policy"
)

// mtlsOf loads a configuration that says this below downstream_mtls.
func mtlsOf(t *testing.T, said string, environ ...string) *Config {
	t.Helper()
	text := "routes: [{from: 'https://app.example.com', to: 'http://127.0.0.1:1', allow_any_authenticated_user: true}]\n"
	if said != "" {
		text += "downstream_mtls:\n" + said
	}
	for key, value := range base {
		text += key + ": " + value + "\n"
	}
	cfg, problems := Load(LoadOptions{File: "c.yaml", Bytes: []byte(text), Environ: append([]string{"HOME=/home/x"}, environ...)})
	if len(problems) > 0 {
		t.Fatalf("%s: %v", said, problems)
	}
	return cfg
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestEachOptionOfDownstreamMTLSRestricts loads each option with a value that
// keeps somebody out, and without it.
func TestEachOptionOfDownstreamMTLSRestricts(t *testing.T) {
	ca, other := certtest.Authority(t, "CA"), certtest.Authority(t, "other")
	alice, bob := ca.Client("alice"), other.Client("bob")
	deep := ca.Intermediate("i").Client("deep")
	named := ca.Client("named", func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} })
	caFile, crlFile, derFile := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "crl.pem"), filepath.Join(t.TempDir(), "crl.der")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(caFile, certtest.PEM(ca.Cert))
	write(crlFile, certtest.ListPEM(ca.Revoke(alice)))
	der := ca.Revoke(alice)
	for der.Raw[len(der.Raw)-1] != '\n' { // which a reader of text would cut off
		der = ca.Revoke(alice)
	}
	write(derFile, string(der.Raw))
	trusts := "  ca: " + b64(certtest.PEM(ca.Cert)) + "\n"
	for _, tt := range []struct {
		option     string
		with       string
		env        string
		in, out    *certtest.Pair
		unless     string // what is loaded without the option
		unlessGood bool
	}{
		{"ca", trusts, "", alice, bob, "  ca: " + b64(certtest.PEM(ca.Cert, other.Cert)) + "\n", true},
		{"ca_file", "  ca_file: " + caFile + "\n", "", alice, bob, trusts, false},
		{"DOWNSTREAM_MTLS_CA", "  max_verify_depth: 1\n", "DOWNSTREAM_MTLS_CA=" + b64(certtest.PEM(ca.Cert)), alice, bob, "  ca: " + b64(certtest.PEM(other.Cert)) + "\n", true},
		{"DOWNSTREAM_MTLS_CA_FILE", "  ca: " + b64(certtest.PEM(other.Cert)) + "\n", "DOWNSTREAM_MTLS_CA_FILE=" + caFile, alice, bob, "  ca: " + b64(certtest.PEM(other.Cert)) + "\n", true},
		{"crl", trusts + "  crl: " + b64(certtest.ListPEM(ca.Revoke(alice))) + "\n", "", named, alice, trusts, true},
		{"crl of DER", trusts + "  crl: " + b64(string(der.Raw)) + "\n", "", named, alice, trusts, true},
		{"crl_file", trusts + "  crl_file: " + crlFile + "\n", "", named, alice, trusts, true},
		{"crl_file of DER", trusts + "  crl_file: " + derFile + "\n", "", named, alice, trusts, true},
		{"DOWNSTREAM_MTLS_CRL_FILE", trusts, "DOWNSTREAM_MTLS_CRL_FILE=" + crlFile, named, alice, trusts, true},
		{"match_subject_alt_names", trusts + "  match_subject_alt_names: [{dns: 'a\\.example\\.com'}]\n", "", named, alice, trusts, true},
		{"max_verify_depth by default", trusts, "", alice, deep, trusts + "  max_verify_depth: 0\n", true},
		{"max_verify_depth", trusts + "  max_verify_depth: 1\n", "", alice, deep, trusts + "  max_verify_depth: 2\n", true},
	} {
		var env []string
		if tt.env != "" {
			env = []string{tt.env}
		}
		with, without := mtlsOf(t, tt.with, env...), mtlsOf(t, tt.unless)
		if !trusted(t, with, tt.in) {
			t.Errorf("%s: keeps %s out", tt.option, tt.in.Cert.Subject)
		}
		if trusted(t, with, tt.out) {
			t.Errorf("%s: lets %s in", tt.option, tt.out.Cert.Subject)
		}
		if trusted(t, without, tt.out) != tt.unlessGood {
			t.Errorf("%s: without it %s is trusted: %v, want %v", tt.option, tt.out.Cert.Subject, !tt.unlessGood, tt.unlessGood)
		}
	}
}

func trusted(t *testing.T, cfg *Config, p *certtest.Pair) bool {
	t.Helper()
	v, err := clientcert.New(cfg.ClientCertificates.Rules)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(p.Chain(), time.Now())
	return err == nil
}

// enforcement is what becomes of the policies of routes.
func TestEnforcementPutsARuleBeforeEveryPolicy(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	trusts := "  ca: " + b64(certtest.PEM(ca.Cert)) + "\n"
	for _, tt := range []struct {
		said   string
		denies bool
	}{
		{"", false},
		{trusts, true},
		{trusts + "  enforcement: policy_with_default_deny\n", true},
		{trusts + "  enforcement: reject_connection\n", true},
		{trusts + "  enforcement: policy\n", false},
	} {
		cfg := mtlsOf(t, tt.said)
		program, err := new(policy.Compiler).Compile(cfg.Routes[0].Policy)
		if err != nil {
			t.Fatal(err)
		}
		d := program.Eval(&policy.Input{})
		denies := d.Effect == policy.Deny && d.DenyReasons.Has(policy.ReasonClientCertificateRequired)
		if denies != tt.denies {
			t.Errorf("%q: somebody without a certificate is denied for it: %v, want %v", tt.said, denies, tt.denies)
		}
		if denies && d.Rule.Position.Line != 3 {
			t.Errorf("%q: the rule stands at %s, want the place of downstream_mtls", tt.said, d.Rule.Position)
		}
		d = program.Eval(&policy.Input{Request: policy.Request{ClientCertificate: ca.Cert, ClientCertificateTrusted: true}})
		if d.Effect != policy.Unauthenticated {
			t.Errorf("%q: with a trusted certificate: %s", tt.said, d.Effect)
		}
	}
}
