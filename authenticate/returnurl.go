package authenticate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sallyport/store"
)

const (
	// maxReturn is the longest return URL that is kept, maxInlineReturn the
	// longest that travels in a cookie: eight attempts must fit in a header.
	maxReturn       = 8 << 10
	maxInlineReturn = 512
	// maxForeign bounds an address elsewhere, which travels sealed in a form, as
	// long as its JSON is.
	maxForeign = 1 << 10
	// Stored return URLs are bounded per client address and in all, since
	// anybody can make one. Beyond the bound a sign-in ends at the root.
	maxReturnsPerAddress = 16
	maxReturnsInAll      = 4096

	kindReturn store.Kind = "returnurl"
)

// localTarget accepts a path with query that stays on the host it is sent from
// and returns it as it may follow "https://host". No spelling that a browser
// could read as another host, no control or non-ASCII byte, no fragment.
func localTarget(raw string) (string, bool) {
	if raw == "" || len(raw) > maxReturn || raw[0] != '/' {
		return "", false
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '#' {
			return "", false
		}
	}
	if strings.HasPrefix(raw, "//") {
		return "", false
	}
	if _, err := url.ParseRequestURI(raw); err != nil {
		return "", false
	}
	return raw, true
}

// ownTarget accepts what localTarget does, or the same under https://host.
func ownTarget(raw, host string) (string, bool) {
	if rest, ok := strings.CutPrefix(raw, "https://"+host); ok {
		if rest == "" {
			return "/", true
		}
		return localTarget(rest)
	}
	return localTarget(raw)
}

// requestTarget is where the person wanted to go; the root where that cannot be
// said in a redirect.
func requestTarget(r *http.Request) string {
	raw := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		raw += "?" + r.URL.RawQuery
	}
	if target, ok := localTarget(raw); ok {
		return target
	}
	return "/"
}

// foreignTarget accepts an absolute https address on a host for which allowed
// says yes, and returns it with the host in its one spelling.
func foreignTarget(raw string, allowed func(authority string) bool) (string, bool) {
	rest, ok := strings.CutPrefix(raw, "https://")
	if !ok || jsonLength(raw) > maxForeign {
		return "", false
	}
	host, target := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, target = rest[:i], rest[i:]
		if target[0] == '?' {
			target = "/" + target
		}
	}
	name, ok := authority(host)
	if !ok || !allowed(name) {
		return "", false
	}
	if target, ok = localTarget(target); !ok {
		return "", false
	}
	return "https://" + name + target, true
}

// fitsCookie reports whether a return URL may travel in a cookie, as long as its
// JSON is there.
func fitsCookie(target string) bool {
	return jsonLength(target) <= maxInlineReturn-len(`""`)
}

// jsonLength is how long a text is in JSON without its quotes: "&" is six bytes.
func jsonLength(text string) int {
	b, _ := json.Marshal(text) // a text never fails
	return len(b) - len(`""`)
}

// keepReturn puts a long return URL into the store and returns its id; "" where
// the bounds are reached or the store cannot be asked: the sign-in goes on and
// ends at the root.
func (s *Service) keepReturn(ctx context.Context, addr netip.Addr, target string) string {
	prefix := addressKey(addr)
	for _, bound := range []struct {
		prefix string
		most   int
	}{{prefix, maxReturnsPerAddress}, {"", maxReturnsInAll}} {
		n, err := s.o.Store.Count(ctx, kindReturn, bound.prefix)
		if err != nil || n >= bound.most {
			s.metrics.returnsRefused.Inc()
			return ""
		}
	}
	id := prefix + randomText(16)
	rec := store.Record{Kind: kindReturn, Key: id, Value: []byte(target), Expires: s.now().Add(attemptLife)}
	if _, err := s.o.Store.Put(ctx, rec, store.Absent); err != nil {
		return ""
	}
	return id
}

// storedReturn fetches what keepReturn kept. The record is left to expire: the
// back button asks for it again.
func (s *Service) storedReturn(ctx context.Context, id string) string {
	rec, err := s.o.Store.Get(ctx, kindReturn, id)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			s.o.Logger.WarnContext(ctx, "return URL not read", "error", err)
		}
		return "/"
	}
	if target, ok := localTarget(string(rec.Value)); ok {
		return target
	}
	return "/"
}

// addressKey names a client address, or the /64 it is in, without telling it.
func addressKey(addr netip.Addr) string {
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	if p, err := addr.Prefix(bits); err == nil {
		addr = p.Addr()
	}
	sum := sha256.Sum256([]byte(addr.String()))
	return hex.EncodeToString(sum[:8]) + "/"
}

// attemptLife is how long a sign-in may take from its first redirect to its last.
const attemptLife = 10 * time.Minute
