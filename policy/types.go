package policy

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"sallyport/identity"
	"sallyport/internal/clientcert"
)

// Effect is what a decision says. The zero value denies.
type Effect uint8

// The effects. Unauthenticated asks for a sign-in, StepUp for a new one of
// somebody who is signed in: what it must bring stands in Decision.StepUp.
const (
	Deny Effect = iota
	Allow
	Unauthenticated
	StepUp
)

func (e Effect) String() string {
	switch e {
	case Allow:
		return "allow"
	case Unauthenticated:
		return "unauthenticated"
	case StepUp:
		return "step-up"
	}
	return "deny"
}

// Position is a place in a file; Line and Col count from 1, in bytes. Where
// there are no lines, as in an environment variable, both are 0.
type Position struct {
	File string
	Line int
	Col  int
}

func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Problem is something wrong with a policy as written.
type Problem struct {
	Position Position
	Message  string // lower-case, names what was expected and what came
	Hint     string // what to do, "" if there is nothing to say
	// Code names a warning that can be silenced where it stands, "" for others.
	Code string
	// Excerpt is the line of Position with secrets masked, "" where the reader
	// of the file did not keep it.
	Excerpt string
}

func (p Problem) Error() string { return p.Position.String() + ": " + p.Message }

// Input is everything a decision depends on; the same input always gives the
// same decision.
type Input struct {
	Now time.Time
	// Subject is who is signed in, nil for nobody.
	Subject *identity.Subject
	// Person is the subject's directory record, nil where there is none.
	Person *identity.Person
	// Request is what is asked for.
	Request Request
}

// Request is the part of an HTTP request that policies may ask about. Path is
// the one that was matched and will be forwarded, without the query. ID and Query
// are there for the decision record; no policy sees them.
type Request struct {
	ID     string
	Query  string // raw, without "?"
	Method string
	Host   string
	Path   string
	// Readings are what servers may read in place of Path, where it can be read in
	// more than one way. Whoever decides lets the request pass only if each may.
	Readings          []string
	IP                netip.Addr // client address, v4-mapped unmapped
	Header            http.Header
	ClientCertificate *x509.Certificate // leaf, verified or not; nil if none came
	// ClientCertificateTrusted says that whoever made the request verified the
	// certificate. A certificate of which nobody says so is not trusted.
	ClientCertificateTrusted bool
	// ClientCertificateError is why the certificate is not trusted, nil where that
	// is not known. With one, a certificate is never trusted.
	ClientCertificateError error
	// ClientCertificateFacts are those of ClientCertificate; nil: each decision that
	// asks works them out.
	ClientCertificateFacts *clientcert.Facts
	// ClientCertificateFingerprint is the hex SHA-256 of the certificate, for the
	// decision record; no policy sees it.
	ClientCertificateFingerprint string
	// Tool is what a tools/call of the Model Context Protocol calls, nil for any
	// other request.
	Tool *string
}

// trustedCertificate returns the client certificate that was verified, nil if
// there is none.
func (r *Request) trustedCertificate() *x509.Certificate {
	if !r.ClientCertificateTrusted || r.ClientCertificateError != nil {
		return nil
	}
	return r.ClientCertificate
}
