package proxyproto

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport/internal/clientip"
)

// v2 is a header of version 2.
func v2(command, family byte, payload string) string {
	return signature2 + string([]byte{command, family, byte(len(payload) >> 8), byte(len(payload))}) + payload
}

const four = "\xcb\x00\x71\x09\x7f\x00\x00\x01\x12\x67\x01\xbb" // 203.0.113.9:4711 to 127.0.0.1:443

var six = string(netip.MustParseAddr("2001:db8::1").AsSlice()) + strings.Repeat("\x00", 16) + "\x12\x67\x01\xbb"

// headers is every kind of header there is, with the address that it says: ""
// for the peer's own, "error" where the connection must be closed.
var headers = []struct{ name, text, want string }{
	{"version 1", "PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n", "203.0.113.9:4711"},
	{"version 1, IPv6", "PROXY TCP6 2001:db8::1 ::1 4711 443\r\n", "[2001:db8::1]:4711"},
	{"version 1, unknown", "PROXY UNKNOWN\r\n", "unknown"},
	{"version 1, unknown with a tail", "PROXY UNKNOWN ffff:f...f:ffff 1 2\r\n", "unknown"},
	{"version 1, the other family", "PROXY TCP4 ::1 ::1 1 2\r\n", "error"},
	{"version 1, mapped", "PROXY TCP4 ::ffff:10.0.0.1 127.0.0.1 1 2\r\n", "error"},
	{"version 1, a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "error"},
	{"version 1, leading zeros", "PROXY TCP4 010.0.0.1 127.0.0.1 1 2\r\n", "error"},
	{"version 1, no such port", "PROXY TCP4 203.0.113.9 127.0.0.1 65536 2\r\n", "error"},
	{"version 1, a signed port", "PROXY TCP4 203.0.113.9 127.0.0.1 +1 2\r\n", "error"},
	{"version 1, no such destination", "PROXY TCP4 203.0.113.9 localhost 1 2\r\n", "error"},
	{"version 1, another protocol", "PROXY UDP4 203.0.113.9 127.0.0.1 1 2\r\n", "error"},
	{"version 1, too few words", "PROXY TCP4 203.0.113.9\r\n", "error"},
	{"version 1, too many words", "PROXY TCP4 203.0.113.9 127.0.0.1 1 2 3\r\n", "error"},
	{"version 1, two blanks", "PROXY  TCP4 203.0.113.9 127.0.0.1 1 2\r\n", "error"},
	{"version 1, no words", "PROXY \r\n", "error"},
	{"version 1, a bare line feed", "PROXY TCP4 203.0.113.9 127.0.0.1 1 2\nGET / HTTP/1.1\r\n", "error"},
	{"version 1, too long", "PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n", "error"},
	{"version 1, lower case", "proxy TCP4 203.0.113.9 127.0.0.1 1 2\r\n", "error"},
	{"version 2", v2(0x21, 0x11, four), "203.0.113.9:4711"},
	{"version 2, IPv6", v2(0x21, 0x21, six), "[2001:db8::1]:4711"},
	{"version 2 with extensions", v2(0x21, 0x11, four+strings.Repeat("\x04\x00\x01x", 1000)), "203.0.113.9:4711"},
	{"version 2, local", v2(0x20, 0x00, ""), ""},
	{"version 2, local with addresses", v2(0x20, 0x11, four), ""},
	{"version 2, unspecified", v2(0x21, 0x00, ""), "unknown"},
	{"version 2, unix", v2(0x21, 0x31, strings.Repeat("a", 216)), "unknown"},
	{"version 2, datagrams", v2(0x21, 0x12, four), "error"},
	{"version 2, short addresses", v2(0x21, 0x11, four[:11]), "error"},
	{"version 2, short addresses of IPv6", v2(0x21, 0x21, six[:35]), "error"},
	{"version 2, too long", v2(0x21, 0x11, four+strings.Repeat("x", maxPayload)), "error"},
	{"version 2, another command", v2(0x22, 0x11, four), "error"},
	{"version 3", v2(0x31, 0x11, four), "error"},
	{"none", "", "error"},
}

// serve answers over ln with the address of the client as handlers see it.
func serve(t *testing.T, o Options, secure bool) (addr string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) }))
	srv.Listener = Listen(srv.Listener, o)
	srv.Config.ErrorLog = nil
	srv.Config.ReadHeaderTimeout = 10 * time.Second
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// ask sends a header and then a request on one connection, over TLS if secure,
// and returns the answer, "" where there was none.
func ask(t *testing.T, addr, header string, secure bool) (body, local string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local = c.LocalAddr().String()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, header); err != nil {
		return "", local
	}
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"); err != nil {
		return "", local
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", local
	}
	all, _ := io.ReadAll(res.Body)
	return string(all), local
}

func always(r Rule) func(netip.Addr) Rule { return func(netip.Addr) Rule { return r } }

func TestHeaderSaysWhoseConnectionItIs(t *testing.T) {
	for _, secure := range []bool{false, true} {
		addr := serve(t, Options{Rule: always(Required)}, secure)
		for _, tt := range headers {
			got, local := ask(t, addr, tt.text, secure)
			want := map[string]string{"": local, "error": ""}
			if w, special := want[tt.want]; special && got != w || !special && got != tt.want {
				t.Errorf("TLS %t, %s: the handler saw %q, want %q", secure, tt.name, got, tt.want)
			}
		}
	}
}

func TestClientOfWhichNothingIsSaidIsNoTrustedProxy(t *testing.T) {
	r := &http.Request{RemoteAddr: unknown{}.String(), Header: http.Header{"X-Forwarded-For": {"10.0.0.1"}}}
	everybody := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	if got := clientip.New(clientip.Options{Trusted: everybody}).Addr(r); got.IsValid() {
		t.Errorf("address %v, want none", got)
	}
}

func TestStrangersWhoSendAHeaderAreRefused(t *testing.T) {
	for _, secure := range []bool{false, true} {
		refused := make(chan error, len(headers))
		addr := serve(t, Options{Rule: always(Forbidden), Refused: func(_ net.Addr, err error) { refused <- err }}, secure)
		for _, text := range []string{headers[0].text, v2(0x21, 0x11, four), v2(0x20, 0, "")} {
			if got, _ := ask(t, addr, text, secure); got != "" {
				t.Errorf("TLS %t, header %q: answered, the handler saw %q", secure, text, got)
			}
			if err := <-refused; !errors.Is(err, errForbidden) {
				t.Errorf("TLS %t, header %q: refused for %v", secure, text, err)
			}
		}
		if got, local := ask(t, addr, "", secure); got != local {
			t.Errorf("TLS %t, no header: the handler saw %q, want %q", secure, got, local)
		}
	}
}

func TestHeaderMayBeLeftOutWhereItIsOptional(t *testing.T) {
	addr := serve(t, Options{Rule: always(Optional)}, false)
	if got, local := ask(t, addr, "", false); got != local {
		t.Errorf("without: %q, want %q", got, local)
	}
	if got, _ := ask(t, addr, headers[0].text, false); got != "203.0.113.9:4711" {
		t.Errorf("with: %q", got)
	}
}

func TestEachPeerHasItsRule(t *testing.T) {
	var asked netip.Addr
	addr := serve(t, Options{Rule: func(peer netip.Addr) Rule { asked = peer; return Ignored }}, false)
	if got, local := ask(t, addr, "", false); got != local || asked.String() != "127.0.0.1" {
		t.Errorf("saw %q, asked for %v", got, asked)
	}
}

// T53: a header that does not come to its end holds up nobody else, and not for
// long.
func TestSlowHeaderIsBoundedAndHoldsUpNobody(t *testing.T) {
	for _, secure := range []bool{false, true} {
		refused := make(chan error, 8)
		addr := serve(t, Options{Rule: always(Required), Timeout: time.Second, Refused: func(_ net.Addr, err error) { refused <- err }}, secure)
		var slow []net.Conn
		for _, begun := range []string{"", "P", "PROXY TCP4 203.", signature2, signature2 + "\x21\x11\x00\x0c\x01"} {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, begun)
			slow = append(slow, c)
		}
		if got, _ := ask(t, addr, headers[0].text, secure); got != "203.0.113.9:4711" {
			t.Errorf("TLS %t: beside slow ones the handler saw %q", secure, got)
		}
		for i, c := range slow {
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if n, err := c.Read(make([]byte, 1)); n > 0 || isTimeout(err) {
				t.Errorf("TLS %t: slow connection %d was not closed: %d bytes, %v", secure, i, n, err)
			}
			if err := <-refused; !isTimeout(err) {
				t.Errorf("TLS %t: refused for %v", secure, err)
			}
		}
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// deadlines remembers what was set.
type deadlines struct {
	net.Conn
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

func TestDeadlineOfAHeaderDoesNotOutliveIt(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	d := &deadlines{Conn: near}
	c := &conn{Conn: d, o: &Options{Timeout: time.Minute}, rule: Required, r: bufio.NewReader(d)}
	go func() { _, _ = io.WriteString(far, headers[0].text) }()
	if got := c.RemoteAddr().String(); got != "203.0.113.9:4711" {
		t.Fatalf("address %s", got)
	}
	if len(d.set) != 2 || d.set[0].IsZero() || !d.set[1].IsZero() {
		t.Errorf("deadlines %v, want one and then none", d.set)
	}
}

func FuzzHeader(f *testing.F) {
	for _, h := range headers {
		f.Add([]byte(h.text + "rest"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(b), 256)
		v, err := begins(r)
		if err != nil || v == absent {
			return
		}
		a, err := read(r, v)
		if err != nil || a == nil {
			return
		}
		if tcp, ok := a.(*net.TCPAddr); ok && (!tcp.AddrPort().IsValid() || tcp.Zone != "") {
			t.Errorf("%q: address %v", b, a)
		}
		if rest := len(b) - r.Buffered(); v == version1 && len(b) < 256 && rest > maxLine {
			t.Errorf("%q: %d bytes were taken", b, rest)
		}
	})
}
