package ui

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sallyport/internal/weberr"
)

// errorGRPC answers with trailers only: HTTP 200 and the status in the headers.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func (p *Renderer) errorGRPC(w http.ResponseWriter, r *http.Request, e *weberr.Error) {
	ours(w, r)
	w.Header().Set("Content-Type", grpcType(r.Header))
	status, message := GRPCStatus(e)
	w.Header().Set("Grpc-Status", status)
	w.Header().Set("Grpc-Message", message)
	w.WriteHeader(http.StatusOK)
}

// trailersFlag marks the frame of a gRPC-web body that holds the trailers.
const trailersFlag = 0x80

// errorGRPCWeb puts the trailers into the body, since scripts in browsers cannot
// read real ones. A -text type is in base64 throughout.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
func (p *Renderer) errorGRPCWeb(w http.ResponseWriter, r *http.Request, e *weberr.Error) {
	kind := grpcType(r.Header)
	body := GRPCWebStatus(kind, e)
	ours(w, r)
	w.Header().Set("Content-Type", kind)
	send(w, r, http.StatusOK, body)
}

// GRPCType is the media type of a gRPC or gRPC-web message that has these headers,
// without parameters; "" for anything else.
func GRPCType(h http.Header) string { return grpcType(h) }

// GRPCStatus is what the trailers Grpc-Status and Grpc-Message say of e.
func GRPCStatus(e *weberr.Error) (status, message string) {
	return strconv.Itoa(grpcStatus(e.HTTPStatus())), grpcError(e)
}

// GRPCWebStatus is the frame that ends a gRPC-web body of that media type.
func GRPCWebStatus(kind string, e *weberr.Error) []byte {
	status, message := GRPCStatus(e)
	trailers := "grpc-status:" + status + "\r\ngrpc-message:" + message + "\r\n"
	body := binary.BigEndian.AppendUint32([]byte{trailersFlag}, uint32(len(trailers)))
	body = append(body, trailers...)
	if strings.HasPrefix(kind, "application/grpc-web-text") {
		body = []byte(base64.StdEncoding.EncodeToString(body))
	}
	return body
}

func grpcError(e *weberr.Error) string { return grpcMessage(titleOf(e) + ": " + clean(e.Message)) }

// grpcStatus maps an HTTP status to a gRPC code. 404 is NOT_FOUND and not the
// UNIMPLEMENTED that clients assume from a bare 404: the route is missing, not
// the method.
func grpcStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return 3 // INVALID_ARGUMENT
	case http.StatusUnauthorized:
		return 16 // UNAUTHENTICATED
	case http.StatusForbidden, weberr.StatusClientCertificate:
		return 7 // PERMISSION_DENIED
	case http.StatusNotFound:
		return 5 // NOT_FOUND
	case http.StatusTooManyRequests:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 14 // UNAVAILABLE
	case weberr.StatusClientGone:
		return 1 // CANCELLED
	}
	if status >= 500 {
		return 13 // INTERNAL
	}
	return 2 // UNKNOWN
}

// grpcMessage percent-encodes what may not stand in a header.
func grpcMessage(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 0x20 && c <= 0x7e && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
