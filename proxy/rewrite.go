package proxy

import (
	"net/http"
	"strings"

	"sallyport/config"
)

// upstreamPath is the encoded path that an upstream is asked for: the one that
// was matched, rewritten as the route says. What comes out is read once more by
// the rules of paths, so that no rewrite can make dot segments of harmless
// pieces ("/a" to "/static/" makes "/static/../x" of "/a../x").
func (g *gate) upstreamPath(r *config.Route, t target, u *upstream) (string, error) {
	path := t.escaped
	switch {
	case r.Rewrite.HasPrefix:
		path = replacePrefix(r.Match, t, r.Rewrite.Prefix)
	case r.Rewrite.Regex != nil:
		path = r.Rewrite.Regex.ReplaceAllString(t.escaped, r.Rewrite.Substitution)
	case u.base != "":
		path = replacePrefix(r.Match, t, u.base)
	default:
		return path, nil
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	rules := g.paths
	rules.normalize = false
	if rules.slashes != slashReject {
		rules.slashes = slashKeep
	}
	clean, err := rules.read(path)
	if err != nil || clean.query != "" || strings.HasSuffix(path, "?") {
		return "", refuse(http.StatusBadRequest, errRewrite)
	}
	return clean.escaped, nil
}

// replacePrefix puts text in the place of the prefix that matched; a route by
// path or regex has matched the whole. One slash stands where both sides have
// one, and where neither has.
func replacePrefix(m config.Match, t target, text string) string {
	if m.Path != "" || m.Regex != nil {
		return text
	}
	rest := t.escaped[escapedLength(t, len(m.Prefix)):]
	switch {
	case rest == "":
		return text
	case strings.HasSuffix(text, "/") && rest[0] == '/':
		return text + rest[1:]
	case !strings.HasSuffix(text, "/") && rest[0] != '/' && strings.HasSuffix(m.Prefix, "/"):
		return text + "/" + rest
	}
	return text + rest
}

// escapedLength is how much of t.escaped spells the first n bytes of t.match.
func escapedLength(t target, n int) int {
	i, m := 0, 0
	for m < n && i < len(t.escaped) {
		if t.escaped[i] != '%' {
			i, m = i+1, m+1
			continue
		}
		if strings.HasPrefix(t.match[m:], t.escaped[i:i+3]) {
			m += 2 // kept escaped in match as well
		}
		i, m = i+3, m+1
	}
	return i
}

// upstreamHost is what the route says about the Host header: "" for the
// upstream's own. What comes from the request must be a host name.
func upstreamHost(r *config.Route, in *http.Request, host, path string) (string, error) {
	rule := r.Host
	switch {
	case rule.Preserve:
		return host, nil
	case rule.Literal != "":
		return rule.Literal, nil
	case rule.FromHeader != "" && in.Header.Get(rule.FromHeader) == "":
		return "", nil
	case rule.FromHeader != "":
		host = in.Header.Get(rule.FromHeader)
	case rule.PathRegex != nil:
		host = rule.PathRegex.ReplaceAllString(path, rule.PathSubstitution)
	default:
		return "", nil
	}
	clean, ok := CleanHost(host)
	if !ok {
		return "", refuse(http.StatusBadRequest, errHost)
	}
	return clean, nil
}
