package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// DefaultAccessFields are the access_log_fields of a configuration that names
// none: Pomerium's.
var DefaultAccessFields = []string{
	"authority", "duration", "forwarded-for", "ip", "method", "path", "referer", "request-id",
	"response-code", "response-code-details", "size", "upstream-cluster", "user-agent",
}

// Access is the record of one request: made when it arrives, filled on the way,
// written once at the end. A nil Access takes and gives nothing, so that no
// handler has to ask whether there is one.
type Access struct {
	mu       sync.Mutex
	route    string
	upstream string
	email    string
	subject  string
	session  string
	detail   string
	effect   string

	certificate string
}

type accessKey struct{}

// WithAccess returns ctx carrying a fresh record.
func WithAccess(ctx context.Context) (context.Context, *Access) {
	a := new(Access)
	return context.WithValue(ctx, accessKey{}, a), a
}

// AccessFrom returns the record of the request, nil if there is none.
func AccessFrom(ctx context.Context) *Access {
	a, _ := ctx.Value(accessKey{}).(*Access)
	return a
}

func (a *Access) set(f func()) {
	if a == nil {
		return
	}
	a.mu.Lock()
	f()
	a.mu.Unlock()
}

// SetRoute names the route by id or name, never by path.
func (a *Access) SetRoute(id string) { a.set(func() { a.route = id }) }

// SetUser names who asked.
func (a *Access) SetUser(email, subject string) {
	a.set(func() { a.email, a.subject = email, subject })
}

// SetSession names the session by a short fingerprint, see SessionLabel.
func (a *Access) SetSession(id string) { a.set(func() { a.session = SessionLabel(id) }) }

// SetUpstream names who answered.
func (a *Access) SetUpstream(name string) { a.set(func() { a.upstream = name }) }

// SetDetail says in a word why the answer is what it is.
func (a *Access) SetDetail(detail string) { a.set(func() { a.detail = detail }) }

// SetEffect is the decision's effect.
func (a *Access) SetEffect(effect string) { a.set(func() { a.effect = effect }) }

// SetCertificate names the client certificate by its fingerprint; "" is none.
func (a *Access) SetCertificate(fingerprint string) { a.set(func() { a.certificate = fingerprint }) }

// Route returns what SetRoute set, "none" before.
func (a *Access) Route() string {
	if a == nil {
		return "none"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.route == "" {
		return "none"
	}
	return a.route
}

// Finished is what is known of a request once it has been answered.
type Finished struct {
	Request   *http.Request // as it arrived
	RequestID string
	IP        string
	Status    int
	Bytes     int64
	Duration  time.Duration
}

// Log writes the record with the fields asked for.
func (a *Access) Log(log *slog.Logger, fields []string, f Finished) {
	if a == nil || !log.Enabled(f.Request.Context(), slog.LevelInfo) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	attrs := make([]slog.Attr, 0, len(fields)+4)
	attrs = append(attrs, slog.String("service", "proxy"))
	for _, name := range fields {
		if attr, ok := a.field(name, f); ok {
			attrs = append(attrs, attr)
		}
	}
	log.LogAttrs(f.Request.Context(), slog.LevelInfo, "http-request", attrs...)
}

func (a *Access) field(name string, f Finished) (slog.Attr, bool) {
	r := f.Request
	switch name {
	case "authority":
		return slog.String(name, bounded(r.Host, maxText)), true
	case "duration":
		return slog.Float64(name, float64(f.Duration.Microseconds())/1000), true
	case "forwarded-for":
		return slog.String(name, bounded(strings.Join(r.Header.Values("X-Forwarded-For"), ", "), maxText)), true
	case "ip":
		return slog.String(name, f.IP), true
	case "method":
		return slog.String(name, bounded(r.Method, maxText)), true
	case "path":
		return slog.String(name, bounded(r.URL.Path, maxPath)), true
	case "query":
		return slog.String(name, bounded(CleanQuery(r.URL.RawQuery), maxPath)), true
	case "referer":
		return slog.String(name, bounded(cleanReferer(r.Referer()), maxText)), true
	case "request-id":
		return slog.String(name, f.RequestID), true
	case "response-code":
		return slog.Int(name, f.Status), true
	case "response-code-details":
		return slog.String(name, a.detail), true
	case "size":
		return slog.Int64(name, f.Bytes), true
	case "upstream-cluster":
		return slog.String(name, a.upstream), true
	case "cluster-stat-name", "route-id":
		return slog.String(name, a.route), true
	case "user-agent":
		return slog.String(name, bounded(r.UserAgent(), maxText)), true
	case "email":
		return slog.String(name, a.email), true
	case "user":
		return slog.String(name, a.subject), true
	case "session-id":
		return slog.String(name, a.session), true
	case "client-certificate":
		return slog.String(name, a.certificate), true
	case "effect":
		return slog.String(name, a.effect), true
	}
	if header, ok := strings.CutPrefix(name, "headers."); ok {
		return slog.String(name, bounded(CleanHeader(header, r.Header.Get(header)), maxText)), true
	}
	return slog.Attr{}, false
}

// cleanReferer drops query and fragment, where tokens travel.
func cleanReferer(ref string) string {
	u, err := url.Parse(ref)
	if ref == "" || err != nil {
		return ""
	}
	u.RawQuery, u.Fragment, u.User = "", "", nil
	return u.String()
}

// maxPath bounds a path or query in a record, maxText whatever else a client says:
// it may send 64 KB in a header, of which JSON makes up to six times as much.
const (
	maxPath = 4 << 10
	maxText = 1 << 10
)

// bounded cuts a text that is too long for a record, and says so.
func bounded(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s... (%d bytes)", strings.ToValidUTF8(text[:most], ""), len(text))
}
