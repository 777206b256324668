package ui

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
)

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const chromeAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

func TestKindsOfClient(t *testing.T) {
	for _, tt := range []struct {
		name       string
		method     string
		header     []string // name, value, ...
		navigation bool
		form       form
	}{
		{"browser opens a page", "GET", []string{"Accept", chromeAccept, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true, formPage},
		{"browser opens a page without saying what it accepts", "GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true, formPage},
		{"old browser opens a page", "GET", []string{"Accept", chromeAccept}, true, formPage},
		{"browser asks for headers", "HEAD", []string{"Accept", chromeAccept}, true, formPage},
		{"page in a frame", "GET", []string{"Accept", chromeAccept, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, true, formPage},
		{"browser sends a form", "POST", []string{"Accept", chromeAccept, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false, formPage},
		{"old browser sends a form", "POST", []string{"Accept", chromeAccept}, false, formPage},
		{"prefetch", "GET", []string{"Accept", chromeAccept, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"}, false, formPage},
		{"old prefetch", "GET", []string{"Accept", chromeAccept, "Purpose", "prefetch"}, false, formPage},
		{"object element", "GET", []string{"Accept", "*/*", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object"}, false, formPage},
		{"fetch", "GET", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, false, formJSON},
		{"fetch that likes HTML", "GET", []string{"Accept", "text/html", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, false, formJSON},
		{"image", "GET", []string{"Accept", "image/avif,*/*", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, false, formJSON},
		{"jQuery of old", "GET", []string{"Accept", "text/html, */*; q=0.01", "X-Requested-With", "XMLHttpRequest"}, false, formJSON},
		{"XHR that claims to navigate", "GET", []string{"Accept", chromeAccept, "Sec-Fetch-Mode", "navigate", "X-Requested-With", "xmlhttprequest"}, false, formJSON},
		{"WebSocket", "GET", []string{"Accept", "text/html", "Connection", "Upgrade", "Upgrade", "websocket"}, false, formJSON},
		{"WebSocket in a browser", "GET", []string{"Sec-Fetch-Mode", "websocket", "Upgrade", "websocket"}, false, formJSON},
		{"curl", "GET", []string{"Accept", "*/*"}, false, formJSON},
		{"script without Accept", "GET", nil, false, formJSON},
		{"API client", "GET", []string{"Accept", "application/json"}, false, formJSON},
		{"API client that would take HTML", "GET", []string{"Accept", "application/json, text/html;q=0.5"}, false, formJSON},
		{"Accept over several lines", "GET", []string{"Accept", "application/json;q=0.2", "Accept", "text/html"}, true, formPage},
		{"HTML refused", "GET", []string{"Accept", "text/html;q=0, */*"}, false, formJSON},
		{"quality that is no number", "GET", []string{"Accept", "text/html;q=x"}, false, formJSON},
		{"gRPC", "POST", []string{"Content-Type", "application/grpc+proto", "Te", "trailers"}, false, formGRPC},
		{"gRPC-web in a browser", "POST", []string{"Content-Type", "application/grpc-web-text", "Accept", "text/html", "Sec-Fetch-Mode", "cors"}, false, formGRPCWeb},
		{"gRPC with parameters", "POST", []string{"Content-Type", "Application/GRPC; charset=utf-8"}, false, formGRPC},
		{"kubectl", "GET", []string{"User-Agent", "kubectl/v1.31.2 (linux/amd64) kubernetes/5864a46", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}, false, formKubernetes},
		{"kubectl exec", "POST", []string{"User-Agent", "kubectl/v1.31.2 (linux/amd64) kubernetes/5864a46", "Connection", "Upgrade", "Upgrade", "SPDY/3.1"}, false, formKubernetes},
		{"client-go", "GET", []string{"User-Agent", "operator/v0.0.0 (linux/arm64) kubernetes/$Format", "Accept", "application/vnd.kubernetes.protobuf, */*"}, false, formKubernetes},
		{"client of the API by its kinds", "GET", []string{"Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}, false, formKubernetes},
		{"probe of a kubelet", "GET", []string{"User-Agent", "kube-probe/1.31", "Accept", "*/*"}, false, formJSON},
		{"browser with a dashboard's name", "GET", []string{"User-Agent", "Mozilla/5.0 kubernetes/1", "Accept", chromeAccept}, true, formPage},
		{"not gRPC", "POST", []string{"Content-Type", "application/grpcx"}, false, formJSON},
		{"not gRPC either", "POST", []string{"Content-Type", "application/grpc+<b>"}, false, formJSON},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "https://x.example.com/", nil)
			for i := 0; i < len(tt.header); i += 2 {
				r.Header.Add(tt.header[i], tt.header[i+1])
			}
			if got := IsNavigation(r); got != tt.navigation {
				t.Errorf("IsNavigation = %v, want %v", got, tt.navigation)
			}
			if got := formOf(r); got != tt.form {
				t.Errorf("form = %d, want %d", got, tt.form)
			}
		})
	}
}

// A route may say who its clients are; what is certain stays as it is.
func TestARouteSaysHowItIsAnswered(t *testing.T) {
	navigation := []string{"Accept", chromeAccept, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for _, tt := range []struct {
		answers, method string
		header          []string
		navigation      bool
		form            form
	}{
		{"auto", "GET", navigation, true, formPage},
		{"", "GET", navigation, true, formPage},
		{"nonsense", "GET", navigation, true, formPage},
		{"json", "GET", navigation, false, formJSON},
		{"json", "GET", []string{"User-Agent", "kubectl/v1.31.2 kubernetes/1"}, false, formJSON},
		{"kubernetes", "GET", navigation, false, formKubernetes},
		{"kubernetes", "GET", []string{"User-Agent", "OpenAPI-Generator/31.0.0/python"}, false, formKubernetes},
		{"page", "GET", []string{"Accept", "*/*"}, true, formPage},
		{"page", "POST", []string{"Accept", "*/*"}, false, formPage},
		{"page", "GET", []string{"Sec-Fetch-Mode", "cors"}, false, formJSON},
		{"page", "GET", []string{"X-Requested-With", "XMLHttpRequest"}, false, formJSON},
		{"page", "GET", []string{"Upgrade", "websocket"}, false, formJSON},
		{"page", "CONNECT", nil, false, formJSON},
		{"page", "POST", []string{"Content-Type", "application/grpc"}, false, formGRPC},
		{"json", "POST", []string{"Content-Type", "application/grpc-web"}, false, formGRPCWeb},
		{"kubernetes", "POST", []string{"Content-Type", "application/grpc"}, false, formGRPC},
	} {
		r := httptest.NewRequest(tt.method, "https://x.example.com/", nil)
		for i := 0; i < len(tt.header); i += 2 {
			r.Header.Add(tt.header[i], tt.header[i+1])
		}
		r = Prefer(r, tt.answers)
		if got := IsNavigation(r); got != tt.navigation {
			t.Errorf("answers %q, %s %v: IsNavigation = %v, want %v", tt.answers, tt.method, tt.header, got, tt.navigation)
		}
		if got := formOf(r); got != tt.form {
			t.Errorf("answers %q, %s %v: form = %d, want %d", tt.answers, tt.method, tt.header, got, tt.form)
		}
	}
}

func TestKubernetesClientsReadAStatus(t *testing.T) {
	for _, tt := range []struct {
		err  *weberr.Error
		want string
	}{
		{
			weberr.SignInNeeded("k8s.example.com", "https://k8s.example.com/.pomerium/sign_in"),
			`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Sign-in needed: Nobody is signed in to k8s.example.com, or the session has ended. Sign in at https://k8s.example.com/.pomerium/sign_in (request id abc123)","reason":"Unauthorized","details":{"uid":"abc123"},"code":401}`,
		},
		{
			&weberr.Error{Status: 403, Code: "denied", Title: "Access denied", Message: "No.", Details: []string{"deny: x"}},
			`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Access denied: No. (request id abc123)","reason":"Forbidden","details":{"uid":"abc123","causes":[{"message":"deny: x"}]},"code":403}`,
		},
		{
			&weberr.Error{Status: 503, Title: "Down", Message: "Later.", RetryAfter: 1500 * time.Millisecond},
			`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Down: Later. (request id abc123)","reason":"ServiceUnavailable","details":{"uid":"abc123","retryAfterSeconds":2},"code":503}`,
		},
	} {
		r := httptest.NewRequest("GET", "/api", nil)
		r.Header.Set("User-Agent", "kubectl/v1.31.2 (linux/amd64) kubernetes/5864a46")
		r = r.WithContext(requestid.With(r.Context(), "abc123"))
		w := httptest.NewRecorder()
		newRenderer(t).Error(w, r, tt.err)
		if diff := cmp.Diff(tt.want+"\n", w.Body.String()); diff != "" || w.Code != tt.err.Status {
			t.Errorf("status %d (-want +got):\n%s", w.Code, diff)
		}
	}
	for status, want := range map[int]string{400: "BadRequest", 404: "NotFound", 405: "MethodNotAllowed", 413: "RequestEntityTooLarge", 429: "TooManyRequests", 500: "InternalError", 502: "ServiceUnavailable", 504: "Timeout", 418: ""} {
		if got := kubeReason(status); got != want {
			t.Errorf("reason of %d = %q, want %q", status, got, want)
		}
	}
}

func TestProgramsReadJSON(t *testing.T) {
	r := httptest.NewRequest("GET", "https://api.example.com/v1", nil)
	r = r.WithContext(requestid.With(r.Context(), "abc123"))
	w := httptest.NewRecorder()
	e := weberr.SignInNeeded("api.example.com", "https://api.example.com/.pomerium/sign_in?a=1&b=<2>")
	newRenderer(t).Error(w, r, e)
	res := w.Result()

	want := `{"error":"Sign-in needed","code":"unauthenticated","message":"Nobody is signed in to api.example.com, or the session has ended.",` +
		`"request_id":"abc123","login_url":"https://api.example.com/.pomerium/sign_in?a=1\u0026b=\u003c2\u003e"}` + "\n"
	if diff := cmp.Diff(want, body(t, res)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if res.StatusCode != 401 {
		t.Errorf("status = %d, want 401", res.StatusCode)
	}
	for header, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"X-Pomerium-Intercepted-Response": "true", "X-Request-Id": "abc123", "Www-Authenticate": `Bearer realm="sallyport"`,
		"Referrer-Policy": "no-referrer",
	} {
		if got := res.Header.Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
}

func TestRetryAfterIsWholeSecondsRoundedUp(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "", time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2", time.Minute: "60",
	} {
		w := httptest.NewRecorder()
		newRenderer(t).Error(w, httptest.NewRequest("GET", "/", nil), weberr.StoreUnavailable(after, nil))
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("Retry-After for %v = %q, want %q", after, got, want)
		}
	}
}

func TestNoErrorWritesNothing(t *testing.T) {
	w := httptest.NewRecorder()
	newRenderer(t).Error(w, httptest.NewRequest("GET", "/", nil), nil)
	if len(w.Header()) != 0 || w.Body.Len() != 0 {
		t.Errorf("wrote %v %q", w.Header(), w.Body)
	}
}

func TestUnknownErrorsAreTellingNothing(t *testing.T) {
	for _, accept := range []string{"text/html", "application/json"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		newRenderer(t).Error(w, r, io.ErrUnexpectedEOF)
		if w.Code != 500 || strings.Contains(w.Body.String(), "EOF") {
			t.Errorf("%s: %d %q", accept, w.Code, w.Body)
		}
	}
}
