package config

import (
	"crypto/x509"
	"time"
)

// globals is a Config being read: what is decided only when all keys are known
// waits beside it.
type globals struct {
	*Config
	certificate pemPair // certificate and certificate_key
	// certificateAt says where Listen.Certificates were given, in their order.
	certificateAt []value
	leaves        []*x509.Certificate // of the same, once asked for
	directory     bool                // idp_service_account is given, readable or not
	metrics       pemPair             // metrics_certificate and metrics_certificate_key
	routes        value
	details       value  // error_details_policy
	connection    string // databroker_storage_connection_string
	exactPorts    bool
	mtls          given // what downstream_mtls says
	// warnedUnvouched says that it was told that Okta vouches for few addresses.
	warnedUnvouched bool
}

var listenKeys = []key[globals]{
	works("address", addressKind, func(g *globals) *string { return &g.Listen.Address },
		"Where HTTPS is served, or HTTP with `insecure_server`.").def(":443"),
	works("insecure_server", boolKind, func(g *globals) *bool { return &g.Listen.Insecure },
		"Serves plain HTTP on `address`: TLS ends in front of the proxy. Cookies stay Secure and public URLs https.").def("false"),
	works("http_redirect_addr", addressKind, func(g *globals) *string { return &g.Listen.HTTPRedirectAddr },
		"Where plain HTTP is answered with a redirect to https.").unset("no such listener"),
	custom("certificates", "list of {cert, key}", (*globals).readCertificates,
		"Certificates to serve, each as the paths of a certificate and a key file in PEM. The name that the client asks for picks one.").
		unset("a certificate signed by itself is made"),
	custom("certificate", pemKind.name, func(g *globals, v value) { g.certificate.cert.read(v) },
		"One certificate to serve, with `certificate_key`.").file(),
	custom("certificate_key", pemKind.name, func(g *globals, v value) { g.certificate.key.read(v) },
		"The key of `certificate`.").secret().file(),
	works("timeout_read", durationKind, func(g *globals) *time.Duration { return &g.Listen.TimeoutRead },
		"How long a client may take to send a request. 0 is no limit.").def("30s"),
	works("timeout_write", durationKind, func(g *globals) *time.Duration { return &g.Listen.TimeoutWrite },
		"How long answering may take. 0 is no limit; a limit cuts long downloads and streams.").def("0s"),
	works("timeout_idle", durationKind, func(g *globals) *time.Duration { return &g.Listen.TimeoutIdle },
		"How long a connection without a request is kept.").def("5m"),
	works("drain_delay", durationKind, func(g *globals) *time.Duration { return &g.Listen.DrainDelay },
		"After SIGTERM, how long `/readyz` answers 503 while connections are still accepted, for load balancers to notice.").def("5s").ours(),
	works("drain_timeout", durationKind, func(g *globals) *time.Duration { return &g.Listen.DrainTimeout },
		"After that, how long requests under way may take before the process ends.").def("30s").ours(),
}

func (l *loader) checkListen(g *globals, said given) {
	if c := g.certificate.complete(said, "certificate", "certificate_key"); c != nil {
		g.certificateAt = append(g.certificateAt, g.certificate.cert.at)
		g.Listen.Certificates = append(g.Listen.Certificates, *c)
	}
	g.directory = said["idp_service_account"].given()
	if g.Listen.Insecure && len(g.Listen.Certificates) > 0 {
		said["insecure_server"].warn("remove the certificates, or insecure_server", "certificates have no effect beside it")
	}
}
