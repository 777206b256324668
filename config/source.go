package config

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// source is a text that positions point into: the file, or the YAML that an
// environment variable held. It knows which parts of it nobody may see.
type source struct {
	lines []string
	// ascii are the lines of one byte a character, where columns need no counting:
	// a file may be one line of many routes.
	ascii []bool
	// starts are the places where the nodes of the text begin, in order.
	starts []place
	// hidden are the lines that hold secrets.
	hidden map[int]span
	// unread says that the text is not YAML, so that nothing is known of it;
	// doubtful are lines of which that is true in a text that is.
	unread   bool
	doubtful map[int]bool
}

type place struct{ line, col int }

// span is the part of a line that is hidden, in bytes from 1; to 0 means up to
// its end.
type span struct{ from, to int }

func newSource(text []byte) *source {
	s := &source{hidden: map[int]span{}, doubtful: map[int]bool{}}
	for line := range bytes.Lines(text) {
		s.lines = append(s.lines, strings.TrimRight(string(line), "\r\n"))
		s.ascii = append(s.ascii, !bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }))
	}
	return s
}

// line returns the line's text, lines counting from 1.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// column turns the reader's column, in characters, into bytes.
func (s *source) column(line, chars int) int {
	if line >= 1 && line <= len(s.ascii) && s.ascii[line-1] && chars >= 1 {
		return chars
	}
	n := 0
	for i := range s.line(line) {
		if n++; n == chars {
			return i + 1
		}
	}
	return len(s.line(line)) + 1 + max(0, chars-n-1)
}

// hide hides a node with everything under it: from where it begins up to where
// the next one does.
func (s *source) hide(n *yaml.Node) {
	from := place{n.Line, n.Column}
	i, found := slices.BinarySearchFunc(s.starts, from, comparePlaces)
	if found {
		i++
	}
	end := place{len(s.lines) + 1, 1}
	if i < len(s.starts) {
		end = s.starts[i]
	}
	s.cover(from.line, span{from: from.col})
	for line := from.line + 1; line < end.line; line++ {
		s.cover(line, span{from: 1})
	}
	// What comes before the next node on its own line is indentation, or the
	// tail of a text in quotes.
	if end.line > from.line && strings.Trim(s.line(end.line)[:min(end.col-1, len(s.line(end.line)))], " -?") != "" {
		s.cover(end.line, span{from: 1, to: end.col})
	}
	for _, c := range n.Content {
		s.hide(c)
	}
}

// doubt marks the lines of a text that stands where a mapping belongs: it may
// well be one whose ":" was forgotten.
func (s *source) doubt(n *yaml.Node) {
	for line := n.Line; line <= n.Line+strings.Count(n.Value, "\n")+1; line++ {
		s.doubtful[line] = true
	}
}

func (s *source) cover(line int, p span) {
	if old, ok := s.hidden[line]; ok {
		p.from = min(p.from, old.from)
		if old.to == 0 {
			p.to = 0
		}
	}
	s.hidden[line] = p
}

// mask stands where something is hidden.
const mask = "********"

var userinfo = regexp.MustCompile(`://[^/\s@"']*@`)

// excerpt is the line as it may be shown.
func (s *source) excerpt(n int) string {
	line := s.line(n)
	if s.unread || s.doubtful[n] {
		line = maskUnread(line)
	}
	if p, ok := s.hidden[n]; ok {
		from := min(p.from-1, len(line))
		tail := ""
		if p.to > 0 && p.to-1 <= len(line) {
			tail = line[p.to-1:]
		}
		line = line[:from] + mask + tail
	}
	return userinfo.ReplaceAllString(line, "://"+mask+"@")
}

var (
	// A line of a text that could not be read as YAML: its key, and what follows.
	keyLine = regexp.MustCompile(`^(\s*(?:-\s+)*["']?([A-Za-z0-9_./-]+)["']?\s*[:=]\s*)(.*)$`)
	// What a key or token looks like: long and without spaces.
	tokenLike = regexp.MustCompile(`[A-Za-z0-9+/=_-]{12,}`)
)

// maskUnread hides in a line about which nothing is known whatever might be a
// secret.
func maskUnread(line string) string {
	m := keyLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		return tokenLike.ReplaceAllString(line, mask)
	case secretName(m[2]) && m[3] != "":
		return m[1] + mask
	}
	return m[1] + tokenLike.ReplaceAllString(m[3], mask)
}

var secretWords = regexp.MustCompile(
	`(?i)(secret|passw|token|credential|service_account|connection_string|private|signing|_keys?$|^key$|_auth$|authorization|api_?key|hmac|(set_request|otlp|traces)_headers$)`)

// secretName reports whether a key of that name may hold something that must
// not be shown. Paths of files may be.
func secretName(name string) bool {
	if strings.HasSuffix(name, "_file") || strings.HasSuffix(name, "_files") {
		return false
	}
	return secretWords.MatchString(name)
}

func comparePlaces(a, b place) int {
	if a.line != b.line {
		return a.line - b.line
	}
	return a.col - b.col
}
