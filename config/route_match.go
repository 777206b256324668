package config

import (
	"net/url"
	"regexp"
	"strings"
)

var regexKind = kind[*regexp.Regexp]{"regular expression", value.wholeRegexp}

var matchKeys = []key[draft]{
	custom("from", urlKind.name, readFrom,
		"The public URL: scheme and host, with a port where only that one counts. `*` in the host is any text, dots included. Required."),
	custom("prefix", "path", func(d *draft, v value) { d.Match.Prefix, _ = v.pathCondition() },
		"Serves paths that begin with this text: /a also means /ab."),
	custom("path", "path", func(d *draft, v value) { d.Match.Path, _ = v.pathCondition() },
		"Serves this path alone."),
	works("regex", regexKind, func(d *draft) **regexp.Regexp { return &d.Match.Regex },
		"Serves paths that match this regular expression (RE2) as a whole."),
}

func readFrom(d *draft, v value) {
	u, ok := v.absoluteURL()
	if !ok {
		return
	}
	switch u.Scheme {
	case "https":
	case "http":
		v.warn("write https://", "people would be signed in over plain HTTP; the route is served as https all the same")
	case "tcp+https", "udp+https", "ssh":
		v.fail("remove the route if you can do without", "routes of scheme %s are not supported yet", u.Scheme)
		return
	default:
		v.expected("a URL that begins with https://", "")
		return
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery {
		v.expected("a URL without a path", "the path goes to prefix, path or regex")
		return
	}
	host, err := canonicalPattern(u.Hostname())
	if err != nil {
		v.fail("a host name, such as app.example.com, or with a wildcard *.example.com", "%v", err)
		return
	}
	d.From = From{Scheme: u.Scheme, Host: host, Port: u.Port()}
}

// pathCondition is a path as it is compared with those of requests.
func (v value) pathCondition() (string, bool) {
	s, ok := v.word()
	switch {
	case !ok:
		return "", false
	case !strings.HasPrefix(s, "/"):
		v.expected("a path that begins with /", "write \"/"+strings.TrimPrefix(s, "./")+"\"")
	case strings.ContainsAny(s, "?#"):
		v.expected("a path without ? and #", "queries take no part in matching")
	default:
		return s, true
	}
	return "", false
}

// checkSpelling refuses a path that no request has once it is in its one
// spelling.
func (v value) checkSpelling(s string, h Hygiene) {
	decoded, err := url.PathUnescape(s)
	switch {
	case s == "":
	case err == nil && decoded != s && h.EscapedSlashes != "keep_unchanged":
		v.expected("a path as it is after decoding", "write the characters themselves instead of %XX")
	case h.MergeSlashes && strings.Contains(s, "//"):
		v.expected("a path without \"//\"", "of several slashes one is made before routes are tried (merge_slashes)")
	case strings.Contains(s+"/", "/../") || strings.Contains(s+"/", "/./"):
		v.expected("a path without . and ..", "they are resolved before routes are tried")
	}
}

// regexpHint says which language patterns are in.
const regexpHint = "the syntax is RE2; write \\. for a dot, and quote the value with single quotes"

// wholeRegexp is a regular expression anchored at both ends.
func (v value) wholeRegexp() (*regexp.Regexp, bool) {
	s, ok := v.regexpText()
	if !ok {
		return nil, false
	}
	re, err := regexp.Compile("^(?:" + s + ")$")
	if err != nil {
		v.fail(regexpHint, "the regular expression cannot be used: %v", err)
		return nil, false
	}
	return re, true
}

// regexpText is a regular expression that compiles by itself.
func (v value) regexpText() (string, bool) {
	s, ok := v.word()
	if !ok {
		return "", false
	}
	if _, err := regexp.Compile(s); err != nil {
		message := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		hint := regexpHint
		if strings.Contains(s, "(?=") || strings.Contains(s, "(?!") || strings.Contains(s, "(?<") {
			hint = "RE2 has no look-around: write several routes instead"
		}
		v.fail(hint, "the regular expression cannot be used: %s", message)
		return "", false
	}
	return s, true
}

func regexText(re *regexp.Regexp) string {
	if re == nil {
		return ""
	}
	return re.String()
}

func (d *draft) checkMatch(h Hygiene) {
	if !d.said["from"].given() {
		d.fail("the public URL, such as https://app.example.com", "from is missing in this route")
	}
	m := d.Match
	d.said["prefix"].checkSpelling(m.Prefix, h)
	d.said["path"].checkSpelling(m.Path, h)
	for _, k := range []struct{ name, path string }{{"prefix", m.Prefix}, {"path", m.Path}} {
		if k.path == "/.pomerium" || strings.HasPrefix(k.path, "/.pomerium/") {
			d.said[k.name].warn("choose another path, or delete the route", "%q is never reached: the proxy answers /.pomerium itself", k.path)
		}
	}
	if v := d.said["prefix"]; v.given() && endsInsideWord(m.Prefix) && m.Path == "" && m.Regex == nil {
		v.l.warnOf(codeInsideWord, v.position(), "write "+m.Prefix+"/ with a second route for the path "+m.Prefix+", or a regex",
			v.name+": %q is a prefix of text: it also opens %s…", m.Prefix, m.Prefix+"abc")
	}
}

// endsInsideWord reports whether more letters could follow the prefix in one
// segment of a path.
func endsInsideWord(prefix string) bool {
	return prefix != "" && prefix != "/" && !strings.HasSuffix(prefix, "/")
}
