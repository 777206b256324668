package okta

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
)

// What to look at where an organisation does not answer as one.
const (
	spellingStep = "compare the spelling of idp_provider_url with the address of Okta's Admin Console, without its \"-admin\""
	routeStep    = "look whether a firewall lets this host out to port 443, and whether it must go through a proxy (HTTPS_PROXY)"
	betweenStep  = "check idp_provider_url, and whether a proxy on the way answers in Okta's place"
)

// unreachedStep is what to do about an answer that an organisation did not give.
func unreachedStep(e *Error) string {
	switch advice := e.Advice(); {
	case advice != "":
		return advice
	case e.Status == 0:
		return reachStep(e.Err)
	case e.Status >= http.StatusInternalServerError:
		return "try again later: https://status.okta.com tells of trouble at Okta; a proxy on the way may answer so, too"
	}
	return betweenStep
}

// reachStep goes by why there was no answer at all.
func reachStep(err error) string {
	var (
		name    *net.DNSError
		op      *net.OpError
		invalid *tls.CertificateVerificationError
		other   x509.HostnameError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy of HTTPS_PROXY or HTTP_PROXY does not answer: correct it, or name the organisation's host in NO_PROXY"
	case errors.As(err, &name) && name.IsNotFound:
		return spellingStep + "; if it is right, look whether this host asks a DNS server that knows the name"
	case errors.As(err, &name):
		return "look at this host's DNS servers (/etc/resolv.conf), which do not answer"
	case errors.As(err, &other):
		return spellingStep + ": the certificate shown there is for other names"
	case errors.As(err, &invalid):
		return "if a proxy in between intercepts TLS, put its certificate authority into idp_ca_file; otherwise install the usual certificate authorities on this host (ca-certificates)"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return betweenStep + ": what answers does not speak TLS"
	case late(err):
		return "nothing answered in time: " + routeStep
	}
	return routeStep + "; then " + spellingStep
}

func late(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout")
}
