package proxyproto

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of a header: a line of version 1 by the specification, the addresses
// and extensions of version 2 by what balancers send, certificates included.
const (
	maxLine    = 107
	maxPayload = 4 << 10
)

const (
	signature1 = "PROXY "
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// version is what a connection begins with.
type version uint8

const (
	absent version = iota
	version1
	version2
)

var (
	errAbsent    = errors.New("expected a PROXY protocol header, got none")
	errForbidden = errors.New("a PROXY protocol header from a peer that is not trusted to send one")
	errMalformed = errors.New("malformed PROXY protocol header")
)

// begins looks at no more bytes than it takes to tell.
func begins(r *bufio.Reader) (version, error) {
	for n := 1; ; n++ {
		b, err := r.Peek(n)
		if err != nil {
			return absent, err
		}
		switch got := string(b); {
		case got == signature1:
			return version1, nil
		case got == signature2:
			return version2, nil
		case !strings.HasPrefix(signature1, got) && !strings.HasPrefix(signature2, got):
			return absent, nil
		}
	}
}

// read takes a header from r: the client's address, unknown{} where the proxy in
// front does not say, nil where it speaks for itself.
func read(r *bufio.Reader, v version) (net.Addr, error) {
	if v == version1 {
		return readLine(r)
	}
	return readBinary(r)
}

// readLine reads "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n".
func readLine(r *bufio.Reader) (net.Addr, error) {
	line := make([]byte, 0, maxLine)
	for !strings.HasSuffix(string(line), "\r\n") {
		if len(line) == maxLine {
			return nil, fmt.Errorf("%w: a line of more than %d bytes", errMalformed, maxLine)
		}
		b, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		line = append(line, b)
	}
	words := strings.Split(strings.TrimSuffix(string(line), "\r\n"), " ")
	if words[1] == "UNKNOWN" {
		return unknown{}, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return nil, fmt.Errorf("%w: %q", errMalformed, line)
	}
	from, ok := address(words[1], words[2], words[4])
	if _, to := address(words[1], words[3], words[5]); !ok || !to {
		return nil, fmt.Errorf("%w: %q", errMalformed, line)
	}
	return from, nil
}

func address(family, host, port string) (net.Addr, bool) {
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4() != (family == "TCP4") {
		return nil, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 5 {
		return nil, false
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(n))), true
}

// readBinary reads version 2. Its extensions are skipped: nothing here acts on
// what they say.
func readBinary(r *bufio.Reader) (net.Addr, error) {
	var head [len(signature2) + 4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	command, family, n := head[12], head[13], int(binary.BigEndian.Uint16(head[14:]))
	if n > maxPayload {
		return nil, fmt.Errorf("%w: %d bytes, expected at most %d", errMalformed, n, maxPayload)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	switch {
	case command == 0x20: // LOCAL: a health check, say
		return nil, nil
	case command != 0x21:
		return nil, fmt.Errorf("%w: version and command %#x", errMalformed, command)
	case family == 0x11 && n >= 12:
		return endpoint(netip.AddrFrom4([4]byte(payload)), payload[8:]), nil
	case family == 0x21 && n >= 36:
		return endpoint(netip.AddrFrom16([16]byte(payload)), payload[32:]), nil
	case family == 0x00 || family == 0x31: // unspecified, unix
		return unknown{}, nil
	}
	return nil, fmt.Errorf("%w: family %#x with %d bytes", errMalformed, family, n)
}

func endpoint(a netip.Addr, port []byte) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, binary.BigEndian.Uint16(port)))
}

// unknown is the address of a client of which the proxy in front says nothing.
// It must not be taken for the proxy's own, whose forwarding headers are believed.
type unknown struct{}

func (unknown) Network() string { return "tcp" }
func (unknown) String() string  { return "unknown" }
