package oktatest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// EOF closes the connection before a byte of the answer.
func EOF() Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { breakOff(w, false) }
}

// Reset breaks the connection with a TCP reset.
func Reset() Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { breakOff(w, true) }
}

func breakOff(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if under, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = under.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	raw.Close()
}

// ServerError answers 500 E0000009.
func ServerError() Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { errInternal.write(w) }
}

// Status answers with a bare status and body.
func Status(code int, contentType, body string) Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// HTML answers 200 with a page, as a captive portal or an outage page does.
func HTML() Act {
	return Status(http.StatusOK, "text/html; charset=utf-8", "<!doctype html><title>Down for maintenance</title>")
}

// OAuthError answers 400 with an OAuth error body.
func OAuthError(status int, code, description string) Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		oauthError{status, code, description}.write(w)
	}
}

// TooManyRequests answers 429 E0000047 as a bucket that is empty for another
// wait: X-Rate-Limit-Reset is the answer's Date plus wait.
func TooManyRequests(wait time.Duration) Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		date, err := http.ParseTime(w.Header().Get("Date"))
		if err != nil {
			date = time.Now()
		}
		writeLimit(w, limitState{limit: 100, reset: date.Add(wait)})
		errTooMany.write(w)
	}
}

// TooManyConcurrent answers 429 as the org's limit of concurrent requests does:
// limit and remaining are 0.
func TooManyConcurrent() Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		date, err := http.ParseTime(w.Header().Get("Date"))
		if err != nil {
			date = time.Now()
		}
		writeLimit(w, limitState{reset: date})
		errTooMany.write(w)
	}
}

// TooManyGrants is the trap: past four token requests a second for one user, Okta
// answers 429 with the OAuth error "invalid_grant", which revokes nothing.
func TooManyGrants() Act {
	return OAuthError(http.StatusTooManyRequests, "invalid_grant", errTooMany.Summary)
}

// Slow answers as usual, d later.
func Slow(d time.Duration) Act {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case <-time.After(d):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// Hang never answers; it ends when the client goes or the Okta closes.
func Hang() Act {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Truncate sends n bytes of the usual body under its full Content-Length, then
// closes the connection.
func Truncate(n int) Act {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(r, next)
		a.header.Set("Content-Length", strconv.Itoa(a.body.Len()))
		a.copyHead(w)
		w.Write(a.body.Bytes()[:min(n, a.body.Len())])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Huge answers 200 with a JSON string of n bytes, not saying how long it is.
func Huge(n int) Act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		chunk := bytes.Repeat([]byte("a"), 32<<10)
		io.WriteString(w, `{"huge":"`)
		for left := n; left > 0; left -= len(chunk) {
			if _, err := w.Write(chunk[:min(left, len(chunk))]); err != nil {
				return
			}
		}
		io.WriteString(w, `"}`)
	}
}

// Redirect answers 307 to another address, which asks the client to send the
// same body, secrets included, there.
func Redirect(to string) Act {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}
