// Package requestid names one request: in the access record, in the decision
// record, towards the upstream and on every page of ours, so that what a person
// reads aloud finds the lines that belong to it. The server makes or accepts
// the id; everybody else reads it from the context.
package requestid

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
)

// Header carries the id to upstreams and back to clients.
const Header = "X-Request-Id"

// maxLen bounds an id that a client sent.
const maxLen = 128

type key struct{}

// With returns a context that carries id.
func With(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// From returns the id of the request, "" where none was given.
func From(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// New returns 32 lower-case hexadecimal digits: unique, not secret, and of the
// shape of a W3C trace id.
func New() string {
	var raw [16]byte
	for i := 0; i < len(raw); i += 8 {
		n := rand.Uint64()
		for j := range 8 {
			raw[i+j] = byte(n >> (8 * j))
		}
	}
	return hex.EncodeToString(raw[:])
}

// Valid reports whether an id that came from outside may be kept: 1 to 128
// letters, digits, '-', '_', '.' or ':'. Anything else could break a log line
// or a header.
func Valid(id string) bool {
	if id == "" || len(id) > maxLen {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
