package proxy

import (
	"sallyport/internal/clientcert"
	"sallyport/internal/weberr"
	"sallyport/policy"
)

// certificate is what the client showed on its connection, nil for nothing.
func (h *Handler) certificate(x *exchange) *clientcert.Shown {
	return h.o.ClientCertificates.Of(x.r.Context(), x.r.TLS, h.o.Now())
}

// checkConnection refuses requests on connections that the handshake would refuse
// by now.
func (h *Handler) checkConnection(x *exchange) error {
	if !h.o.RejectConnections || h.o.ClientCertificates == nil {
		return nil
	}
	switch shown := h.certificate(x); {
	case shown == nil:
		return weberr.ClientCertificateRequired(x.host)
	case !shown.Trusted():
		return weberr.InvalidClientCertificate(x.host, shown.Err)
	}
	return nil
}

// certificateRefused is the answer to a denial for want of a trusted certificate,
// nil to any other: deny rules say so, or, where none holds, the allow rules that
// do not hold. The cause stands in the decision record alone.
func certificateRefused(host string, d policy.Decision) *weberr.Error {
	reasons := d.DenyReasons
	if !d.DenyHolds && !d.AllowHolds {
		reasons |= d.AllowReasons
	}
	switch {
	case reasons.Has(policy.ReasonClientCertificateRequired):
		return weberr.ClientCertificateRequired(host)
	case reasons.Has(policy.ReasonInvalidClientCertificate):
		return weberr.InvalidClientCertificate(host, nil)
	}
	return nil
}
