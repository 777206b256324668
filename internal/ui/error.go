package ui

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
)

// writers maps each form to the function that writes an error in it.
var writers = map[form]func(*Renderer, http.ResponseWriter, *http.Request, *weberr.Error){
	formPage: (*Renderer).errorPage,
	formJSON: (*Renderer).errorJSON,
	formGRPC: (*Renderer).errorGRPC,

	formGRPCWeb:    (*Renderer).errorGRPCWeb,
	formKubernetes: (*Renderer).errorKubernetes,
}

// Error tells err to the client in its own form. Errors that are no
// *weberr.Error are told as a bare 500. It writes nothing for nil.
func (p *Renderer) Error(w http.ResponseWriter, r *http.Request, err error) {
	e := weberr.As(err)
	if e == nil {
		return
	}
	h := w.Header()
	if e.RetryAfter > 0 {
		seconds := math.Ceil(e.RetryAfter.Seconds())
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	// RFC 9110 section 15.5.2 wants a challenge with every 401; browsers show no
	// dialogue of their own for this scheme.
	if e.HTTPStatus() == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", `Bearer realm="sallyport"`)
	}
	writers[formOf(r)](p, w, r, e)
}

type errorView struct {
	*weberr.Error
	RequestID string
	Trace     *weberr.Trace
}

func (p *Renderer) errorPage(w http.ResponseWriter, r *http.Request, e *weberr.Error) {
	var trace *weberr.Trace
	if !byWorker(r) {
		trace = e.Told()
	}
	if trace != nil {
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	p.page(w, r, "error", page{
		Title: titleOf(e), Status: e.HTTPStatus(), Sandbox: trace != nil,
		Body: errorView{Error: e, RequestID: requestid.From(r.Context()), Trace: trace},
	})
}

// errorBody is what programs read. Fields are only ever added.
type errorBody struct {
	Error     string   `json:"error"`
	Code      string   `json:"code"`
	Message   string   `json:"message,omitempty"`
	RequestID string   `json:"request_id,omitempty"`
	LoginURL  string   `json:"login_url,omitempty"`
	Details   []string `json:"details,omitempty"`

	Trace *weberr.Trace `json:"trace,omitempty"`
}

func (p *Renderer) errorJSON(w http.ResponseWriter, r *http.Request, e *weberr.Error) {
	body := errorBody{
		Error: titleOf(e), Code: codeOf(e), Message: clean(e.Message),
		RequestID: clean(requestid.From(r.Context())), LoginURL: link(e.LoginURL),
	}
	for _, d := range e.Details {
		body.Details = append(body.Details, clean(d))
	}
	if !sentByPage(r) {
		body.Trace = e.Told()
	}
	sendJSON(w, r, e.HTTPStatus(), body)
}

// sentByPage reports whether a script of some page may be who asks: it would act
// in the name of whoever looks at the page, and read what is for them alone.
func sentByPage(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Fetch-Mode") != "" || h.Get("Sec-Fetch-Site") != "" || h.Get("Origin") != "" || isScript(r)
}

// byWorker reports whether a service worker of the application asks in place of the
// browser, and reads the answer first.
func byWorker(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Fetch-Mode") != "" && h.Get("Sec-Fetch-Dest") != "document" || len(h["Service-Worker-Navigation-Preload"]) > 0
}

// sendJSON writes a body made of text and numbers, which cannot fail to be JSON.
func sendJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{"error":"Something went wrong","code":"internal"}`)
	}
	ours(w, r)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	send(w, r, status, append(text, '\n'))
}

func titleOf(e *weberr.Error) string {
	if e.Title != "" {
		return clean(e.Title)
	}
	if t := http.StatusText(e.HTTPStatus()); t != "" {
		return t
	}
	return "Something went wrong"
}

func codeOf(e *weberr.Error) string {
	if e.Code != "" {
		return clean(e.Code)
	}
	return "error"
}
