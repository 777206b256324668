package ui

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// form is the shape of an answer that a client can use.
type form uint8

const (
	formJSON form = iota
	formPage
	formGRPC
	formGRPCWeb
	formKubernetes
)

// formOf decides the form of an error. New kinds of client get a form here and
// a writer in writers (error.go).
func formOf(r *http.Request) form {
	switch kind := grpcType(r.Header); {
	case strings.HasPrefix(kind, "application/grpc-web"):
		return formGRPCWeb
	case kind != "":
		return formGRPC
	case wantsPage(r):
		return formPage
	case isKubernetes(r):
		return formKubernetes
	}
	return formJSON
}

// The forms that a route may ask for whatever its clients look like.
const (
	answersPage       = "page"
	answersJSON       = "json"
	answersKubernetes = "kubernetes"
)

type answersKey struct{}

// Prefer makes answers to r take the form that its route asks for: "page",
// "json" or "kubernetes". Anything else leaves it to what the client shows.
// gRPC is recognised for certain and stays gRPC.
func Prefer(r *http.Request, answers string) *http.Request {
	switch answers {
	case answersPage, answersJSON, answersKubernetes:
		return r.WithContext(context.WithValue(r.Context(), answersKey{}, answers))
	}
	return r
}

func preference(r *http.Request) string {
	answers, _ := r.Context().Value(answersKey{}).(string)
	return answers
}

// IsNavigation reports whether a person's browser is on its way to a page, so
// that a redirect to sign-in leads somewhere. Scripts, sub-resources, prefetches,
// WebSockets and gRPC never are, nor is anything but GET and HEAD: a redirect
// would lose what was sent.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	// A prefetched redirect would begin a sign-in that nobody asked for; the
	// browser discards an error and asks again when the link is followed.
	if strings.Contains(strings.ToLower(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose")), "prefetch") {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		if mode != "navigate" {
			return false
		}
		switch r.Header.Get("Sec-Fetch-Dest") {
		case "", "document", "iframe", "frame":
		default: // object and embed show no page to sign in on
			return false
		}
	}
	return wantsPage(r)
}

// wantsPage reports whether a page is the answer to read: for navigations of
// any method, and for clients without Sec-Fetch headers that prefer HTML or
// whose route says that they do.
func wantsPage(r *http.Request) bool {
	answers := preference(r)
	if isGRPC(r) || r.Header.Get("Upgrade") != "" || isScript(r) || answers == answersJSON || answers == answersKubernetes {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Mode") {
	case "":
		return r.Method != http.MethodConnect && (answers == answersPage || prefersHTML(r.Header.Values("Accept")))
	case "navigate":
		return true
	}
	return false
}

// isKubernetes recognises kubectl and programs made with a client library of the
// Kubernetes API, by what they call themselves or by the kinds they ask for.
// Probes of a kubelet ("kube-probe/1.31") look at the status alone.
func isKubernetes(r *http.Request) bool {
	switch preference(r) {
	case answersKubernetes:
		return true
	case answersJSON:
		return false
	}
	agent := strings.ToLower(r.UserAgent())
	for _, name := range []string{"kubectl/", "kubernetes/", "kubernetes-client/", "kubernetes java client/"} {
		if strings.Contains(agent, name) {
			return true
		}
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return strings.Contains(accept, "g=meta.k8s.io") || strings.Contains(accept, "application/vnd.kubernetes.protobuf")
}

func isScript(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest")
}

// isGRPC covers gRPC and gRPC-web with any message format.
func isGRPC(r *http.Request) bool { return grpcType(r.Header) != "" }

// grpcType is the media type of a gRPC message without its parameters, "" for
// any other message; "application/grpcx" is another.
func grpcType(h http.Header) string {
	kind, _, _ := strings.Cut(strings.ToLower(h.Get("Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	base, format, _ := strings.Cut(kind, "+")
	switch base {
	case "application/grpc", "application/grpc-web", "application/grpc-web-text":
		if format == "" || isToken(format) {
			return kind
		}
	}
	return ""
}

func isToken(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) < 0
}

// prefersHTML reports whether HTML is named and no other kind of answer that
// we have is liked better. "*/*" alone, as curl sends it, does not name HTML.
func prefersHTML(accept []string) bool {
	var html, json float64
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, params, _ := strings.Cut(part, ";")
		q := quality(params)
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "text/html", "application/xhtml+xml":
			html = max(html, q)
		case "application/json", "application/problem+json":
			json = max(json, q)
		}
	}
	return html > 0 && html >= json
}

func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
			return 0
		}
	}
	return 1
}
