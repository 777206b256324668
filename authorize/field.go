package authorize

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"sallyport/telemetry"
)

// field is one name of authorize_log_fields.
type field struct {
	name string
	// value returns what to write, and whether there is anything.
	value func(*Record) (slog.Value, bool)
}

// defaultFields are Pomerium's, as far as there is something to say.
var defaultFields = []string{
	"check-request-id", "email", "host", "ip", "method", "path", "request-id", "route-id", "session-id", "user",
}

// silent are names of Pomerium's that are accepted and have nothing to say here:
// there is no Envoy, no impersonation and no groups filter, bodies are not read,
// and tokens are never written down.
var silent = []string{
	"body", "envoy-route-checksum", "envoy-route-id", "id-token", "impersonate-email", "impersonate-session-id",
	"impersonate-user-id", "mcp-method", "mcp-tool", "mcp-tool-parameters", "removed-groups-count", "route-checksum",
	"service-account-id",
}

var fields = map[string]func(*Record) (slog.Value, bool){
	"check-request-id": func(r *Record) (slog.Value, bool) { return text(r.Request.ID) },
	"request-id":       func(r *Record) (slog.Value, bool) { return text(r.Request.ID) },
	"email":            func(r *Record) (slog.Value, bool) { return text(r.Email()) },
	"host":             func(r *Record) (slog.Value, bool) { return text(r.Request.Host) },
	"method":           func(r *Record) (slog.Value, bool) { return text(r.Request.Method) },
	"path":             func(r *Record) (slog.Value, bool) { return text(r.Request.Path) },
	"query":            func(r *Record) (slog.Value, bool) { return text(coverQuery(r.Request.Query)) },
	"route-id":         func(r *Record) (slog.Value, bool) { return text(routeID(r.Route)) },
	"ip": func(r *Record) (slog.Value, bool) {
		return slog.StringValue(r.Request.IP.String()), r.Request.IP.IsValid()
	},
	"cluster-stat-name": func(r *Record) (slog.Value, bool) {
		if r.Route == nil {
			return slog.Value{}, false
		}
		return text(r.Route.Name)
	},
	"session-id": func(r *Record) (slog.Value, bool) {
		if r.Session == nil {
			return slog.Value{}, false
		}
		return text(telemetry.SessionLabel(r.Session.ID))
	},
	"user": func(r *Record) (slog.Value, bool) {
		if r.Session == nil {
			return slog.Value{}, false
		}
		return text(r.Session.Subject.ID)
	},
	"id-token-claims": func(r *Record) (slog.Value, bool) {
		if r.Session == nil {
			return slog.Value{}, false
		}
		return slog.AnyValue(r.Session.Subject.Claims), len(r.Session.Subject.Claims) > 0
	},
	"headers": func(r *Record) (slog.Value, bool) {
		return slog.AnyValue(coverHeader(r.Request.Header)), len(r.Request.Header) > 0
	},
}

// fieldsOf looks the names up; "headers.NAME" is any header.
func fieldsOf(names []string) ([]field, error) {
	if names == nil {
		names = defaultFields
	}
	var out []field
	for _, name := range names {
		header, isHeader := strings.CutPrefix(name, "headers.")
		switch value := fields[name]; {
		case value != nil:
			out = append(out, field{name, value})
		case isHeader && header != "":
			out = append(out, field{name, headerField(header)})
		case !slices.Contains(silent, name):
			return nil, fmt.Errorf("authorize_log_fields: unknown field %q", name)
		}
	}
	return out, nil
}

func headerField(name string) func(*Record) (slog.Value, bool) {
	name = http.CanonicalHeaderKey(name)
	return func(r *Record) (slog.Value, bool) {
		values := r.Request.Header[name]
		if len(values) > 0 && secretName(name) {
			values = []string{covered}
		}
		return text(strings.Join(values, ","))
	}
}

func text(s string) (slog.Value, bool) { return slog.StringValue(s), s != "" }
