package ui

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"sallyport/internal/weberr"
)

// A real gRPC client, over HTTP/2 and TLS, understands each refusal.
func TestGRPCClientsReadAStatus(t *testing.T) {
	p := newRenderer(t)
	var answer *weberr.Error
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Error(w, r, answer) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	conn, err := grpc.NewClient(srv.Listener.Addr().String(),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	for _, tt := range []struct {
		err     *weberr.Error
		code    codes.Code
		message string
	}{
		{weberr.SignInNeeded("api.example.com", "/in"), codes.Unauthenticated, "Sign-in needed: Nobody is signed in to api.example.com, or the session has ended."},
		{&weberr.Error{Status: 403, Title: "Zugriff verweigert – 100 %", Message: "für ä\r\nX: y"}, codes.PermissionDenied, "Zugriff verweigert – 100 %: für ä� X: y"},
		{weberr.NotFound("x"), codes.NotFound, "Nothing here: No application is published at this address on x."},
		{weberr.UpstreamUnreachable("x", nil), codes.Unavailable, "The application does not answer: You are allowed in, but the application behind x could not be reached."},
		{weberr.ProviderUnavailable(time.Second, nil), codes.Unavailable, "Sign-in is unavailable: The service that signs people in cannot be reached at the moment. Anyone who is already signed in can carry on."},
		{weberr.Internal(nil), codes.Internal, "Something went wrong: The request could not be completed because of a fault on our side."},
		{weberr.BadRequest("m", nil), codes.InvalidArgument, "Bad request: m"},
	} {
		answer = tt.err
		err := conn.Invoke(context.Background(), "/echo.Echo/Say", &emptypb.Empty{}, &emptypb.Empty{})
		got := status.Convert(err)
		if got.Code() != tt.code || got.Message() != tt.message {
			t.Errorf("%s: got %v %q, want %v %q", tt.err.Code, got.Code(), got.Message(), tt.code, tt.message)
		}
	}
}

func TestGRPCAnswerIsTrailersOnly(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "application/grpc+proto; x=<y>")
	w := httptest.NewRecorder()
	newRenderer(t).Error(w, r, weberr.Denied("x", ""))
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("answer = %d with %d bytes, want 200 and none", w.Code, w.Body.Len())
	}
	for header, want := range map[string]string{
		"Content-Type": "application/grpc+proto", "Grpc-Status": "7", "X-Pomerium-Intercepted-Response": "true", "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
}

// The trailers of gRPC-web are a frame of the body: a flag, a length, lines.
func TestGRPCWebClientsReadATrailersFrame(t *testing.T) {
	const lines = "grpc-status:7\r\ngrpc-message:Access denied: You are not allowed to open x.\r\n"
	frame := append([]byte{0x80, 0, 0, 0, byte(len(lines))}, lines...)
	for kind, want := range map[string]string{
		"application/grpc-web":                    string(frame),
		"application/grpc-web+proto; x=<y>":       string(frame),
		"application/grpc-web-text+proto":         base64.StdEncoding.EncodeToString(frame),
		"application/grpc-web-text;charset=utf-8": base64.StdEncoding.EncodeToString(frame),
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		newRenderer(t).Error(w, r, weberr.Denied("x", ""))
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %q, want 200 %q", kind, w.Code, w.Body, want)
		}
		base, _, _ := strings.Cut(kind, ";")
		if got := w.Header().Get("Content-Type"); got != base || w.Header().Get("Grpc-Status") != "" {
			t.Errorf("%s: answered as %q with %q in the headers", kind, got, w.Header().Get("Grpc-Status"))
		}
	}
}
