package config

import (
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

var rewriteKeys = []key[draft]{
	custom("prefix_rewrite", "path", func(d *draft, v value) {
		d.Rewrite.Prefix, d.Rewrite.HasPrefix = v.rewritePrefix()
	}, "Puts this in place of the matched prefix towards the upstream."),
	custom("regex_rewrite_pattern", regexKind.name, func(d *draft, v value) { d.Rewrite.Regex = v.regexp() },
		"What to replace in the path towards the upstream, with `regex_rewrite_substitution`."),
	custom("regex_rewrite_substitution", "text", func(d *draft, v value) { d.Rewrite.Substitution, _ = v.text() },
		`What to put there; \1 is the first group.`),
	works("preserve_host_header", boolKind, func(d *draft) *bool { return &d.Host.Preserve },
		"Sends the upstream the Host that the client sent.").def("false"),
	custom("host_rewrite", "text", func(d *draft, v value) {
		if s := v.redirectHost(); s != "" {
			d.Host.Literal = s
		}
	}, "Sends the upstream this Host."),
	custom("host_rewrite_header", "header", func(d *draft, v value) {
		const hint = "to send the host that the client asked for, write preserve_host_header: true"
		if v.n.ShortTag() == "!!bool" {
			v.expected("the name of a header", hint)
			return
		}
		s, ok := v.word()
		if ok && !httpguts.ValidHeaderFieldName(s) {
			v.expected("the name of a header", hint)
		}
		d.Host.FromHeader = s
	}, "Sends the upstream what this header of the request holds as Host."),
	custom("host_path_regex_rewrite_pattern", regexKind.name, func(d *draft, v value) { d.Host.PathRegex = v.regexp() },
		"Makes the Host of the path, with `host_path_regex_rewrite_substitution`."),
	custom("host_path_regex_rewrite_substitution", "text", func(d *draft, v value) { d.Host.PathSubstitution, _ = v.text() },
		`What the Host is; \1 is the first group.`),
}

func (v value) rewritePrefix() (string, bool) {
	s, ok := v.word()
	if ok && (!strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?#")) {
		v.expected("a path that begins with /", "")
		return "", false
	}
	return s, ok
}

// regexp is a regular expression that may match any part.
func (v value) regexp() *regexp.Regexp {
	s, ok := v.regexpText()
	if !ok {
		return nil
	}
	return regexp.MustCompile(s)
}

// substitution turns RE2's form, where \1 is a group, into Go's, where ${1} is.
func (v value) substitution(s string, groups int) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$':
			out.WriteString("$$")
		case s[i] != '\\':
			out.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			out.WriteByte('\\')
			i++
		case i+1 < len(s) && '0' <= s[i+1] && s[i+1] <= '9':
			i++
			if n := int(s[i] - '0'); n > groups {
				v.fail("put what it stands for in parentheses in the pattern", "\\%d is asked for, groups in the pattern: %d", n, groups)
			}
			out.WriteString("${" + strconv.Itoa(int(s[i]-'0')) + "}")
		default:
			v.fail(`\1 is the first group, \\ a backslash`, "unexpected backslash")
			return ""
		}
	}
	return out.String()
}

// checkRewrite refuses rewrites that exclude each other.
func (d *draft) checkRewrite(*globals) {
	d.together("regex_rewrite_pattern", "regex_rewrite_substitution")
	d.together("host_path_regex_rewrite_pattern", "host_path_regex_rewrite_substitution")
	d.apart("prefix_rewrite", "regex_rewrite_pattern")
	d.apart("preserve_host_header", "host_rewrite", "host_rewrite_header", "host_path_regex_rewrite_pattern")
	if v := d.said["regex_rewrite_substitution"]; v.given() && d.Rewrite.Regex != nil {
		d.Rewrite.Substitution = v.substitution(d.Rewrite.Substitution, d.Rewrite.Regex.NumSubexp())
	}
	if v := d.said["host_path_regex_rewrite_substitution"]; v.given() && d.Host.PathRegex != nil {
		d.Host.PathSubstitution = v.substitution(d.Host.PathSubstitution, d.Host.PathRegex.NumSubexp())
	}
	if len(d.To) > 0 {
		return
	}
	for _, name := range []string{"prefix_rewrite", "regex_rewrite_pattern", "preserve_host_header", "host_rewrite", "set_request_headers", "pass_identity_headers", "tls_skip_verify"} {
		if v := d.said[name]; v.given() && !d.said["to"].given() {
			v.warn("delete it, or give the route an upstream (to)", "has no effect without an upstream")
		}
	}
}

// together reports one of two keys that was given without the other.
func (d *draft) together(a, b string) {
	switch x, y := d.said[a], d.said[b]; {
	case x.given() && !y.given():
		x.fail("give both, or neither", "given without %s", b)
	case y.given() && !x.given():
		y.fail("give both, or neither", "given without %s", a)
	}
}

// apart reports keys that were given together and say different things.
func (d *draft) apart(names ...string) {
	first := ""
	for _, name := range names {
		v := d.said[name]
		if !v.given() || strings.EqualFold(v.n.Value, "false") {
			continue
		}
		if first != "" {
			v.fail("keep one of them", "given beside %s", first)
			continue
		}
		first = name
	}
}
