package proxy

import (
	"crypto/sha1" // #nosec G505 -- RFC 6455 4.2.2 demands it; nothing is protected by it
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"sallyport/internal/weberr"
)

// closeGrace is how long a client may take to read why its WebSocket ends.
const closeGrace = 2 * time.Second

var errSwitch = errors.New("the upstream switched protocols without being asked")

// checkUpgrade lets only those protocols through that the route allows, one at
// a time, in a request that can do nothing else.
func (x *exchange) checkUpgrade() error {
	if len(x.r.Header["Upgrade"]) == 0 {
		return nil
	}
	err := x.takeUpgrade(x.r.Header["Upgrade"])
	if err != nil && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close") // what follows may be meant for the other protocol
	}
	return err
}

func (x *exchange) takeUpgrade(values []string) error {
	token := strings.ToLower(strings.TrimSpace(values[0]))
	if len(values) > 1 || !slices.Contains(x.plan.upgrades, token) {
		return upgradeRefused(http.StatusForbidden, fmt.Errorf("upgrade to %q is not allowed on this route", values))
	}
	if x.r.ProtoMajor != 1 || x.r.ProtoMinor != 1 || !httpguts.HeaderValuesContainsToken(x.r.Header["Connection"], "upgrade") {
		return upgradeRefused(http.StatusBadRequest, errors.New("upgrade without a connection that could be"))
	}
	if x.r.ContentLength != 0 && token == "websocket" {
		return upgradeRefused(http.StatusBadRequest, errors.New("upgrade with a body"))
	}
	if token == "websocket" && !isHandshake(x.r) {
		return upgradeRefused(http.StatusBadRequest, errors.New("no WebSocket handshake of version 13"))
	}
	x.upgrade = token
	return nil
}

// checkOrigin keeps pages of other origins from opening a connection with
// somebody's cookies: no preflight comes before it, and same-site pages send
// cookies whatever SameSite says. Browsers always send Origin there; clients
// without one send no cookie that somebody else's page could ride on. What
// nobody is needed for is open to every page.
func (x *exchange) checkOrigin() error {
	origins := x.r.Header["Origin"]
	if x.upgrade == "" || x.session == nil || len(origins) == 0 {
		return nil
	}
	if len(origins) == 1 && x.isOwnOrigin(origins[0]) || x.listedOrigin() != "" {
		return nil
	}
	x.w.Header().Set("Connection", "close")
	return upgradeRefused(http.StatusForbidden, fmt.Errorf("upgrade with a session from origin %q, which the route does not list", origins))
}

// isOwnOrigin compares an origin with that of the page that people see here.
func (x *exchange) isOwnOrigin(origin string) bool {
	scheme, authority, _ := strings.Cut(origin, "://")
	host, clean := CleanHost(authority)
	if !clean || scheme != x.publicScheme() {
		return false
	}
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return strings.TrimSuffix(host, port) == strings.TrimSuffix(x.host, port)
}

func upgradeRefused(status int, err error) *weberr.Error {
	return &weberr.Error{
		Status: status, Code: "upgrade-refused", Title: "Protocol not allowed",
		Message: "This address does not speak the protocol that was asked for.",
		Next:    "If it should, tell the people who run this application.", Err: err,
	}
}

// isHandshake checks what RFC 6455 4.1 demands of a client, so that no upstream
// is led to answer a half-made one in a way of its own.
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Header.Get("Sec-Websocket-Key")))
	return r.Method == http.MethodGet && err == nil && len(key) == 16 &&
		len(r.Header["Sec-Websocket-Key"]) == 1 && r.Header.Get("Sec-Websocket-Version") == "13"
}

// checkSwitch believes a 101 only if it answers what was asked.
func (x *exchange) checkSwitch(res *http.Response) error {
	if x.upgrade == "" || !strings.EqualFold(strings.TrimSpace(res.Header.Get("Upgrade")), x.upgrade) {
		return errSwitch
	}
	if x.upgrade == "websocket" && res.Header.Get("Sec-Websocket-Accept") != accept(x.r.Header.Get("Sec-Websocket-Key")) {
		return fmt.Errorf("%w: wrong Sec-WebSocket-Accept", errSwitch)
	}
	return nil
}

func accept(key string) string {
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // #nosec G401
	return base64.StdEncoding.EncodeToString(sum[:])
}
