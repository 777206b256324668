package proxy

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/config"
)

func pathRules(t testing.TB, change func(*config.Hygiene)) paths {
	t.Helper()
	h := config.Hygiene{MergeSlashes: true, NormalizePath: true}
	if change != nil {
		change(&h)
	}
	p, err := newPaths(h)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTargetHasOneSpellingOrIsRefused(t *testing.T) {
	for _, tt := range []struct {
		raw, match, escaped string
		err                 error
	}{
		{raw: "/", match: "/", escaped: "/"},
		{raw: "/a/b", match: "/a/b", escaped: "/a/b"},
		{raw: "/a?x=/../%2f", match: "/a", escaped: "/a"},
		{raw: "/%61dmin", match: "/admin", escaped: "/admin"},
		{raw: "/a b", match: "/a b", escaped: "/a%20b"}, // HTTP/2 can carry it
		{raw: "/a%20b", match: "/a b", escaped: "/a%20b"},
		{raw: "/gr%c3%b6%c3%9fe", match: "/größe", escaped: "/gr%C3%B6%C3%9Fe"},
		{raw: "/größe", match: "/größe", escaped: "/gr%C3%B6%C3%9Fe"},
		{raw: "/a%2Cb,c%40d@e", match: "/a,b,c@d@e", escaped: "/a%2Cb,c%40d@e"},
		{raw: "/a%3fb%23c", match: "/a?b#c", escaped: "/a%3Fb%23c"},
		{raw: "/100%25", match: "/100%", escaped: "/100%25"},
		{raw: "/a%252z", match: "/a%2z", escaped: "/a%252z"},
		{raw: "/a%25z2", match: "/a%z2", escaped: "/a%25z2"},
		{raw: "/a%254", match: "/a%4", escaped: "/a%254"},
		{raw: "/a%2520b", match: "/a%20b", escaped: "/a%2520b"},
		{raw: "//admin", match: "/admin", escaped: "/admin"},
		{raw: "/a///b//", match: "/a/b/", escaped: "/a/b/"},
		{raw: "/public/../admin", match: "/admin", escaped: "/admin"},
		{raw: "/public/%2e%2E/admin", match: "/admin", escaped: "/admin"},
		{raw: "/public/.%2e/", match: "/", escaped: "/"},
		{raw: "/a/./b/.", match: "/a/b/", escaped: "/a/b/"},
		{raw: "/.well-known/x", match: "/.well-known/x", escaped: "/.well-known/x"},
		{raw: "/...", match: "/...", escaped: "/..."},
		{raw: "/a;v=1/b;jsessionid=2", match: "/a;v=1/b;jsessionid=2", escaped: "/a;v=1/b;jsessionid=2"},
		{raw: "/;jsessionid=2", match: "/;jsessionid=2", escaped: "/;jsessionid=2"},
		{raw: "/a/;v=1", match: "/a/;v=1", escaped: "/a/;v=1"},
		{raw: "/private;/..", match: "/", escaped: "/"},
		{raw: "/a{b}", match: "/a{b}", escaped: "/a%7Bb%7D"},

		{raw: "/public/..%2fadmin", err: errSlash},
		{raw: "/admin%2F", err: errSlash},
		{raw: `/public\..\admin`, err: errSlash},
		{raw: "/public/..%5cadmin", err: errSlash},
		{raw: "/public/..;/admin", err: errDots},
		{raw: "/;/admin", err: errNameless},
		{raw: "/;x=1/admin", err: errNameless},
		{raw: "/a//;/admin", err: errNameless},
		{raw: "/%3b/admin", err: errNameless},
		{raw: "/%20;x/admin", err: errNameless},
		{raw: "/public/..%3b/admin", err: errDots},
		{raw: "/public/.;x=y/admin", err: errDots},
		{raw: "/public/..%20/admin", err: errDots},
		{raw: "/public/%252e%252e/admin", err: errTwice},
		{raw: "/public/..%252fadmin", err: errTwice},
		{raw: "/public/%25252e/", err: errTwice},
		{raw: "/a%2501", err: errTwice},
		{raw: "/a%257f", err: errTwice},
		{raw: "/a%25c3%25a9", err: errTwice},
		{raw: "/a%253b", err: errTwice},
		{raw: "/a%255c", err: errTwice},
		{raw: "/..", err: errClimb},
		{raw: "/a/../../b", err: errClimb},
		{raw: "/a%00", err: errControl},
		{raw: "/a%0d%0aX:y", err: errControl},
		{raw: "/a%7f", err: errControl},
		{raw: "/a\x01b", err: errControl},
		{raw: "/a\x7fb", err: errControl},
		{raw: "/a?b\x7fc", err: errControl},
		{raw: "/%2z", err: errEscape},
		{raw: "/%z2", err: errEscape},
		{raw: "/a?b\tc", err: errControl},
		{raw: "/%zz", err: errEscape},
		{raw: "/%.1", err: errEscape},
		{raw: "/%1/", err: errEscape},
		{raw: "/a%2", err: errEscape},
		{raw: "/%c0%ae%c0%ae/", err: errUTF8},
		{raw: "/%e0%80%af", err: errUTF8},
		{raw: "/%ff", err: errUTF8},
		{raw: "/private#/public", err: errForm},
		{raw: "*", err: errForm},
		{raw: "", err: errForm},
		{raw: "http://other.example.com/", err: errForm},
		{raw: "app.example.com:443", err: errForm},
		{raw: "/" + strings.Repeat("a", maxTarget), err: errLong},
		{raw: "/?" + strings.Repeat("a", maxTarget-2), match: "/", escaped: "/"},
	} {
		got, err := pathRules(t, nil).read(tt.raw)
		if !errors.Is(err, tt.err) || got.match != tt.match || got.escaped != tt.escaped {
			t.Errorf("read(%.60q) = %q, %q, %v; want %q, %q, %v", tt.raw, got.match, got.escaped, err, tt.match, tt.escaped, tt.err)
		}
	}
}

func TestEverySwitchOfThePathChangesWhatItSays(t *testing.T) {
	for _, tt := range []struct {
		name, raw, match, escaped string
		change                    func(*config.Hygiene)
		err                       error
		redirect                  bool
	}{
		{name: "merge off", raw: "//a//b", match: "//a//b", escaped: "//a//b", change: func(h *config.Hygiene) { h.MergeSlashes = false }},
		{name: "merge off, dots", raw: "/a//../b", match: "/a/b", escaped: "/a/b", change: func(h *config.Hygiene) { h.MergeSlashes = false }},
		{name: "normalize off", raw: "/a/../b", err: errDots, change: func(h *config.Hygiene) { h.NormalizePath = false }},
		{name: "normalize off, encoded", raw: "/a/%2e%2e/b", err: errDots, change: func(h *config.Hygiene) { h.NormalizePath = false }},
		{name: "keep", raw: "/a%2fb%5Cc", match: "/a%2Fb%5Cc", escaped: "/a%2Fb%5Cc", change: slashes("keep_unchanged")},
		{name: "keep, twice", raw: "/job/x%252Fy", match: "/job/x%252Fy", escaped: "/job/x%252Fy", change: slashes("keep_unchanged")},
		{name: "keep, dots", raw: "/public/..%2fadmin", err: errDots, change: slashes("keep_unchanged")},
		{name: "keep, dots in the middle", raw: "/public/x%2f..%2f..%2fadmin", err: errDots, change: slashes("keep_unchanged")},
		{name: "keep, dots twice", raw: "/public/..%252fadmin", err: errDots, change: slashes("keep_unchanged")},
		{name: "keep, backslash dots", raw: "/public/..%5cadmin", err: errDots, change: slashes("keep_unchanged")},
		{name: "forward", raw: "/a%2fb%5cc", match: "/a/b/c", escaped: "/a/b/c", change: slashes("unescape_and_forward")},
		{name: "forward, dots", raw: "/public/..%2fadmin", match: "/admin", escaped: "/admin", change: slashes("unescape_and_forward")},
		{name: "redirect", raw: "/a%2fb", match: "/a/b", escaped: "/a/b", change: slashes("unescape_and_redirect"), redirect: true},
		{name: "redirect, nothing to do", raw: "/a/b", match: "/a/b", escaped: "/a/b", change: slashes("unescape_and_redirect")},
	} {
		got, err := pathRules(t, tt.change).read(tt.raw)
		if !errors.Is(err, tt.err) || got.match != tt.match || got.escaped != tt.escaped || got.redirect != tt.redirect {
			t.Errorf("%s: read(%q) = %+v, %v; want %q, %q, redirect %t, %v", tt.name, tt.raw, got, err, tt.match, tt.escaped, tt.redirect, tt.err)
		}
	}
}

func slashes(action string) func(*config.Hygiene) {
	return func(h *config.Hygiene) { h.EscapedSlashes = action }
}

// genTarget makes targets of pieces that have fooled parsers before.
func genTarget() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{
		"/", "//", "a", "admin", "public", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", "\\", ";", "..;", "%3b", "%25", "%252e", "%252f",
		"%00", "%20", "%c0%ae", "%c3%a9", "é", "%zz", "%", "?", "#", "*", "~", "%7e", "%41", "+", "%2b", "@", ":", "[", "{", "\"", "$", "&", "=",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
	})
}

func genRules() *rapid.Generator[paths] {
	return rapid.Custom(func(t *rapid.T) paths {
		return paths{
			merge: rapid.Bool().Draw(t, "merge"), normalize: rapid.Bool().Draw(t, "normalize"),
			slashes: escapedSlashes(rapid.IntRange(0, 3).Draw(t, "slashes")),
		}
	})
}

// checkTarget states what holds for every accepted target.
func checkTarget(t interface{ Fatalf(string, ...any) }, p paths, raw string) {
	got, err := p.read(raw)
	if err != nil {
		return
	}
	if dec, err := url.PathUnescape(got.escaped); err != nil || dec != got.decoded {
		t.Fatalf("%q: forwarded %q decodes to %q, %v; decided on %q", raw, got.escaped, dec, err, got.decoded)
	}
	u := url.URL{Path: got.decoded, RawPath: got.escaped}
	if u.EscapedPath() != got.escaped {
		t.Fatalf("%q: net/url would forward %q, want %q", raw, u.EscapedPath(), got.escaped)
	}
	for seg := range strings.SplitSeq(laterSlashes.Replace(got.decoded), "/") {
		if bare, _, _ := strings.Cut(seg, ";"); bare == ".." || bare == "." {
			t.Fatalf("%q: a dot segment survives in %q", raw, got.decoded)
		}
	}
	if p.merge && strings.Contains(got.match, "//") {
		t.Fatalf("%q: an empty segment survives in %q", raw, got.match)
	}
	again, err := p.read(got.escaped)
	if err != nil || again.match != got.match || again.escaped != got.escaped {
		t.Fatalf("%q: reading %q again gives %+v, %v", raw, got.escaped, again, err)
	}
	if p.slashes != slashKeep && got.match != got.decoded {
		t.Fatalf("%q: matched %q, decided on %q", raw, got.match, got.decoded)
	}
}

func TestAcceptedTargetsReadTheSameAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkTarget(t, genRules().Draw(t, "rules"), genTarget().Draw(t, "target"))
	})
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/%2e%2e/", "/..;/a", "/a%2fb", "/%c0%ae", "//a?b#c", "/%25%32%65"} {
		for n := range uint8(16) {
			f.Add(s, n)
		}
	}
	f.Fuzz(func(t *testing.T, raw string, n uint8) {
		checkTarget(t, paths{merge: n&1 != 0, normalize: n&2 != 0, slashes: escapedSlashes(n >> 2 & 3)}, raw)
	})
}
