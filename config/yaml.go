package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// maxDepth bounds how deep a document nests; no key needs a tenth of it.
const maxDepth = 100

// parse reads one YAML document and returns its root without aliases, merges
// and repeated keys, columns in bytes; nil where there is none. name is what
// positions call the text.
func (l *loader) parse(name string, text []byte) *yaml.Node {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	src := newSource(text)
	l.sources[name] = src
	if !l.readable(name, src, text) {
		src.unread = true
		return nil
	}
	r, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		l.fail(Position{File: name}, "compare it with the example in the README", "%v", err)
		return nil
	}
	var doc, more yaml.Node
	if err := r.Load(&doc); err != nil {
		src.unread = true
		if !errors.Is(err, io.EOF) {
			l.syntax(name, src, err)
		}
		return nil
	}
	switch err := r.Load(&more); {
	case err == nil:
		at := Position{File: name, Line: more.Line, Col: more.Column}
		l.fail(at, "keep one document a file: remove the \"---\" line and what does not belong", "unexpected second YAML document")
	case !errors.Is(err, io.EOF):
		src.unread = true
		l.syntax(name, src, err)
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return l.plain(name, src, doc.Content[0])
}

// readable reports whether text is UTF-8 without control characters, and says
// where it is not.
func (l *loader) readable(name string, src *source, text []byte) bool {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		l.fail(Position{File: name, Line: 1, Col: 1}, "save the file as UTF-8", "the text is UTF-16, expected UTF-8")
		src.lines = nil
		return false
	}
	for i, line := range src.lines {
		for j, c := range line {
			at := Position{File: name, Line: i + 1, Col: j + 1}
			if c == utf8.RuneError && !utf8.ValidString(line[j:min(j+3, len(line))]) {
				l.fail(at, "save the file as UTF-8", "byte %#x is not UTF-8", line[j])
				return false
			}
			if c < ' ' && c != '\t' || c == 0x7f {
				l.fail(at, "remove it, or write it as an escape in double quotes", "unexpected control character %#U", c)
				return false
			}
		}
	}
	return true
}

// syntax tells an error of the YAML reader in our words where we have some.
func (l *loader) syntax(name string, src *source, err error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		l.fail(Position{File: name, Line: 1, Col: 1}, "compare it with the example in the README", "not YAML: %v", err)
		return
	}
	mark, message, hint := e.Mark, e.Message, ""
	switch line := src.line(mark.Line); {
	case strings.Contains(message, "cannot start any token") && strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		message, hint = "a tab where only spaces may indent", "replace tabs by spaces"
	case strings.Contains(message, "tab character"):
		message, hint = "a tab where only spaces may indent", "replace tabs by spaces"
	case strings.Contains(message, "cannot start any token"):
		message, hint = "a value cannot begin with this character", "put the value in quotes"
	case strings.Contains(message, "mapping values are not allowed"):
		message = "unexpected \":\""
		hint = "put a value that holds \": \" in quotes; a key must be indented like those beside it"
	case strings.Contains(message, "end of stream") && strings.Contains(e.ContextMsg, "quoted"):
		mark, message, hint = e.ContextMark, "the quote that opens here is never closed", "close it, or quote with the other kind"
	case strings.Contains(message, "could not find expected ':'"):
		message, hint = "expected \": \" after a key", "each line is \"key: value\""
	case strings.Contains(message, "did not find expected key"):
		message, hint = "expected a key", "indent it like the keys beside it, and look for a quote too many before it"
	case strings.Contains(message, "unknown anchor"):
		message, hint = "unknown anchor", "an alias (*name) needs an anchor (&name) before it; quote a value that begins with \"*\""
	case strings.Contains(message, "incompatible YAML document"):
		message, hint = "unexpected %YAML line", "remove it"
	}
	at := Position{File: name, Line: max(mark.Line, 1), Col: 1}
	at.Col = max(1, src.column(at.Line, mark.Column))
	l.fail(at, hint, "not YAML: %s", message)
}
