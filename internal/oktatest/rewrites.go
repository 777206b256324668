package oktatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// CommaLinks answers as usual with all Link lines joined into one, as some
// gateways do.
func CommaLinks() Act {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(r, next)
		if links := a.header["Link"]; len(links) > 1 {
			a.header.Set("Link", strings.Join(links, ", "))
		}
		a.copyTo(w)
	}
}

// ChangeJSON answers as usual with the JSON object changed.
func ChangeJSON(change func(map[string]any)) Act {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(r, next)
		var object map[string]any
		if err := json.Unmarshal(a.body.Bytes(), &object); err != nil {
			panic(fmt.Sprintf("oktatest: change JSON of %s: %v", r.URL.Path, err))
		}
		change(object)
		a.body.Reset()
		_ = json.NewEncoder(&a.body).Encode(object)
		a.header.Del("Content-Length")
		a.copyTo(w)
	}
}

// WrongIssuer is discovery naming another issuer. Use it on "/.well-known/".
func WrongIssuer(issuer string) Act {
	return ChangeJSON(func(o map[string]any) { o["issuer"] = issuer })
}

// NoKeys is a JWKS without keys. Use it on "/oauth2/v1/keys".
func NoKeys() Act { return ChangeJSON(func(o map[string]any) { o["keys"] = []any{} }) }

// UnknownCurve is a JWKS with a first key that no library knows. Use it on
// "/oauth2/v1/keys".
func UnknownCurve() Act {
	return ChangeJSON(func(o map[string]any) {
		odd := map[string]any{"kty": "EC", "crv": "P-999", "x": "AQ", "y": "AQ", "kid": "odd", "use": "sig", "alg": "ES999"}
		o["keys"] = append([]any{odd}, o["keys"].([]any)...)
	})
}

// answer is a response held back.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func capture(r *http.Request, next http.Handler) *answer {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(a, r)
	return a
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) copyHead(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
}

func (a *answer) copyTo(w http.ResponseWriter) {
	a.copyHead(w)
	w.Write(a.body.Bytes())
}
