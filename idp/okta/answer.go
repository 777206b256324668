package okta

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
)

// accept hands on a 200 whose body is whole JSON and whose links were checked.
func (t *transport) accept(r *http.Request, resp *http.Response, body []byte) (*http.Response, *Error) {
	path := r.URL.Path
	if resp.StatusCode != http.StatusOK {
		return nil, t.refusal(r, resp, body)
	}
	if !isJSON(resp.Header) || !json.Valid(body) {
		return nil, &Error{Path: path, Status: resp.StatusCode, Summary: "answer is not JSON"}
	}
	next, err := nextLink(resp.Header, r.URL)
	if err != nil {
		return nil, &Error{Path: path, Status: resp.StatusCode, Summary: err.Error()}
	}
	// The SDK would be misled by joined lines and panic on a malformed URL: it
	// sees one line of our own making.
	header := http.Header{"Content-Type": {"application/json"}, "Date": resp.Header.Values("Date")}
	if next != nil {
		header.Set("Link", "<"+next.String()+`>; rel="next"`)
	}
	return &http.Response{
		Status: resp.Status, StatusCode: resp.StatusCode, Proto: resp.Proto, ProtoMajor: resp.ProtoMajor, ProtoMinor: resp.ProtoMinor,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// refusal makes an Error of an answer that is no 200, with what only we know of
// it.
func (t *transport) refusal(r *http.Request, resp *http.Response, body []byte) *Error {
	e := failure(r.URL.Path, resp, body, t.now())
	if t.credential.repeats(string(body)) {
		e.Summary = "summary withheld, since it repeats our credentials"
	}
	e.byApp = t.credential.app()
	e.granted = t.credential.granted()
	e.anew = t.credential.refused(r, resp, e)
	return e
}

func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
