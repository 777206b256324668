package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
)

// This file is the language once more, written straight from its description,
// over plain values and without regard to speed or to the code it checks. The
// property tests hold both against each other.

// naiveResult is a truth value with its reasons.
type naiveResult struct {
	value   bool
	reasons map[string]bool
	rule    int // the first rule that made it so
	asks    int // the first rule that asks for a sign-in
}

// naiveDecision is what naiveDecide says.
type naiveDecision struct {
	effect      Effect
	allow, deny naiveResult
	rule        int
}

// naiveShadow makes rules in shadow count.
var naiveShadow bool

// naiveWhole decides with everything there is: a denial that a new sign-in would
// turn into an allow.
func naiveWhole(doc any, in *Input) naiveDecision {
	d := naiveDecide(doc, in)
	if d.effect == Deny && in.Subject != nil && (!d.allow.value || d.deny.value) {
		naiveMet = true
		met := naiveDecide(doc, in)
		naiveMet = false
		if met.effect == Allow {
			d.effect, d.rule = StepUp, met.rule
		}
	}
	return d
}

// naiveDecide decides for a document of maps and lists.
func naiveDecide(doc any, in *Input) naiveDecision {
	objects, isList := doc.([]any)
	if !isList {
		objects = []any{doc}
	}
	var allow, deny []naiveResult
	rule := 0
	for _, o := range objects {
		object := o.(map[string]any)
		for _, effect := range []string{"allow", "deny"} {
			r, ok := object[effect].(map[string]any)
			if !ok {
				continue
			}
			if counts := object["mode"] != "shadow" && r["mode"] != "shadow" || naiveShadow; counts && effect == "allow" {
				allow = append(allow, naiveRule(r, rule, false, in)...)
			} else if counts {
				deny = append(deny, naiveRule(r, rule, true, in)...)
			}
			rule++
		}
	}
	out := naiveDecision{allow: naiveMerge(allow, false), deny: naiveMerge(deny, false), rule: -1}
	switch {
	case out.deny.reasons["client-certificate-required"], out.deny.reasons["invalid-client-certificate"]:
		out.rule = out.deny.rule
		if !out.deny.value {
			out.rule = -1
		}
	case out.allow.reasons["user-unauthenticated"]:
		out.effect, out.rule = Unauthenticated, out.allow.asks
	case out.deny.reasons["user-unauthenticated"]:
		out.effect, out.rule = Unauthenticated, out.deny.asks
	case out.allow.reasons["device-unauthenticated"], out.deny.reasons["device-unauthenticated"]:
		out.rule = -1
		if out.deny.value {
			out.rule = out.deny.rule
		}
	case out.deny.value:
		out.effect, out.rule = Deny, out.deny.rule
	case out.allow.value:
		out.effect, out.rule = Allow, out.allow.rule
	}
	return out
}

// naiveRule evaluates the operator lists of a rule that are not empty.
func naiveRule(rule map[string]any, number int, denies bool, in *Input) []naiveResult {
	var out []naiveResult
	for _, op := range []string{"and", "nor", "not", "or"} {
		list, _ := rule[op].([]any)
		if len(list) == 0 {
			continue
		}
		var members []naiveResult
		for _, item := range list {
			for name, content := range item.(map[string]any) {
				inverts := op == "not" || op == "nor"
				r := naiveCriterion(name, content, in, denies != inverts)
				if inverts {
					r.value = !r.value
				}
				members = append(members, r)
			}
		}
		r := naiveMerge(members, op == "and" || op == "not")
		r.rule, r.asks = number, number
		out = append(out, r)
	}
	return out
}

// naiveMerge joins members by "and" or "or": a true whole keeps the reasons of
// its true members, a false one those of its false members.
func naiveMerge(members []naiveResult, all bool) naiveResult {
	value := all
	for _, m := range members {
		if all {
			value = value && m.value
		} else {
			value = value || m.value
		}
	}
	out := naiveResult{value: value, reasons: map[string]bool{}, rule: -1, asks: -1}
	for _, m := range members {
		if m.value != value {
			continue
		}
		if out.rule < 0 {
			out.rule = m.rule
		}
		for reason := range m.reasons {
			out.reasons[reason] = true
			if reason == "user-unauthenticated" && out.asks < 0 {
				out.asks = m.asks
			}
		}
	}
	return out
}

func naiveReason(value bool, reason string) naiveResult {
	return naiveResult{value: value, reasons: map[string]bool{reason: true}}
}

func naiveEither(value bool, subject string) naiveResult {
	if value {
		return naiveReason(true, subject+"-ok")
	}
	return naiveReason(false, subject+"-unauthorized")
}

// naiveCriterion asks one criterion; against says that it counts against whoever
// asks if it holds.
func naiveCriterion(name string, content any, in *Input, against bool) naiveResult {
	base, path, _ := strings.Cut(name, "/")
	switch base {
	case "accept":
		return naiveReason(true, "accept")
	case "reject":
		return naiveReason(false, "reject")
	case "cors_preflight":
		r := in.Request
		if r.Method == "OPTIONS" && r.Header.Get("Access-Control-Request-Method") != "" && r.Header.Get("Origin") != "" {
			return naiveReason(true, "cors-request")
		}
		return naiveReason(false, "non-cors-request")
	case "http_method":
		return naiveEither(naiveString(in.Request.Method, content, false), "http-method")
	case "http_path":
		return naiveEither(naiveString(in.Request.Path, content, false), "http-path")
	case "source_ip":
		return naiveEither(naiveIP(in.Request.IP, content), "source-ip")
	case "http_header":
		values := in.Request.Header.Values(path)
		return naiveEither((len(values) > 0 || against) && naiveString(strings.Join(values, ", "), content, false), "http-header")
	case "pomerium_routes":
		if strings.HasPrefix(in.Request.Path+"/", "/.pomerium/") {
			return naiveReason(true, "pomerium-route")
		}
		return naiveReason(false, "non-pomerium-route")
	case "mcp_tool":
		switch {
		case in.Request.Tool == nil:
			return naiveReason(false, "mcp-not-a-tool-call")
		case naiveString(*in.Request.Tool, content, false):
			return naiveReason(true, "mcp-tool-match")
		}
		return naiveReason(false, "mcp-tool-no-match")
	case "invalid_client_certificate":
		switch {
		case in.Request.ClientCertificate == nil:
			return naiveReason(true, "client-certificate-required")
		case !in.Request.ClientCertificateTrusted, in.Request.ClientCertificateError != nil:
			return naiveReason(true, "invalid-client-certificate")
		}
		return naiveReason(false, "valid-client-certificate")
	case "client_certificate":
		return naiveEither(in.Request.ClientCertificate != nil && in.Request.ClientCertificateTrusted && in.Request.ClientCertificateError == nil &&
			naiveCertificate(in.Request.ClientCertificate, content.(map[string]any)), "client-certificate")
	case "date", "day_of_week", "time_of_day":
		return naiveEither(naiveTime(base, in.Now, content), strings.ReplaceAll(base, "_", "-"))
	}
	if in.Subject == nil {
		return naiveReason(false, "user-unauthenticated")
	}
	switch base {
	case "authenticated_user":
		return naiveReason(true, "user-ok")
	case "user":
		return naiveEither(in.Subject.ID != "" && naiveString(in.Subject.ID, content, false), "user")
	case "email":
		mail, unclear := naiveMail(in.mailThere())
		suspect, unsure := naiveMail(in.mailUnvouched())
		return naiveEither(against && (unclear || unsure || suspect != "" && naiveString(suspect, content, true)) ||
			(mail != "" || against) && naiveString(mail, content, true), "email")
	case "domain":
		mail, unclear := naiveMail(in.mailThere())
		suspect, unsure := naiveMail(in.mailUnvouched())
		parts := strings.Split(mail, "@")
		_, domain, _ := strings.Cut(suspect, "@")
		return naiveEither(against && (unclear || unsure || suspect != "" && (naiveString("", content, true) || naiveString(domain, content, true))) ||
			len(parts) == 2 && naiveString(parts[1], content, true), "domain")
	case "groups":
		return naiveEither(in.Person != nil && naiveGroups(in, content), "groups")
	case "claim":
		return naiveEither(naiveList(naiveClaim(in.Subject.Claims, path), content), "claim")
	}
	switch base {
	case "app":
		return naiveEither(in.Person != nil && naiveList(anys(in.Person.Apps), content), "app")
	case "profile":
		return naiveEither(in.Person != nil && naiveProfile(in.Person.Profile[path], content), "profile")
	case "user_status":
		return naiveEither(in.Person != nil && naiveString(string(in.Person.Status), content, true), "user-status")
	case "device":
		return naiveReason(false, "device-unauthenticated")
	}
	if naiveMet {
		return naiveReason(true, strings.ReplaceAll(base, "_", "-")+"-ok")
	}
	switch base {
	case "auth_age":
		at := in.Subject.AuthenticatedAt
		most, _ := time.ParseDuration(content.(map[string]any)["max"].(string))
		return naiveEither(!at.IsZero() && !in.Now.After(at.Add(most)), "auth-age")
	case "auth_method":
		return naiveEither(naiveList(anys(in.Subject.Methods), content), "auth-method")
	case "auth_context":
		return naiveEither(in.Subject.Context != "" && naiveString(in.Subject.Context, content, false), "auth-context")
	}
	panic("criterion " + name)
}

// naiveMet makes every criterion hold that a new sign-in can meet. Tests that set
// it do not run in parallel.
var naiveMet bool

func naiveProfile(have []string, content any) bool {
	text := func(v any) any {
		if s, ok := v.(string); ok {
			return s
		}
		return valueOfAny(v).text()
	}
	if operators, ok := content.(map[string]any); ok {
		as := map[string]any{}
		for op, v := range operators {
			as[op] = text(v)
		}
		return naiveList(anys(have), as)
	}
	return naiveList(anys(have), text(content))
}

func valueOfAny(v any) value {
	if n, ok := v.(int); ok {
		v = float64(n)
	}
	return valueOf(v)
}

func naiveCertificate(cert *x509.Certificate, fields map[string]any) bool {
	for field, want := range fields {
		sum := sha256.Sum256(cert.Raw)
		holds := false
		switch field {
		case "fingerprint":
			for _, w := range oneOrMore(want) {
				holds = holds || strings.EqualFold(strings.ReplaceAll(w.(string), ":", ""), hex.EncodeToString(sum[:]))
			}
		case "spki_hash":
			sum = sha256.Sum256(cert.RawSubjectPublicKeyInfo)
			holds = slices.Contains(oneOrMore(want), any(base64.StdEncoding.EncodeToString(sum[:])))
		default:
			names := map[string][]string{"san_email": cert.EmailAddresses, "san_dns": cert.DNSNames}[field]
			if field == "san_uri" {
				for _, u := range cert.URIs {
					names = append(names, u.String())
				}
			}
			operators, ok := want.(map[string]any)
			if !ok {
				operators = map[string]any{"is": want}
			}
			// Two operators may match different names.
			holds = true
			for op, w := range operators {
				one := map[string]any{op: w}
				holds = holds && slices.ContainsFunc(names, func(n string) bool { return naiveString(n, one, false) })
			}
		}
		if !holds {
			return false
		}
	}
	return true
}

func oneOrMore(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// naiveTime knows the few words that the property tests draw.
func naiveTime(name string, now time.Time, content any) bool {
	fields, _ := content.(map[string]any)
	zone := time.UTC
	if name, ok := fields["timezone"].(string); ok {
		zone, _ = time.LoadLocation(name)
	}
	local := now.In(zone)
	switch name {
	case "date":
		for op, v := range fields {
			at, _ := time.Parse(time.RFC3339, v.(string))
			if op == "after" && now.Compare(at) <= 0 || op == "before" && now.Compare(at) >= 0 {
				return false
			}
		}
		return true
	case "day_of_week":
		if fields != nil {
			content = fields["is"]
		}
		return strings.Contains(map[string]string{
			"*": "MonTueWedThuFriSatSun", "mon-fri": "MonTueWedThuFri", "sat,sun": "SatSun", "fri-mon": "FriSatSunMon", "Wednesday": "Wed",
		}[content.(string)], local.Format("Mon"))
	}
	seconds := func(op string, otherwise string) string {
		s, ok := fields[op].(string)
		if !ok {
			return otherwise
		}
		return map[string]string{"9:00": "09:00:00", "4:30PM": "16:30:00", "2:20:00": "02:20:00", "23:59": "23:59:00"}[s]
	}
	after, before, clock := seconds("after", "00:00:00"), seconds("before", "24:00:00"), local.Format("15:04:05")
	if after <= before {
		return after <= clock && clock < before
	}
	return clock >= after || clock < before
}

// mailThere is the e-mail that counts, mailUnvouched one that does not.
func (in *Input) mailThere() string {
	if in.Person != nil {
		return in.Person.Email
	}
	return in.Subject.Email
}

func (in *Input) mailUnvouched() string {
	switch {
	case in.mailThere() != "":
		return ""
	case in.Subject.Email != "":
		return in.Subject.Email
	}
	return in.Subject.UnverifiedEmail
}

// naiveMail is the e-mail if there is exactly one way to read it; unclear if there
// is one and there is not.
func naiveMail(raw string) (mail string, unclear bool) {
	mail = raw
	for _, r := range mail {
		if r == unicode.ReplacementChar || r == '"' || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return "", true
		}
	}
	if len(mail) > 320 {
		return "", true
	}
	switch parts := strings.Split(mail, "@"); len(parts) {
	case 1:
		return mail, false
	case 2:
		if parts[0] != "" && !slices.Contains(strings.Split(parts[1], "."), "") {
			return mail, false
		}
	}
	return "", true
}

// naiveLower lowers letters without making ASCII ones of others.
func naiveLower(s string) string {
	var out []rune
	for _, r := range s {
		if lower := unicode.ToLower(r); r < 128 || lower >= 128 {
			r = lower
		}
		out = append(out, r)
	}
	return string(out)
}

func naiveString(have string, content any, anyCase bool) bool {
	equal := func(want any) bool {
		s, ok := want.(string)
		if !ok {
			return false
		}
		if anyCase {
			s = naiveLower(s)
		}
		return have == s
	}
	text := func(want any) string {
		if anyCase {
			return naiveLower(want.(string))
		}
		return want.(string)
	}
	if anyCase {
		have = naiveLower(have)
	}
	operators, ok := content.(map[string]any)
	if !ok {
		return equal(content)
	}
	for op, want := range operators {
		var holds bool
		switch op {
		case "is":
			holds = equal(want)
		case "not":
			holds = !equal(want)
		case "in":
			holds = slices.ContainsFunc(want.([]any), equal)
		case "not_in":
			holds = !slices.ContainsFunc(want.([]any), equal)
		case "contains":
			holds = strings.Contains(have, text(want))
		case "starts_with":
			holds = strings.HasPrefix(have, text(want))
		case "ends_with":
			holds = strings.HasSuffix(have, text(want))
		default:
			panic("operator " + op)
		}
		if !holds {
			return false
		}
	}
	return true
}

// naiveClaim returns a claim as a list: by its whole name, else level by level,
// else by the names of its levels joined by dots.
func naiveClaim(claims map[string]any, path string) []any {
	v, ok := claims[path]
	if !ok {
		v, ok = naiveLevels(claims, path)
	}
	if !ok {
		v = naiveFlat(claims)[path]
	}
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func naiveLevels(claims map[string]any, path string) (any, bool) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '.' })
	if len(parts) > 5 {
		return nil, false
	}
	var v any = claims
	for _, part := range parts {
		level, _ := v.(map[string]any)
		inner, ok := level[part]
		if !ok {
			return nil, false
		}
		v = inner
	}
	return v, true
}

func naiveFlat(claims map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range claims {
		out[name] = v
		if level, ok := v.(map[string]any); ok {
			for inner, v := range naiveFlat(level) {
				out[name+"."+inner] = v
			}
		}
	}
	return out
}

// naiveEqual compares as JSON does: types must be the same.
func naiveEqual(have, want any) bool {
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	switch have.(type) {
	case string, float64, bool:
		return have == want
	}
	return false
}

func naiveList(have []any, content any) bool {
	has := func(want any) bool {
		return slices.ContainsFunc(have, func(h any) bool { return naiveEqual(h, want) })
	}
	operators, ok := content.(map[string]any)
	if !ok {
		return has(content)
	}
	for op, want := range operators {
		var holds bool
		switch op {
		case "has":
			holds = has(want)
		case "is":
			holds = len(have) == 1 && has(want)
		case "exclude":
			holds = !has(want)
		default:
			panic("operator " + op)
		}
		if !holds {
			return false
		}
	}
	return true
}

// naiveGroups compares group by group: by id or name, never the empty one.
func naiveGroups(in *Input, content any) bool {
	has := func(want any) bool {
		for _, g := range in.Person.Groups {
			if want != "" && (naiveEqual(g.ID, want) || naiveEqual(g.Name, want)) {
				return true
			}
		}
		return false
	}
	operators, ok := content.(map[string]any)
	if !ok {
		operators = map[string]any{"has": content}
	}
	for op, want := range operators {
		holds := has(want)
		switch op {
		case "is":
			holds = holds && len(in.Person.Groups) == 1
		case "exclude":
			holds = !holds
		}
		if !holds {
			return false
		}
	}
	return true
}

// naiveIP asks package net, which knows nothing of zones.
func naiveIP(have netip.Addr, content any) bool {
	networks, ok := content.([]any)
	if !ok {
		networks = []any{content}
	}
	ip := net.ParseIP(have.WithZone("").String())
	if ip == nil {
		return false
	}
	for _, n := range networks {
		if _, network, err := net.ParseCIDR(n.(string)); err == nil && network.Contains(ip) {
			return true
		}
		if net.ParseIP(n.(string)).Equal(ip) {
			return true
		}
	}
	return false
}
