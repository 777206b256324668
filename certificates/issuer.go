package certificates

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/time/rate"

	"sallyport/config"
)

// orderTime bounds one order with everything it takes; pollTime is how long the
// authority may take to validate or to sign.
const (
	orderTime = 5 * time.Minute
	pollTime  = 2 * time.Minute
)

// issuer is certmagic.Issuer: it orders certificates by ACME with an account of
// ours, over the bounded outbound client.
type issuer struct {
	settings config.Autocert
	storage  *storage
	log      *slog.Logger
	limit    *rate.Limiter
	life     context.Context // ends with the keeper
	// standing is the certificate that a new one for the host replaces, or nil.
	standing func(host string) *x509.Certificate

	main *acmez.Client
	// rehearsal is where an order is tried again after a failure, before it is
	// placed in earnest: public authorities count failures, their test
	// environments hardly do. Nil: there is none.
	rehearsal *acmez.Client
}

var (
	_ certmagic.Issuer            = (*issuer)(nil)
	_ certmagic.RenewalInfoGetter = (*issuer)(nil)
)

// directoryOf is the address of the authority that the settings name.
func directoryOf(s config.Autocert) string {
	switch {
	case s.CA != "":
		return s.CA
	case s.Staging:
		return certmagic.LetsEncryptStagingCA
	}
	return certmagic.LetsEncryptProductionCA
}

func (i *issuer) connect(out *http.Client, solvers map[string]acmez.Solver) {
	directory := directoryOf(i.settings)
	client := func(directory string) *acmez.Client {
		return &acmez.Client{ChallengeSolvers: solvers, Client: &acme.Client{
			Directory: directory, HTTPClient: out, UserAgent: "Sallyport", PollTimeout: pollTime, Logger: slog.New(quiet{i.log.Handler()}),
		}}
	}
	i.main = client(directory)
	if directory == certmagic.LetsEncryptProductionCA {
		i.rehearsal = client(certmagic.LetsEncryptStagingCA)
	}
}

// IssuerKey implements certmagic.Issuer: certificates of different authorities
// do not overwrite each other.
func (i *issuer) IssuerKey() string { return authorityName(i.main.Directory) }

// authorityName is a directory's URL as one element of a key.
func authorityName(directory string) string {
	name := directory
	if u, err := url.Parse(directory); err == nil {
		name = u.Host + "-" + strings.Trim(u.Path, "/")
	}
	return certmagic.StorageKeys.Safe(strings.ReplaceAll(strings.Trim(name, "-"), "/", "-"))
}

// attempts is a context's key for how often an order has failed before.
type attempts struct{}

// Issue implements certmagic.Issuer.
func (i *issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	ctx, cancel := i.bounded(ctx)
	defer cancel()
	if err := i.limit.Wait(ctx); err != nil {
		return nil, err
	}
	if n, _ := ctx.Value(attempts{}).(int); n > 0 && i.rehearsal != nil {
		if _, err := i.order(ctx, i.rehearsal, csr, nil); err != nil {
			return nil, fmt.Errorf("rehearsal: %w", err)
		}
	}
	var replaced *x509.Certificate
	if len(csr.DNSNames) == 1 {
		replaced = i.standing(csr.DNSNames[0])
	}
	chain, err := i.order(ctx, i.main, csr, replaced)
	if err != nil && replaced != nil && refusesReplacement(err) {
		chain, err = i.order(ctx, i.main, csr, nil)
	}
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: chain.ChainPEM, Metadata: chain}, nil
}

// bounded is ctx that also ends with the keeper and after orderTime.
func (i *issuer) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	stop := context.AfterFunc(i.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// order places one order. An account that the authority does not know (any
// more) is registered anew, once.
func (i *issuer) order(ctx context.Context, client *acmez.Client, csr *x509.CertificateRequest, replaced *x509.Certificate) (acme.Certificate, error) {
	chain, err := i.orderOnce(ctx, client, csr, replaced)
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type == acme.ProblemTypeAccountDoesNotExist {
		i.log.Warn("the certificate authority does not know our account: registering a new one", slog.String("ca", client.Directory))
		if err := i.storage.Delete(ctx, i.accountKey(client.Directory)); err != nil {
			return chain, err
		}
		return i.orderOnce(ctx, client, csr, replaced)
	}
	return chain, err
}

func (i *issuer) orderOnce(ctx context.Context, client *acmez.Client, csr *x509.CertificateRequest, replaced *x509.Certificate) (acme.Certificate, error) {
	account, err := i.account(ctx, client)
	if err != nil {
		return acme.Certificate{}, err
	}
	params, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return acme.Certificate{}, err
	}
	if replaced != nil {
		if _, err := acme.ARIUniqueIdentifier(replaced); err == nil {
			params.Replaces = replaced
		}
	}
	chains, err := client.ObtainCertificate(ctx, params)
	if err != nil {
		return acme.Certificate{}, fmt.Errorf("order at %s: %w", client.Directory, err)
	}
	if len(chains) == 0 {
		return acme.Certificate{}, fmt.Errorf("order at %s: the answer holds no certificate", client.Directory)
	}
	return chains[0], nil
}

// refusesReplacement reports whether the order may have failed only because it
// named the certificate that it replaces.
func refusesReplacement(err error) bool {
	var problem acme.Problem
	return errors.As(err, &problem) && problem.Resource == nil &&
		(problem.Type == acme.ProblemTypeAlreadyReplaced || problem.Type == acme.ProblemTypeMalformed || problem.Type == acme.ProblemTypeUnauthorized)
}

// GetRenewalInfo implements certmagic.RenewalInfoGetter: the authority may ask
// for an earlier renewal (RFC 9773).
func (i *issuer) GetRenewalInfo(ctx context.Context, cert certmagic.Certificate) (acme.RenewalInfo, error) {
	ctx, cancel := i.bounded(ctx)
	defer cancel()
	return i.main.GetRenewalInfo(ctx, cert.Leaf)
}
