package policy

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"sallyport/internal/clientcert"
)

func supposePreflight() []move {
	const origin, wants = "Origin", "Access-Control-Request-Method"
	return []move{
		{func(in *Input) {
			in.Request.Method = http.MethodOptions
			for _, name := range []string{origin, wants} {
				if in.Request.Header.Get(name) == "" {
					in.Request.Header.Set(name, http.MethodGet)
				}
			}
		}, []string{"http_method", headerSlot(origin), headerSlot(wants)}},
		{func(in *Input) { in.Request.Header.Del(wants) }, []string{headerSlot(wants)}},
		{func(in *Input) { in.Request.Method = http.MethodGet }, []string{"http_method"}},
	}
}

func headerSlot(name string) string { return "http_header/" + http.CanonicalHeaderKey(name) }

// supposeAddresses are the ends of networks and what lies next to them.
func supposeAddresses(same []*wayCriterion) (out []move, whole bool) {
	for _, ip := range []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.IPv6LinkLocalAllNodes()} {
		out = append(out, move{func(in *Input) { in.Request.IP = ip }, []string{"source_ip"}})
	}
	for _, c := range same {
		for _, n := range c.networks {
			first, last := n.Masked().Addr(), lastOf(n)
			for _, ip := range []netip.Addr{first, last, first.Prev(), last.Next()} {
				if ip.IsValid() {
					out = append(out, move{func(in *Input) { in.Request.IP = ip }, []string{"source_ip"}})
				}
			}
			if len(out) > maxWords {
				return out, false
			}
		}
	}
	return out, true
}

func lastOf(n netip.Prefix) netip.Addr {
	b := n.Masked().Addr().AsSlice()
	for i := n.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// supposeTimes are the moments at which what criteria ask about the time may turn:
// around their dates, and around their times of day on each day of a week from
// there, in each of their zones.
func supposeTimes(same []*wayCriterion, in *Input) (out []move, whole bool) {
	bases, days := []time.Time{in.Now}, 1
	seconds, zones := []int{0, 12 * 3600}, []*time.Location{}
	for _, c := range same {
		zones = appendZone(zones, c.zone())
		switch c.kind.name {
		case "date":
			for _, op := range []string{"after", "before"} {
				if at, err := time.Parse(time.RFC3339, c.operandOf(op)); err == nil {
					bases = append(bases, at.Add(-time.Second), at, at.Add(time.Second))
				}
			}
		case "day_of_week":
			days = 8
		case "time_of_day":
			days = max(days, 2)
			for _, op := range []string{"after", "before"} {
				if at, ok := clock(c.operandOf(op)); ok {
					seconds = append(seconds, at, at-1)
				}
			}
		}
	}
	const most = 13
	whole = len(bases) <= most && len(seconds) <= 2*most
	add := func(at time.Time) {
		by := at.Sub(in.Now)
		out = append(out, move{func(in *Input) { postpone(in, by) }, []string{"clock"}})
	}
	for _, base := range bases[:min(len(bases), most)] {
		add(base)
		for _, zone := range zones {
			local := base.In(zone)
			for day := range days {
				for _, s := range seconds[:min(len(seconds), 2*most)] {
					if days > 1 {
						add(time.Date(local.Year(), local.Month(), local.Day()+day, 0, 0, s, 0, zone))
					}
				}
			}
		}
	}
	return out, whole
}

func appendZone(zones []*time.Location, zone *time.Location) []*time.Location {
	for _, z := range zones {
		if z.String() == zone.String() {
			return zones
		}
	}
	return append(zones, zone)
}

// postpone moves the request, and the sign-in with it.
func postpone(in *Input, by time.Duration) {
	in.Now = in.Now.Add(by)
	if in.Subject != nil && !in.Subject.AuthenticatedAt.IsZero() {
		in.Subject.AuthenticatedAt = in.Subject.AuthenticatedAt.Add(by)
	}
}

// supposeCertificates show none, one that is trusted, and one for every criterion.
func supposeCertificates(same []*wayCriterion) (out []move, whole bool) {
	show := func(cert *x509.Certificate, known *clientcert.Facts) {
		out = append(out, move{func(in *Input) {
			r := &in.Request
			r.ClientCertificate, r.ClientCertificateFacts, r.ClientCertificateTrusted, r.ClientCertificateError = cert, known, cert != nil, nil
		}, []string{"certificate"}})
	}
	show(nil, nil)
	show(&x509.Certificate{}, &clientcert.Facts{})
	for _, c := range same {
		if len(c.matchers) > 0 {
			show(meeting(c))
		}
	}
	return out, false
}

// meeting is a certificate that meets the criterion, if one can.
func meeting(c *wayCriterion) (*x509.Certificate, *clientcert.Facts) {
	cert, known := &x509.Certificate{}, &clientcert.Facts{}
	for _, m := range c.matchers {
		field, op, _ := strings.Cut(m.op, " ")
		text := m.operands[0].value.str
		if op == "not" || op == "not_in" {
			text = elsewhere
		}
		switch field {
		case "fingerprint":
			b, _ := hex.DecodeString(text)
			copy(known.Sum[:], b)
		case "spki_hash":
			b, _ := base64.StdEncoding.DecodeString(text)
			copy(known.KeySum[:], b)
		case "san_email":
			cert.EmailAddresses = append(cert.EmailAddresses, text)
		case "san_dns":
			cert.DNSNames = append(cert.DNSNames, text)
		default:
			known.URIs = append(known.URIs, text)
		}
	}
	return cert, known
}
