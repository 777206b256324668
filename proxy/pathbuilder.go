package proxy

import (
	"strings"
	"unicode/utf8"
)

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

// segment is a piece of decoded, without the slash before it.
type segment struct{ from, to int }

// resolve merges slashes and resolves dot segments.
func (b *pathBuilder) resolve() error {
	var stack []segment
	dir := false // ends in a slash
	for from := 1; from <= len(b.decoded); {
		to := b.segmentEnd(from)
		name, last := string(b.decoded[from:to]), to == len(b.decoded)
		dir = false
		switch {
		case hidesDots(name), isDots(name) && !b.rules.normalize:
			return errDots
		case isNameless(name, last):
			return errNameless
		case name == ".." && len(stack) == 0:
			return errClimb
		case name == "..":
			stack, dir = stack[:len(stack)-1], last
		case name == ".", name == "" && last:
			dir = last
		case name == "" && b.rules.merge:
		default:
			stack = append(stack, segment{from, to})
		}
		from = to + 1
	}
	b.rebuild(stack, dir || len(stack) == 0)
	return nil
}

// rebuild keeps the segments given, each after a slash.
func (b *pathBuilder) rebuild(segments []segment, slashAtEnd bool) {
	old := *b
	b.decoded, b.escaped, b.spans = make([]byte, 0, len(old.decoded)), make([]byte, 0, len(old.escaped)), make([]int, 0, len(old.spans))
	for _, s := range segments {
		b.put('/', true)
		for i := s.from; i < s.to; i++ {
			b.spans = append(b.spans, len(b.escaped))
			b.decoded = append(b.decoded, old.decoded[i])
			b.escaped = append(b.escaped, old.encoded(i)...)
		}
	}
	if slashAtEnd {
		b.put('/', true)
	}
}

func isDots(name string) bool { return name == "." || name == ".." }

// hidesDots recognises a segment that is a name to us and holds a dot segment
// for somebody behind us: "..;x" and ".. " where parameters or blanks are cut
// off, "..%2Fx" where an escaped slash is kept and decoded later.
func hidesDots(name string) bool {
	if isDots(name) || strings.IndexByte(name, '.') < 0 {
		return false
	}
	for piece := range strings.SplitSeq(laterSlashes.Replace(name), "/") {
		piece, _, _ = strings.Cut(piece, ";")
		if piece = strings.TrimRight(piece, " "); isDots(piece) {
			return true
		}
	}
	return false
}

// isNameless recognises a segment that is nothing but parameters, or holds one:
// servers that cut them off merge what is left, and read "/;x/admin" as "/admin".
// At the end of a path they change nothing: "/;jsessionid=1" is the root.
func isNameless(name string, last bool) bool {
	if strings.IndexByte(name, ';') < 0 {
		return false
	}
	pieces := strings.Split(laterSlashes.Replace(name), "/")
	if last {
		pieces = pieces[:len(pieces)-1]
	}
	for _, piece := range pieces {
		if strings.HasPrefix(strings.TrimLeft(piece, " "), ";") {
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
