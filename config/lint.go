package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Codes of warnings that "# sallyport:ignore CODE reason" silences, on the line
// of the warning or the one above it; policy.Lint has more.
const (
	codeNoPolicy     = "route-without-policy"
	codeNeverReached = "route-never-reached"
	codeInsideWord   = "prefix-inside-word"
	codeUnusedPolicy = "policy-unused"
	codeUnvouched    = "e-mail-not-vouched-for"
)

// warnOf is warn for a warning that can be silenced.
func (ps *problems) warnOf(code string, at Position, hint, format string, args ...any) {
	ps.warnings = append(ps.warnings, Problem{Position: at, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// lint notes what routes say and can hardly mean.
func (l *loader) lint(drafts []*draft) {
	for _, d := range drafts {
		l.warnings = append(l.warnings, d.Policy.Lint()...)
	}
}

var ignored = regexp.MustCompile(`#\s*sallyport:ignore\s+([a-z-]+)(?:\s+(\S.*))?$`)

// silence leaves out warnings that the file says are meant. A comment without a
// reason silences nothing.
func (l *loader) silence(list []Problem) []Problem {
	out := list[:0]
	for _, p := range list {
		src := l.sources[p.Position.File]
		if p.Code == "" || src == nil || !meant(src.line(p.Position.Line), p.Code) && !alone(src.line(p.Position.Line-1), p.Code) {
			out = append(out, p)
		}
	}
	return out
}

func meant(line, code string) bool {
	m := ignored.FindStringSubmatch(line)
	return m != nil && m[1] == code && m[2] != ""
}

// alone is meant for a line that holds nothing else.
func alone(line, code string) bool {
	return strings.HasPrefix(strings.TrimSpace(line), "#") && meant(line, code)
}
