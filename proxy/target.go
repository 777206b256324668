package proxy

import (
	"errors"
	"fmt"
	"strings"

	"sallyport/config"
)

// maxTarget bounds path and query together, as most servers behind us do.
const maxTarget = 16 << 10

// escapedSlashes is what to do with %2F and %5C.
type escapedSlashes uint8

const (
	slashReject escapedSlashes = iota
	slashKeep
	slashForward
	slashRedirect
)

// paths are the rules by which a path gets its one spelling.
type paths struct {
	merge     bool // "//" is "/"
	normalize bool // dot segments are resolved; otherwise refused
	slashes   escapedSlashes
}

func newPaths(h config.Hygiene) (paths, error) {
	p := paths{merge: h.MergeSlashes, normalize: h.NormalizePath}
	switch h.EscapedSlashes {
	case "", "reject_request":
	case "keep_unchanged":
		p.slashes = slashKeep
	case "unescape_and_forward":
		p.slashes = slashForward
	case "unescape_and_redirect":
		p.slashes = slashRedirect
	default:
		return p, fmt.Errorf("path_with_escaped_slashes_action: unknown value %q", h.EscapedSlashes)
	}
	return p, nil
}

// target is a request target in its one spelling.
type target struct {
	// match is what routes and policies see: decoded, except that under
	// keep_unchanged an escaped slash, backslash or percent sign stays escaped, so
	// that two paths never look like one.
	match string
	// decoded is match with those decoded too; escaped is the encoding of it that
	// is forwarded. Decoding escaped gives decoded, always.
	decoded, escaped string
	// query is as it came.
	query string
	// redirect says that escaped slashes were resolved and the client is to come
	// back with the result.
	redirect bool
}

// Why targets are refused.
var (
	errForm     = errors.New("the request target is not a path")
	errLong     = errors.New("the request target is too long")
	errEscape   = errors.New("the path holds a broken percent-encoding")
	errControl  = errors.New("the path holds a control character")
	errSlash    = errors.New("the path holds an escaped slash or backslash")
	errTwice    = errors.New("the path is encoded twice")
	errUTF8     = errors.New("the path is not UTF-8")
	errDots     = errors.New("the path holds dot segments")
	errNameless = errors.New("the path holds a segment of parameters alone")
	errClimb    = errors.New("the path leaves the root")
)

// read turns a request target as it came on the wire ("/a%20b/../c?x=y") into
// its one spelling, or refuses it.
func (p paths) read(raw string) (target, error) {
	if len(raw) > maxTarget {
		return target{}, errLong
	}
	path, query, _ := strings.Cut(raw, "?")
	if path == "" || path[0] != '/' || strings.IndexByte(raw, '#') >= 0 {
		return target{}, errForm
	}
	if isPlain(path) && isPrintable(query) {
		return target{match: path, decoded: path, escaped: path, query: query}, nil
	}
	if !isPrintable(query) {
		return target{}, errControl
	}
	b := pathBuilder{rules: p, decoded: make([]byte, 0, len(path)), escaped: make([]byte, 0, len(path)+8)}
	if err := b.decode(path); err != nil {
		return target{}, err
	}
	if err := b.resolve(); err != nil {
		return target{}, err
	}
	t := b.target()
	t.query = query
	return t, nil
}

// isPlain recognises, in one pass, paths that are their own one spelling:
// characters that no encoding touches, no empty and no dotted segment.
func isPlain(path string) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if !plain[c] {
			return false
		}
		if c == '/' && i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.') {
			return false
		}
	}
	return true
}

// isPrintable refuses what no URL may hold; the query is forwarded as it came.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// unreserved are the characters whose encoding means nothing, pchar those that
// may stand in a path as they are, plain the same without ";", which hides dots.
var (
	unreserved = bytesOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
	plain      = bytesOf("!$&'()*+,=:@/[]", unreserved)
	pchar      = bytesOf(";", plain)
)

func bytesOf(chars string, more ...[256]bool) (table [256]bool) {
	for _, m := range more {
		table = m
	}
	for _, c := range []byte(chars) {
		table[c] = true
	}
	return table
}
