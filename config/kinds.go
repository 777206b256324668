package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/nearest"
)

// The types of values, by the names that the reference uses.
var (
	textKind     = kind[string]{"text", value.word}
	boolKind     = kind[bool]{"true or false", value.boolean}
	durationKind = kind[time.Duration]{"duration", value.duration}
	positiveKind = kind[time.Duration]{"duration", value.positive}
	countKind    = kind[int]{"number", value.count}
	numberKind   = kind[float64]{"number", value.number}
	textsKind    = kind[[]string]{"list of text", value.texts}
	urlKind      = kind[*url.URL]{"URL", value.webURL}
	addressKind  = kind[string]{"address", value.address}
	pemKind      = kind[[]byte]{"PEM or base64 of PEM", value.certificatePEM}
	caKind       = kind[[]byte]{"PEM or base64 of PEM", value.authorities}
	networksKind = kind[[]netip.Prefix]{"list of networks", value.networks}
)

// enum takes one of names in any case, with or without the key's name before
// it, as Pomerium's enumerations have it.
func enum(allowed ...string) kind[string] {
	return kind[string]{"one of " + strings.Join(allowed, ", "), func(v value) (string, bool) {
		return v.choice(allowed)
	}}
}

// optional makes a kind whose value can be told from none.
func optional[V any](k kind[V]) kind[*V] {
	return kind[*V]{k.name, func(v value) (*V, bool) {
		x, ok := k.read(v)
		return &x, ok
	}}
}

func (v value) choice(allowed []string) (string, bool) {
	s, ok := v.word()
	if !ok {
		return "", false
	}
	got := bare(s)
	for _, a := range allowed {
		prefix, found := strings.CutSuffix(got, bare(a))
		if found && strings.Contains(bare(v.name), prefix) {
			return a, true
		}
	}
	hint := ""
	if near := nearest.To(s, allowed); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	v.expected("one of "+strings.Join(allowed, ", "), hint)
	return "", false
}

// separators are what an enumeration's name may be written with or without.
var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// bare is an enumeration's name without case and separators.
func bare(s string) string { return separators.Replace(strings.ToLower(s)) }

// absoluteURL takes a URL with a host and without user name and fragment.
func (v value) absoluteURL() (*url.URL, bool) {
	s, ok := v.word()
	if !ok {
		return nil, false
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "" || u.Opaque != "":
		hint := ""
		if !strings.Contains(s, "://") {
			hint = "a URL begins with its scheme, as in https://" + strings.TrimLeft(s, "/:")
		}
		if v.secret || strings.Contains(s, "@") {
			hint = ""
		}
		v.expected("a URL", hint)
		return nil, false
	case u.User != nil:
		v.fail("", "expected a URL without user name and password")
		return nil, false
	case u.Fragment != "" || strings.Contains(s, "#"):
		v.expected("a URL without \"#\"", "")
		return nil, false
	}
	if p := u.Port(); p != "" && !portNumber(p) || strings.HasSuffix(u.Host, ":") {
		v.expected("a URL with a port from 1 to 65535", "")
		return nil, false
	}
	u.Scheme = strings.ToLower(u.Scheme)
	return u, true
}

func portNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// webURL is an absolute URL that a browser can be sent to.
func (v value) webURL() (*url.URL, bool) {
	u, ok := v.absoluteURL()
	if ok && u.Scheme != "https" && u.Scheme != "http" {
		v.expected("a URL that begins with https://", "")
		return nil, false
	}
	return u, ok
}

// address is what a listener takes: ":443", "127.0.0.1:9090".
func (v value) address() (string, bool) {
	s, ok := v.word()
	if !ok {
		return "", false
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		hint := ""
		if isNumber(s) {
			hint = "write \":" + s + "\""
		}
		v.expected(`an address such as ":443" or "127.0.0.1:9090"`, hint)
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		v.expected("an address with a port from 0 to 65535", "")
		return "", false
	}
	if strings.ContainsAny(host, "/ ") {
		v.expected(`an address such as ":443" or "127.0.0.1:9090"`, "no scheme and no path")
		return "", false
	}
	return s, true
}

// networks are networks in CIDR form, or single addresses.
func (v value) networks() ([]netip.Prefix, bool) {
	items, ok := v.list()
	var out []netip.Prefix
	for _, item := range items {
		p, good := item.network()
		out, ok = append(out, p), ok && good
	}
	return out, ok
}

func (v value) network() (netip.Prefix, bool) {
	s, ok := v.word()
	if !ok {
		return netip.Prefix{}, false
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		v.expected(`a network such as "10.0.0.0/8", or an address`, "")
		return netip.Prefix{}, false
	}
	if p != p.Masked() {
		v.fail("write "+p.Masked().String(), "%q has bits set beyond its /%d", s, p.Bits())
		return netip.Prefix{}, false
	}
	return p, true
}
