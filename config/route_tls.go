package config

var tlsKeys = []key[draft]{
	works("tls_skip_verify", boolKind, func(d *draft) *bool { return &d.TLS.SkipVerify },
		"Takes any certificate of the upstream, also that of an attacker in between. Prefer `tls_custom_ca`.").def("false"),
	custom("tls_upstream_server_name", "text", readServerName,
		"The name to verify in the upstream's certificate, and to send as SNI.").unset("the host of `to`"),
	custom("tls_server_name", "text", func(d *draft, v value) {
		if !d.said["tls_upstream_server_name"].given() && d.TLS.ServerName == "" {
			readServerName(d, v)
		}
		v.warn("write tls_upstream_server_name", "an older name of tls_upstream_server_name, which counts where both are given")
	}, "An older name of `tls_upstream_server_name`."),
	works("tls_custom_ca", caKind, func(d *draft) *[]byte { return &d.TLS.CA },
		"Authorities that are trusted for the upstream in place of the system's.").file(),
	custom("tls_client_cert", pemKind.name, func(d *draft, v value) { d.client.cert.read(v) },
		"A certificate to show to the upstream, with `tls_client_key`.").file(),
	custom("tls_client_key", pemKind.name, func(d *draft, v value) { d.client.key.read(v) },
		"The key of `tls_client_cert`.").secret().file(),
	works("tls_upstream_allow_renegotiation", boolKind, func(d *draft) *bool { return &d.TLS.AllowRenegotiation },
		"Lets the upstream renegotiate TLS 1.2.").def("false"),
}

func readServerName(d *draft, v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	host, err := canonicalHost(s)
	if err != nil {
		v.fail("the host name in the upstream's certificate, such as app.internal", "%v", err)
		return
	}
	d.TLS.ServerName = host
}

// checkTLS looks at what only makes sense towards an upstream with TLS.
func (d *draft) checkTLS() {
	d.TLS.Certificate = d.client.complete(d.said, "tls_client_cert", "tls_client_key")
	encrypted := len(d.To) == 0 || d.To[0].URL.Scheme == "https"
	if d.TLS.SkipVerify && encrypted {
		d.said["tls_skip_verify"].warn("give the upstream's authority as tls_custom_ca", "anybody between here and the upstream can read and change everything")
	}
	if d.TLS.SkipVerify && len(d.TLS.CA) > 0 {
		d.said["tls_custom_ca"].fail("keep tls_custom_ca", "given beside tls_skip_verify, which verifies nothing")
	}
	if encrypted {
		return
	}
	for _, name := range []string{"tls_upstream_server_name", "tls_server_name", "tls_custom_ca", "tls_client_cert", "tls_skip_verify"} {
		if v := d.said[name]; v.given() {
			v.warn("delete it, or write https:// in to", "has no effect towards %s", d.To[0].URL.Scheme)
		}
	}
}
