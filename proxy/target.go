package proxy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

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
	errForm    = errors.New("the request target is not a path")
	errLong    = errors.New("the request target is too long")
	errEscape  = errors.New("the path holds a broken percent-encoding")
	errControl = errors.New("the path holds a control character")
	errSlash   = errors.New("the path holds an escaped slash or backslash")
	errTwice   = errors.New("the path is encoded twice")
	errUTF8    = errors.New("the path is not UTF-8")
	errDots    = errors.New("the path holds dot segments")
	errClimb   = errors.New("the path leaves the root")
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

// pathBuilder holds a path in both spellings, byte for byte along: spans[i] is
// where decoded byte i begins in escaped.
type pathBuilder struct {
	rules    paths
	decoded  []byte
	escaped  []byte
	spans    []int
	resolved bool // an escaped slash became a slash
}

// decode reads the encoded path once.
func (b *pathBuilder) decode(path string) error {
	b.spans = make([]int, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c < ' ' || c == 0x7f:
			return errControl
		case c == '\\':
			return errSlash
		case c == '%':
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return errEscape
			}
			if err := b.escape(unhex(path[i+1])<<4 | unhex(path[i+2])); err != nil {
				return err
			}
			i += 2
		case pchar[c]:
			b.put(c, true)
		default:
			b.put(c, false)
		}
	}
	return b.checkDecoded()
}

// escape takes a byte that came percent-encoded.
func (b *pathBuilder) escape(c byte) error {
	switch {
	case c < ' ' || c == 0x7f:
		return errControl
	case c == '/' || c == '\\':
		switch b.rules.slashes {
		case slashReject:
			return errSlash
		case slashKeep:
			b.put(c, false)
		default:
			b.resolved = true
			b.put('/', true)
		}
	default:
		b.put(c, unreserved[c])
	}
	return nil
}

// put appends a decoded byte, literally or encoded.
func (b *pathBuilder) put(c byte, literally bool) {
	b.spans = append(b.spans, len(b.escaped))
	b.decoded = append(b.decoded, c)
	if literally {
		b.escaped = append(b.escaped, c)
		return
	}
	const digits = "0123456789ABCDEF"
	b.escaped = append(b.escaped, '%', digits[c>>4], digits[c&15])
}

// checkDecoded refuses what a second decoding would turn into something else,
// and what is no text: overlong forms above all.
func (b *pathBuilder) checkDecoded() error {
	if !utf8.Valid(b.decoded) {
		return errUTF8
	}
	for i := 0; i+2 < len(b.decoded); i++ {
		if b.decoded[i] != '%' || !isHex(b.decoded[i+1]) || !isHex(b.decoded[i+2]) {
			continue
		}
		switch c := unhex(b.decoded[i+1])<<4 | unhex(b.decoded[i+2]); {
		case c < ' ', c == 0x7f, c >= 0x80, c == '.', c == '%', c == ';':
			return errTwice
		case (c == '/' || c == '\\') && b.rules.slashes != slashKeep:
			return errTwice
		}
	}
	return nil
}

// resolve merges slashes and resolves dot segments.
func (b *pathBuilder) resolve() error {
	type segment struct{ from, to int } // of decoded, without the slash before it
	var stack []segment
	dir := false // ends in a slash
	for from := 1; from <= len(b.decoded); {
		to := b.segmentEnd(from)
		name := string(b.decoded[from:to])
		last := to == len(b.decoded)
		dir = false
		switch {
		case hidesDots(name):
			return errDots
		case name == "." || name == "..":
			if !b.rules.normalize {
				return errDots
			}
			if name == ".." {
				if len(stack) == 0 {
					return errClimb
				}
				stack = stack[:len(stack)-1]
			}
			dir = last
		case name == "" && last:
			dir = true
		case name == "" && b.rules.merge:
		default:
			stack = append(stack, segment{from, to})
		}
		from = to + 1
	}
	decoded, escaped, spans := make([]byte, 0, len(b.decoded)), make([]byte, 0, len(b.escaped)), make([]int, 0, len(b.spans))
	slash := func() {
		spans = append(spans, len(escaped))
		decoded, escaped = append(decoded, '/'), append(escaped, '/')
	}
	for _, s := range stack {
		slash()
		for i := s.from; i < s.to; i++ {
			spans = append(spans, len(escaped))
			decoded = append(decoded, b.decoded[i])
			escaped = append(escaped, b.encoded(i)...)
		}
	}
	if dir || len(stack) == 0 {
		slash()
	}
	b.decoded, b.escaped, b.spans = decoded, escaped, spans
	return nil
}

// hidesDots recognises a segment that is a name to us and holds a dot segment
// for somebody behind us: "..;x" and ".. " where parameters or blanks are cut
// off, "..%2Fx" where an escaped slash is kept and decoded later.
func hidesDots(name string) bool {
	if name == "." || name == ".." || strings.IndexByte(name, '.') < 0 {
		return false
	}
	for piece := range strings.SplitSeq(laterSlashes.Replace(name), "/") {
		piece, _, _ = strings.Cut(piece, ";")
		if piece = strings.TrimRight(piece, " "); piece == "." || piece == ".." {
			return true
		}
	}
	return false
}

var laterSlashes = strings.NewReplacer("\\", "/", "%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/")

// segmentEnd is the next slash that is one; an escaped slash that is kept is
// none.
func (b *pathBuilder) segmentEnd(from int) int {
	for i := from; i < len(b.decoded); i++ {
		if b.decoded[i] == '/' && len(b.encoded(i)) == 1 {
			return i
		}
	}
	return len(b.decoded)
}

// encoded is the forwarded spelling of decoded byte i.
func (b *pathBuilder) encoded(i int) []byte {
	if i+1 < len(b.spans) {
		return b.escaped[b.spans[i]:b.spans[i+1]]
	}
	return b.escaped[b.spans[i]:]
}

func (b *pathBuilder) target() target {
	t := target{decoded: string(b.decoded), escaped: string(b.escaped), redirect: b.resolved && b.rules.slashes == slashRedirect}
	t.match = t.decoded
	if b.rules.slashes != slashKeep {
		return t
	}
	var m strings.Builder
	for i, c := range b.decoded {
		if e := b.encoded(i); len(e) == 3 && (c == '/' || c == '\\' || c == '%') {
			m.Write(e)
		} else {
			m.WriteByte(c)
		}
	}
	t.match = m.String()
	return t
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
