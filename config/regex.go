package config

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// everyPath reports whether a regular expression of a route surely matches every
// path, as those do that people write where they mean all.
func everyPath(re *regexp.Regexp) bool {
	return slices.Contains([]string{".*", "^.*$", "^.*", ".*$", "/.*", "^/.*$", "^/.*", "/.*$"}, inner(re.String()))
}

// Expression is the regular expression as it was written, without the anchors that
// it was given; "" where there is none.
func (m Match) Expression() string {
	if m.Regex == nil {
		return ""
	}
	return inner(m.Regex.String())
}

// inner is the expression as it was written, without the anchors that it was given.
func inner(whole string) string {
	const before, after = "^(?:", ")$"
	if len(whole) < len(before)+len(after) || whole[:len(before)] != before {
		return whole
	}
	return whole[len(before) : len(whole)-len(after)]
}

// literalStart is text that whatever matches an anchored expression begins with,
// "" where there is none.
func literalStart(expression string) string {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return ""
	}
	return leading(tree)
}

func leading(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune)
		}
	case syntax.OpCapture:
		return leading(re.Sub[0])
	case syntax.OpConcat:
		out := ""
		for _, sub := range re.Sub {
			switch sub.Op {
			case syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEmptyMatch:
				continue
			case syntax.OpLiteral, syntax.OpConcat:
				text := leading(sub)
				if out += text; sub.Op == syntax.OpLiteral && text != "" {
					continue
				}
			case syntax.OpCapture:
				out += leading(sub)
			}
			return out
		}
		return out
	}
	return ""
}
