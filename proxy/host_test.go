package proxy

import (
	"net/http"
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/internal/weberr"
)

func TestHostHasOneSpellingOrIsRefused(t *testing.T) {
	long := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"app.example.com":                     "app.example.com",
		"AZ.TEST":                             "az.test",
		"APP.Example.COM":                     "app.example.com",
		"app.example.com.":                    "app.example.com",
		"app.example.com.:8443":               "app.example.com:8443",
		"App.example.com:443":                 "app.example.com:443",
		"my_host":                             "my_host",
		"127.0.0.1:80":                        "127.0.0.1:80",
		"[::1]":                               "[::1]",
		"[2001:DB8:0:0::1]:8443":              "[2001:db8::1]:8443",
		long + "." + long:                     long + "." + long,
		"xn--bcher-kva.example":               "xn--bcher-kva.example",
		"":                                    "",
		".":                                   "",
		"..":                                  "",
		"a..b":                                "",
		".a":                                  "",
		"a...":                                "",
		"a.test..":                            "",
		"-a.test":                             "",
		"a,b":                                 "",
		"a b":                                 "",
		"a\tb":                                "",
		"user@a.test":                         "",
		"a.test@evil.test":                    "",
		"a.test/path":                         "",
		"a.test?x":                            "",
		"a.test#x":                            "",
		`a.test\evil`:                         "",
		"a%2etest":                            "",
		"bücher.example":                      "",
		"a.test:":                             "",
		"a.test:0":                            "",
		"a.test:080":                          "",
		"a.test:65536":                        "",
		"a.test:99999999":                     "",
		"a.test:80:80":                        "",
		"a.test:+80":                          "",
		"a.test:8x":                           "",
		"::1":                                 "",
		"[::1":                                "",
		"[::1]x":                              "",
		"[::1]x80":                            "",
		"[::1]:":                              "",
		"[fe80::1%eth0]":                      "",
		"[fe80::1%25eth0]":                    "",
		"[127.0.0.1]":                         "",
		"[a.test]":                            "",
		"*.test":                              "",
		"a.test:65535":                        "a.test:65535",
		":80":                                 "",
		".:80":                                "",
		"]":                                   "",
		long + "a":                            "",
		long + "a.test":                       "",
		strings.Repeat("a.", 127):             strings.TrimSuffix(strings.Repeat("a.", 127), "."),
		strings.Repeat("a.", 127) + "a":       "",
		strings.Repeat("a", 70_000) + ".test": "",
		"a.test\x00":                          "",
		"a.test\r\nx: y":                      "",
	} {
		got, ok := CleanHost(in)
		if got != want || ok != (want != "") {
			t.Errorf("CleanHost(%.40q) = %.40q, %t; want %.40q", in, got, ok, want)
		}
	}
}

func TestCleanHostOfACleanHostIsItself(t *testing.T) {
	for _, in := range []string{"APP.example.com.:8443", "[2001:DB8::1]:1", "a_b"} {
		once, _ := CleanHost(in)
		if twice, ok := CleanHost(once); !ok || twice != once {
			t.Errorf("CleanHost(%q) = %q", once, twice)
		}
	}
	if n := testing.AllocsPerRun(100, func() { CleanHost("app.example.com:8443") }); n != 0 {
		t.Errorf("a clean host costs %v allocations", n)
	}
}

func TestHostParts(t *testing.T) {
	for in, want := range map[string][2]string{
		"a.test": {"a.test", "a.test"}, "a.test:1": {"a.test", "a.test"},
		"[::1]": {"::1", "[::1]"}, "[::1]:8443": {"::1", "[::1]"},
	} {
		if got := [2]string{hostOnly(in), hostWithout(in)}; got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanHost(f *testing.F) {
	for _, s := range []string{"a.test", "A.test.:80", "[::1]:443", "a..b", "x@y", "[fe80::1%1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		clean, ok := CleanHost(in)
		if !ok {
			return
		}
		if again, ok := CleanHost(clean); !ok || again != clean {
			t.Fatalf("%q became %q, which became %q", in, clean, again)
		}
		if strings.ContainsAny(clean, "@/\\?#%, \t\r\n") || strings.ToLower(clean) != clean {
			t.Fatalf("%q became %q", in, clean)
		}
	})
}

// A route without a port is found under every port; nobody is sent to one that
// only the client has named.
func TestNobodyIsSentToAPortThatTheClientMadeUp(t *testing.T) {
	moved := route("moved", "moved.test")
	moved.Redirect = &config.Redirect{Path: "/new"}
	away := route("away", "away.test")
	away.Redirect = &config.Redirect{Host: "app.test"}
	w := newWorld(t, func(s *setup) {
		s.o.Ports = []string{"8443"}
		s.o.Hygiene.EscapedSlashes = "unescape_and_redirect"
		s.routes = []*config.Route{route("app", "app.test"), route("login", "login-needed.test"), route("fresh", "fresh.test"), route("named", "named.test:9443"), moved, away}
	})
	for _, tt := range []struct {
		host, target string
		want         int
		location     string
	}{
		{"app.test:1234", "/", 200, ""},
		{"app.test:1234", "/a%2fb", 421, ""},
		{"app.test:8443", "/a%2fb", 307, "https://app.test:8443/a/b"},
		{"app.test:1234", "/.pomerium/", 421, ""},
		{"app.test:8443", "/.pomerium/", 200, ""},
		{"login-needed.test:1234", "/", 421, ""},
		{"login-needed.test:8443", "/", 302, "https://login.test/sign-in"},
		{"login-needed.test", "/", 302, "https://login.test/sign-in"},
		{"fresh.test:1234", "/", 421, ""},
		{"named.test:9443", "/a%2fb", 307, "https://named.test:9443/a/b"},
		{"moved.test:1234", "/", 421, ""},
		{"moved.test:8443", "/", 301, "https://moved.test:8443/new"},
		{"away.test:1234", "/", 301, "https://app.test/"},
	} {
		c := w.dial()
		c.send("GET " + tt.target + " HTTP/1.1\nHost: " + tt.host + "\nAccept: text/html\nConnection: close\n\n")
		res, _ := c.read()
		status, header := res.StatusCode, res.Header
		if status != tt.want || header.Get("Location") != tt.location {
			t.Errorf("%s%s: %d to %q, want %d to %q", tt.host, tt.target, status, header.Get("Location"), tt.want, tt.location)
		}
		if status == http.StatusMisdirectedRequest && header.Get("X-Code") != "wrong-port" {
			t.Errorf("%s%s: code %q, want wrong-port", tt.host, tt.target, header.Get("X-Code"))
		}
	}
}

// Who came under a wrong port is told the right one: that of the authenticate
// host, since the hosts of routes are reached where it is.
func TestAWrongPortNamesTheRightOne(t *testing.T) {
	for authority, want := range map[string]string{
		"login.test": "https://app.test/", "login.test:443": "https://app.test/", "login.test:8443": "https://app.test:8443/", "": "https://app.test/",
		"[::1]:9443": "https://app.test:9443/",
	} {
		g := gate{router: router(t, route("app", "app.test")), authority: authority, ports: portSet([]string{"8443"})}
		if err := g.wrongPort("app.test:8443"); err != nil {
			t.Errorf("%s: a port of ours is wrong: %v", authority, err)
		}
		err := g.wrongPort("app.test:1234")
		if e := weberr.As(err); err == nil || !strings.Contains(e.Next, want+" ") {
			t.Errorf("%s: %v, want %s named", authority, err, want)
		}
	}
}
