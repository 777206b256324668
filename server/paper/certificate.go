package paper

import (
	"errors"

	"sallyport/policy"
)

// show puts the client certificate of a question into a request. A configuration
// without downstream_mtls asks for none, so that none is there.
func (w *World) show(req *policy.Request, q Question) {
	switch {
	case len(q.ClientCertificates) == 0:
	case w.only != nil:
		req.ClientCertificate, req.ClientCertificateError = q.ClientCertificates[0], q.CertificateProblem
		req.ClientCertificateTrusted = q.CertificateProblem == nil
	case w.client != nil:
		_, err := w.client.Verify(q.ClientCertificates, w.clock())
		req.ClientCertificate, req.ClientCertificateError = q.ClientCertificates[0], errors.Join(err, q.CertificateProblem)
		req.ClientCertificateTrusted = req.ClientCertificateError == nil
	}
}
