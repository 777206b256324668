package proxy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sallyport/identity"
	"sallyport/session"
)

const (
	// maxClaimHeader bounds the value of one identity header, in bytes.
	maxClaimHeader = 8 << 10
	// maxGroupBytes bounds the names and ids of groups in an assertion, so that it
	// fits the header limits of common servers.
	maxGroupBytes = 8 << 10
	// issuerURI is jwt_issuer_format: uri.
	issuerURI = "uri"
)

// facts are what is told of who is signed in: the directory's word where there
// is one, else the identity provider's.
type facts struct {
	id, email, name, sid string
	groups               []string // ids, then names
	claims               identity.Claims
	profile              map[string][]string // of the directory
}

// factsOf gathers what assertions speak of. p is nil without a directory.
func factsOf(s *session.Session, p *identity.Person) facts {
	f := facts{id: s.Subject.ID, email: s.Subject.Email, name: s.Subject.Name, sid: s.ID, claims: s.Subject.Claims}
	if p == nil {
		f.groups = texts(s.Subject.Claims["groups"])
		return f
	}
	if f.profile = p.Profile; f.profile == nil {
		f.profile = map[string][]string{}
	}
	if p.Email != "" {
		f.email = p.Email
	}
	if p.Name != "" {
		f.name = p.Name
	}
	for _, g := range p.Groups {
		f.groups = append(f.groups, g.ID)
	}
	for _, g := range p.Groups {
		if !identity.IsGroupID(g.Name) { // upstreams compare ids too
			f.groups = append(f.groups, g.Name)
		}
	}
	return f
}

// base are the claims about the person, without those of the token itself.
func (f facts) base() map[string]any {
	groups, cut := bounded(f.groups, maxGroupBytes)
	m := map[string]any{
		"sub": f.id, "user": f.id, "email": f.email, "name": f.name, "groups": groups, "sid": f.sid,
	}
	if cut {
		m["groups_truncated"] = true
	}
	return m
}

// values are those of one claim as jwt_claims_headers names it.
func (f facts) values(path identity.ClaimPath) []string {
	switch path.String() {
	case "groups":
		return f.groups
	case "email":
		return []string{f.email}
	case "name":
		return []string{f.name}
	case "sub", "user":
		return []string{f.id}
	case "sid":
		return []string{f.sid}
	}
	if attribute, ok := strings.CutPrefix(path.String(), profileClaim); ok && f.profile != nil {
		return f.profile[attribute]
	}
	v, _ := f.claims.Lookup(path)
	return texts(v)
}

// profileClaim begins the names of claims that are attributes of the directory's
// profile.
const profileClaim = "profile/"

// joined is a further claim of the assertion: a single value as it is, a list
// in one text as Pomerium gives it, with commas inside a value percent-encoded.
func (f facts) joined(path identity.ClaimPath) string {
	v, _ := f.claims.Lookup(path)
	if attribute, ok := strings.CutPrefix(path.String(), profileClaim); ok && f.profile != nil {
		v = anys(f.profile[attribute])
	}
	list, many := v.([]any)
	if !many {
		t := text(v)
		return t[:min(len(t), maxClaimHeader)]
	}
	values := texts(list)
	for i, v := range values {
		values[i] = escapeCommas.Replace(v)
	}
	kept, _ := bounded(values, maxClaimHeader)
	return strings.Join(kept, ",")
}

// anys is one value as it is, several as a list, none as nothing.
func anys(values []string) any {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return values[0]
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list
}

var escapeCommas = strings.NewReplacer("%", "%25", ",", "%2C")

// bounded keeps whole values, from the first, while they fit; never nil.
func bounded(values []string, limit int) (kept []string, cut bool) {
	kept = []string{}
	for _, v := range values {
		if limit -= len(v) + 3; limit < 0 {
			return kept, true
		}
		kept = append(kept, v)
	}
	return kept, false
}

// texts are the values of a claim as text: a list gives one each, an object its
// JSON, null nothing.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		all := make([]string, 0, len(v))
		for _, e := range v {
			all = append(all, text(e))
		}
		return all
	case []string:
		return v
	}
	return []string{text(v)}
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	if raw, err := json.Marshal(v); err == nil {
		return string(raw)
	}
	return fmt.Sprint(v)
}

// encodeValues joins values by commas into one header value. What could be
// misread is percent-encoded (RFC 3986): commas and percent signs inside a
// value, controls, blanks at its ends, quotes and everything beyond ASCII, as
// its UTF-8 bytes. Plain values stay as they are. To read: split at ",", then
// percent-decode. Values that do not fit 8 KB are left out, whole, from the end.
func encodeValues(values []string) (encoded string, cut bool) {
	var b strings.Builder
	for i, v := range values {
		e := encodeValue(v)
		if b.Len()+len(e)+1 > maxClaimHeader {
			return b.String(), true
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(e)
	}
	return b.String(), false
}

func encodeValue(v string) string {
	plain := true
	for i := 0; i < len(v) && plain; i++ {
		plain = !mustEncode(v, i)
	}
	if plain {
		return v
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; mustEncode(v, i) {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func mustEncode(v string, i int) bool {
	c := v[i]
	return c < ' ' || c >= 0x7f || c == ',' || c == '%' || c == '"' || c == '\\' ||
		c == ' ' && (i == 0 || i == len(v)-1)
}
