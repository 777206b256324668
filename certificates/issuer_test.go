package certificates

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"sallyport/config"
	"sallyport/internal/acmetest"
	"sallyport/store/memory"
)

func TestTheAuthorityIsWhatTheSettingsSay(t *testing.T) {
	w := newWorld(t, memory.New(memory.Options{}), true)
	for _, tc := range []struct {
		settings  config.Autocert
		want, key string
		rehearsal string
	}{
		{config.Autocert{}, certmagic.LetsEncryptProductionCA, "acme-v02.api.letsencrypt.org-directory", certmagic.LetsEncryptStagingCA},
		{config.Autocert{Staging: true}, certmagic.LetsEncryptStagingCA, "acme-staging-v02.api.letsencrypt.org-directory", ""},
		{config.Autocert{CA: "https://ca.test:8443/acme/v2/"}, "https://ca.test:8443/acme/v2/", "ca.test-8443-acme-v2", ""},
		{config.Autocert{CA: "https://ca.test", Staging: true}, "https://ca.test", "ca.test", ""},
	} {
		a, err := w.keeper.newAuthority(tc.settings)
		if err != nil {
			t.Fatal(err)
		}
		rehearsal := ""
		if a.issuer.rehearsal != nil {
			rehearsal = a.issuer.rehearsal.Directory
		}
		if a.issuer.main.Directory != tc.want || a.issuer.IssuerKey() != tc.key || rehearsal != tc.rehearsal {
			t.Errorf("%+v: %s, %s, rehearsal %q", tc.settings, a.issuer.main.Directory, a.issuer.IssuerKey(), rehearsal)
		}
	}
	if err := w.keeper.Use(config.Autocert{Enabled: true, TrustedCA: []byte("none")}, []string{"app.test"}); err == nil || w.keeper.host("app.test") != nil {
		t.Errorf("settings that cannot be used: %v; want an error and nothing in force", err)
	}
}

func TestEachAddressAndExternalAccountHasAnAccountOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range []config.Autocert{{}, {Email: "a@x.test"}, {Email: "b@x.test"}, {Email: "a@x.test", EABKeyID: "k"}, {EABKeyID: "k"}} {
		for _, directory := range []string{"https://a.test/dir", "https://b.test/dir"} {
			seen[(&issuer{settings: s}).accountKey(directory)] = true
		}
	}
	if len(seen) != 10 {
		t.Errorf("expected 10 accounts, got %v", seen)
	}
}

func request(t *testing.T, host string) *x509.CertificateRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := acmez.NewCSR(key, []string{host})
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func TestAfterAFailureAnOrderIsRehearsedElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	main := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	rehearsal := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	blind := acmetest.Start(t, acmetest.Options{}) // it cannot reach us
	w := newWorld(t, memory.New(memory.Options{}), false)
	s.keeper.Store(w.keeper)
	w.keeper.hosts.Store(&map[string]*host{"app.rehearsal.test": {name: "app.rehearsal.test", cancel: func() {}}})
	authority := func(ca *acmetest.Authority) *issuer {
		a, err := w.keeper.newAuthority(settingsFor(ca))
		if err != nil {
			t.Fatal(err)
		}
		return a.issuer
	}
	i := authority(main)
	again := context.WithValue(t.Context(), attempts{}, 1)
	for _, tc := range []struct {
		name            string
		ctx             context.Context
		rehearsal       *acmetest.Authority
		issued, rehears int
		ok              bool
	}{
		{"a first attempt is in earnest", t.Context(), rehearsal, 1, 0, true},
		{"a second is rehearsed", again, rehearsal, 2, 1, true},
		{"what fails there is not tried here", again, blind, 2, 1, false},
	} {
		i.rehearsal = authority(tc.rehearsal).main
		_, err := i.Issue(tc.ctx, request(t, "app.rehearsal.test"))
		if (err == nil) != tc.ok || main.Issued() != tc.issued || rehearsal.Issued() != tc.rehears {
			t.Errorf("%s: %v, %d issued, %d rehearsed", tc.name, err, main.Issued(), rehearsal.Issued())
		}
	}
}

func TestAnAccountThatTheAuthorityForgotIsRegisteredAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	w := newWorld(t, memory.New(memory.Options{}), false)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(ca), "a.forgot.test")
	w.obtained("a.forgot.test")
	key := w.keeper.current.Load().issuer.accountKey(ca.Directory())
	value, err := w.keeper.storage.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var stored storedAccount
	if err := json.Unmarshal(value, &stored); err != nil {
		t.Fatal(err)
	}
	stored.Account.Location += "0123"
	if value, err = json.Marshal(stored); err != nil {
		t.Fatal(err)
	}
	store1(t, w.keeper.storage, key, string(value))
	w.use(settingsFor(ca), "a.forgot.test", "b.forgot.test")
	w.obtained("b.forgot.test")
	if !strings.Contains(w.log.String(), "does not know our account") {
		t.Error("the log does not say so")
	}
}

func TestOnlyARefusalOfTheReplacementIsTriedWithout(t *testing.T) {
	problem := func(kind string) error { return fmt.Errorf("order: %w", acme.Problem{Type: kind}) }
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{problem(acme.ProblemTypeAlreadyReplaced), true},
		{problem(acme.ProblemTypeMalformed), true},
		{problem(acme.ProblemTypeRateLimited), false},
		{problem(acme.ProblemTypeRejectedIdentifier), false},
		{fmt.Errorf("order: %w", acme.Problem{Type: acme.ProblemTypeUnauthorized, Resource: acme.Authorization{}}), false},
		{errors.New("no route"), false},
	} {
		if got := refusesReplacement(tc.err); got != tc.want {
			t.Errorf("%v: %v", tc.err, got)
		}
	}
}
