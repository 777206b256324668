package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

var answerKeys = []key[draft]{
	works("answers", enum("auto", "page", "json", "kubernetes"), func(d *draft) *string { return &d.Answers },
		"In which form the proxy itself answers, when nobody is signed in, somebody is denied or the upstream is down. auto: as the client shows itself to be; page: sign-in redirects and pages, also for clients that do not ask for HTML; json: a status and JSON, never a redirect; kubernetes: a Status object. gRPC, WebSockets and scripts are never redirected.").def("auto").ours(),
	custom("cors", "mapping", func(d *draft, v value) {
		if entries, ok := v.pairs(); ok {
			decode(v.l, corsTable, &d.CORS, entries)
		}
	}, "Which scripts of other origins may use the route, with cookies.").ours().sub(corsTable.list()),
	custom("maintenance", "mapping", func(d *draft, v value) {
		if entries, ok := v.pairs(); ok {
			d.Maintenance = new(Maintenance)
			decode(v.l, maintenanceTable, d.Maintenance, entries)
		}
	}, "Answers everybody who may pass with 503 in place of the upstream.").ours().sub(maintenanceTable.list()),
}

var corsTable = newTable("cors", nil, []key[CORS]{
	custom("allow_origins", "list of origins", func(c *CORS, v value) { c.AllowOrigins = v.origins() },
		"Origins such as https://app.example.com. Their preflights are answered without a sign-in, and they can read every answer, the proxy's own 401 and 403 included, and open WebSockets. What an upstream says about origins itself is left alone."),
})

var maintenanceTable = newTable("maintenance", nil, []key[Maintenance]{
	works("message", textKind, func(m *Maintenance) *string { return &m.Message }, "What people read.").unset("that the application is away for maintenance"),
	works("retry_after", positiveKind, func(m *Maintenance) *time.Duration { return &m.RetryAfter }, "When trying again makes sense.").unset("nothing is said"),
})

// origins are those of scripts, one by one: any origin, with the cookies of
// whoever is signed in, would be everybody's.
func (v value) origins() []string {
	items, _ := v.list()
	var out []string
	for _, item := range items {
		if o, ok := item.origin(); ok && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

func (v value) origin() (string, bool) {
	const form = "an origin such as https://app.example.com"
	s, ok := v.word()
	if !ok {
		return "", false
	}
	if s == "null" || strings.Contains(s, "*") {
		v.fail("name each origin", "expected %s, got %s, which stands for anybody's pages", form, shortQuote(s))
		return "", false
	}
	u, ok := v.webURL()
	if !ok {
		return "", false
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery {
		v.expected(form, "an origin is scheme, host and port, without a path")
		return "", false
	}
	if u.Scheme == "http" && !isLoopback(host) {
		v.warn("write https://", "whoever is on the network between can put scripts into pages of %s", shortQuote(s))
	}
	return u.Scheme + "://" + joinPort(host, u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme]), true
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
