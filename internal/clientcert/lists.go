package clientcert

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// revocations are lists by the subject of the authority that made them.
type revocations map[string][]*list

// list is one list made ready to be asked.
type list struct {
	*x509.RevocationList
	serials map[string]struct{}
}

// check asks the lists of the issuer whether c was revoked, and returns when the
// first of them expires. Lists of another authority of the same name say nothing;
// where there are none but such, or the issuer's has expired, nobody can tell, and
// that is an error too.
func (r revocations) check(c, issuer *x509.Certificate, now time.Time) (until time.Time, err error) {
	ours := 0
	for _, l := range r[string(issuer.RawSubject)] {
		if l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		ours++
		if _, revoked := l.serials[string(c.SerialNumber.Bytes())]; revoked {
			return until, errors.New("it was revoked, or a certificate above it was")
		}
		if Expired(l.RevocationList, now) {
			return until, fmt.Errorf("the list of revoked certificates of its issuer expired on %s", day(l.NextUpdate))
		}
		until = earlier(until, l.NextUpdate)
	}
	if ours == 0 && len(r[string(issuer.RawSubject)]) > 0 {
		return until, errors.New("the list of revoked certificates was not signed by its issuer")
	}
	return until, nil
}

// Expired reports whether a list is past the time at which a newer one was
// promised.
func Expired(l *x509.RevocationList, now time.Time) bool {
	return !l.NextUpdate.IsZero() && now.After(l.NextUpdate)
}

// index takes of all lists of one authority and scope the newest.
func index(all []*x509.RevocationList) revocations {
	r := revocations{}
	for _, crl := range all {
		l := &list{crl, make(map[string]struct{}, len(crl.RevokedCertificateEntries))}
		for _, e := range crl.RevokedCertificateEntries {
			l.serials[string(e.SerialNumber.Bytes())] = struct{}{}
		}
		issuer := string(crl.RawIssuer)
		kept := r[issuer][:0:0]
		for _, other := range r[issuer] {
			switch {
			case !sameScope(other.RevocationList, crl):
				kept = append(kept, other)
			case other.ThisUpdate.After(crl.ThisUpdate):
				l = other
			}
		}
		r[issuer] = append(kept, l)
	}
	return r
}

// sameScope reports whether two lists of one name are two versions of one list.
func sameScope(a, b *x509.RevocationList) bool {
	return bytes.Equal(a.AuthorityKeyId, b.AuthorityKeyId) && bytes.Equal(extension(a, oidDistributionPoint), extension(b, oidDistributionPoint))
}

func extension(l *x509.RevocationList, id asn1.ObjectIdentifier) []byte {
	for _, e := range l.Extensions {
		if e.Id.Equal(id) {
			return e.Value
		}
	}
	return nil
}

// Signer returns the authority that signed a list. known is whether there is one
// of that name at all: the list of an authority that only clients show is checked
// when one does.
func Signer(l *x509.RevocationList, authorities []*x509.Certificate) (signer *x509.Certificate, known bool) {
	for _, a := range authorities {
		if !bytes.Equal(a.RawSubject, l.RawIssuer) {
			continue
		}
		known = true
		if l.CheckSignatureFrom(a) == nil {
			return a, true
		}
	}
	return nil, known
}

// CheckLists looks for lists that an authority is said to have made and did not.
func CheckLists(all []*x509.RevocationList, authorities []*x509.Certificate) error {
	for _, l := range all {
		if signer, known := Signer(l, authorities); known && signer == nil {
			return fmt.Errorf("the list of %q was not signed by the authority of that name", short(l.Issuer.String()))
		}
	}
	return nil
}

// Lists reads lists of revoked certificates: any number in PEM, or one in DER.
func Lists(text []byte) ([]*x509.RevocationList, error) {
	var all []*x509.RevocationList
	add := func(der []byte) error {
		l, err := x509.ParseRevocationList(der)
		if err == nil {
			err = usable(l)
		}
		if err != nil {
			return fmt.Errorf("list number %d: %w", len(all)+1, err)
		}
		all = append(all, l)
		return nil
	}
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		return all, add(text)
	}
	for block := range blocks(text, "X509 CRL") {
		if err := add(block); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no block of type X509 CRL")
	}
	return all, nil
}

var (
	oidDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidDelta             = asn1.ObjectIdentifier{2, 5, 29, 27}
)

// usable refuses lists that do not say by themselves what one authority revoked
// (RFC 5280 5.2: what is critical and not understood must not be used).
func usable(l *x509.RevocationList) error {
	for _, e := range l.Extensions {
		switch {
		case e.Id.Equal(oidDelta):
			return errors.New("it is a delta list, which only says what changed: give the complete one")
		case e.Id.Equal(oidDistributionPoint):
			if indirect(e.Value) {
				return errors.New("it is an indirect list, made by another authority than the one that issued")
			}
		case e.Critical:
			return fmt.Errorf("it has a critical extension that is not understood: %s", e.Id)
		}
	}
	return nil
}

// indirect reads issuingDistributionPoint: its fields [4] indirectCRL and [5]
// onlyContainsAttributeCerts are true for lists of something else.
func indirect(value []byte) bool {
	der := cryptobyte.String(value)
	var fields cryptobyte.String
	if !der.ReadASN1(&fields, cbasn1.SEQUENCE) {
		return true
	}
	for !fields.Empty() {
		var body cryptobyte.String
		var tag cbasn1.Tag
		if !fields.ReadAnyASN1(&body, &tag) {
			return true
		}
		if n := tag &^ 0xe0; (n == 4 || n == 5) && !bytes.Equal(body, []byte{0}) {
			return true
		}
	}
	return false
}

// blocks are the contents of the PEM blocks of one type.
func blocks(text []byte, typ string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			var block *pem.Block
			if block, text = pem.Decode(text); block == nil {
				return
			}
			if block.Type == typ && !yield(block.Bytes) {
				return
			}
		}
	}
}
