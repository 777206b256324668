package proxy

import (
	"bufio"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/textproto"
	"strings"

	"sallyport/internal/requestid"
	"sallyport/telemetry"
)

// interceptedHeader marks answers of our own; no upstream may claim it.
const interceptedHeader = "X-Pomerium-Intercepted-Response"

// modifyResponse takes from an answer what an upstream must not say and lays on
// it what the configuration says.
func (h *Handler) modifyResponse(res *http.Response) error {
	x := exchangeFrom(res.Request.Context())
	x.afterInterim()
	if res.StatusCode == http.StatusSwitchingProtocols {
		if err := x.checkSwitch(res); err != nil {
			return err
		}
	} else if x.upgrade != "" {
		x.w.Header().Set("Connection", "close") // the client may have sent more than HTTP already
	}
	h.cleanResponse(res.Header)
	if x.isPrivate() && res.StatusCode != http.StatusSwitchingProtocols {
		keepPrivate(res.Header)
	}
	x.rewriteResponse(res.Header)
	lay(res.Header, h.fixed)
	lay(res.Header, x.plan.response)
	x.shareUpstream(res.Header)
	telemetry.AccessFrom(x).SetDetail("via_upstream")

	k := x.kindOf(res)
	if k < kindWebSocket {
		body := res.Body
		if k == kindGRPC {
			body = x.watchCall(res)
		}
		res.Body = &responseBody{ReadCloser: body, x: x, res: res, left: res.ContentLength}
	} else if err := x.switchTo(res, k); err != nil {
		return err
	}
	x.answered(k)
	if k != kindRequest {
		h.o.Streams.become(x.stream, k)
	}
	return nil
}

// kindOf says what the exchange turned out to be.
func (x *exchange) kindOf(res *http.Response) kind {
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols && x.upgrade == "websocket":
		return kindWebSocket
	case res.StatusCode == http.StatusSwitchingProtocols:
		return kindUpgrade
	case x.isGRPC():
		return kindGRPC
	}
	if t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); t == "text/event-stream" {
		return kindEvents
	}
	return kindRequest
}

// afterInterim lays on the answer once more what stood there before the upstream
// was asked: ReverseProxy clears all of it with every interim answer.
func (x *exchange) afterInterim() {
	if !x.interim.Load() {
		return
	}
	if id := requestid.From(x.r.Context()); id != "" {
		x.w.Header()[requestid.Header] = []string{id}
	}
	if isLast(x.r) {
		x.w.Header().Set("Connection", "close")
	}
}

// cleanResponse drops cookies of our names, orders to forget them, our mark, and
// what speaks for the upstream's own port.
func (h *Handler) cleanResponse(header http.Header) {
	h.cleanSetCookie(header)
	cleanClearSiteData(header)
	delete(header, interceptedHeader)
	delete(header, "Alt-Svc")
	delete(header, "X-Request-Id") // the server has set the one that finds the log
}

// cleanClearSiteData takes "cookies" from what a browser is told to forget: it
// would forget those of every host of the same registrable domain, ours among
// them. An application ends its own cookies by Set-Cookie.
func cleanClearSiteData(header http.Header) {
	values := header["Clear-Site-Data"]
	if len(values) == 0 {
		return
	}
	var kept []string
	for directive := range strings.SplitSeq(strings.Join(values, ","), ",") {
		switch directive = strings.TrimSpace(directive); directive {
		case `"cache"`, `"storage"`, `"clientHints"`, `"executionContexts"`, `"prefetchCache"`, `"prerenderCache"`:
			kept = append(kept, directive)
		case `"*"`:
			kept = append(kept, `"cache"`, `"storage"`)
		}
	}
	if len(kept) == 0 {
		delete(header, "Clear-Site-Data")
		return
	}
	header["Clear-Site-Data"] = []string{strings.Join(kept, ", ")}
}

// cleanSetCookie drops every Set-Cookie that would make or end a cookie of ours.
func (h *Handler) cleanSetCookie(header http.Header) {
	values := header["Set-Cookie"]
	kept := values[:0:0]
	for _, v := range values {
		pair, _, _ := strings.Cut(v, ";")
		if !h.o.Authenticator.Owns(cookieName(pair)) {
			kept = append(kept, v)
		}
	}
	if len(kept) == len(values) {
		return
	}
	if len(kept) == 0 {
		delete(header, "Set-Cookie")
		return
	}
	header["Set-Cookie"] = kept
}

// rewriteResponse replaces prefixes of header values, as
// rewrite_response_headers says.
func (x *exchange) rewriteResponse(header http.Header) {
	for _, rule := range x.plan.rewrite {
		values := header[textproto.CanonicalMIMEHeaderKey(rule.Header)]
		for i, v := range values {
			if rest, ok := strings.CutPrefix(v, rule.Prefix); ok {
				values[i] = rule.Value + rest
			}
		}
	}
}

// answer is the client's side as ReverseProxy sees it: interim answers are
// cleaned as final ones, and a connection that leaves HTTP stays within reach.
type answer struct {
	http.ResponseWriter
	x *exchange
}

// Unwrap lets http.ResponseController reach the server's writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader passes on 103 and the like without what an upstream must not say.
func (a *answer) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		a.x.h.cleanResponse(a.Header())
		a.x.interim.Store(true)
	}
	a.ResponseWriter.WriteHeader(status)
}

// Hijack remembers the connection, so that it can be bounded when it is cut.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("switch protocols: %w", err)
	}
	a.x.hijacked(conn)
	return conn, rw, nil
}
