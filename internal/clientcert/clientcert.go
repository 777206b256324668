// Package clientcert decides whether the certificate that a client showed on its
// connection is trusted, by rules that the configuration makes: authorities,
// lists of revoked certificates, names, and the length of the chain.
//
//	clientcert.go  Rules, Verifier, Verify: one chain against the rules
//	names.go       what match_subject_alt_names asks of the leaf
//	lists.go       lists of revoked certificates: reading, and looking up
//	facts.go       what policies ask of a leaf, worked out once
//	conn.go        the judgement of a connection, made once and remembered
//
// That the client holds the key of its certificate is proved by the handshake,
// which crypto/tls sees to. What a certificate lets somebody do is policy's
// matter; who asks for one, and what becomes of those without, server's and
// proxy's.
package clientcert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Rules say which certificates are trusted. The zero value trusts none.
type Rules struct {
	// Authorities are the roots of trust. One need not be self-signed.
	Authorities []*x509.Certificate
	// Lists are of revoked certificates. An authority without a list revokes
	// nothing.
	Lists []*x509.RevocationList
	// Names are what the leaf must be called; one that matches is enough. nil: it
	// may have any name.
	Names []Name
	// MaxDepth is how many certificates may stand above the leaf, the authority
	// included: 1 is a leaf that an authority signed itself. 0: any number.
	MaxDepth int
}

// Verifier judges by one set of rules. Immutable; safe for concurrent use.
type Verifier struct {
	rules Rules
	roots *x509.CertPool
	lists revocations
	hints *x509.CertPool
}

// New makes a verifier, an error where the rules have no authority or a list was
// not signed by the authority that it names.
func New(r Rules) (*Verifier, error) {
	if len(r.Authorities) == 0 {
		return nil, errors.New("no authority is given, so that no certificate could be trusted")
	}
	if err := CheckLists(r.Lists, r.Authorities); err != nil {
		return nil, err
	}
	v := &Verifier{rules: r, roots: x509.NewCertPool(), lists: index(r.Lists)}
	names := 0
	for _, a := range r.Authorities {
		v.roots.AddCert(a)
		names += len(a.RawSubject) + 2
	}
	if names <= maxHints {
		v.hints = v.roots
	}
	return v, nil
}

// maxHints bounds the names of authorities in a handshake, whose list holds 64
// KiB at most.
const maxHints = 48 << 10

// Hints are the authorities to name in the handshake, so that browsers offer the
// certificates that could do; nil where there are too many.
func (v *Verifier) Hints() *x509.CertPool { return v.hints }

// Verify judges the certificates that a client showed, its own first. A nil error
// is trust until the given time, at which the certificate, one above it or a
// list of revoked ones expires.
func (v *Verifier) Verify(shown []*x509.Certificate, now time.Time) (until time.Time, err error) {
	if len(shown) == 0 {
		return until, errors.New("no certificate came")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return until, why(err, shown[0], now)
	}
	if !v.named(shown[0]) {
		return until, errors.New("none of its names is one of match_subject_alt_names")
	}
	return v.best(chains, now)
}

// best finds the chain that is good for longest. Where none is good the error is
// that of the first.
func (v *Verifier) best(chains [][]*x509.Certificate, now time.Time) (until time.Time, err error) {
	for _, chain := range chains {
		end, problem := v.chain(chain, now)
		switch {
		case problem == nil && end.After(until):
			until = end
		case problem != nil && err == nil:
			err = problem
		}
	}
	if !until.IsZero() {
		return until, nil
	}
	if err == nil {
		err = errors.New("no chain leads to an authority")
	}
	return until, err
}

// chain looks at what crypto/x509 does not: the length, and whether anything in
// it was revoked.
func (v *Verifier) chain(chain []*x509.Certificate, now time.Time) (until time.Time, err error) {
	if depth := len(chain) - 1; v.rules.MaxDepth > 0 && depth > v.rules.MaxDepth {
		return until, fmt.Errorf("%d certificates stand above it, and max_verify_depth allows %d", depth, v.rules.MaxDepth)
	}
	until = chain[0].NotAfter
	for i, c := range chain {
		until = earlier(until, c.NotAfter)
		if i+1 == len(chain) {
			break
		}
		end, err := v.lists.check(c, chain[i+1], now)
		if err != nil {
			return time.Time{}, err
		}
		until = earlier(until, end)
	}
	return until, nil
}

// earlier is the first of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}

// why says in our words what crypto/x509 found. Names that strangers chose stay
// out of it.
func why(err error, leaf *x509.Certificate, now time.Time) error {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return timely(invalid.Cert, leaf, now)
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return errors.New("it is not for client authentication (extended key usage)")
	case ok && invalid.Reason == x509.NotAuthorizedToSign:
		return errors.New("it was signed by a certificate that is no authority")
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return errors.New("no authority of downstream_mtls.ca signed it")
	}
	return errors.New("it cannot be verified: " + short(err.Error()))
}

func timely(c, leaf *x509.Certificate, now time.Time) error {
	whose := "it"
	if !bytes.Equal(c.Raw, leaf.Raw) {
		whose = "a certificate above it"
	}
	if now.Before(c.NotBefore) {
		return fmt.Errorf("%s is not valid before %s", whose, day(c.NotBefore))
	}
	return fmt.Errorf("%s expired on %s", whose, day(c.NotAfter))
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short bounds what may hold text of a certificate.
func short(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// Bundle reads authorities from PEM; blocks of other types are skipped.
func Bundle(pemText []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block := range blocks(pemText, "CERTIFICATE") {
		c, err := x509.ParseCertificate(block)
		if err != nil {
			return nil, fmt.Errorf("certificate number %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	return slices.Clip(all), nil
}
