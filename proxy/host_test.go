package proxy

import (
	"strings"
	"testing"
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
		"[::1]:":                              "",
		"[fe80::1%eth0]":                      "",
		"[fe80::1%25eth0]":                    "",
		"[127.0.0.1]":                         "",
		"[a.test]":                            "",
		"*.test":                              "",
		long + "a":                            "",
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
