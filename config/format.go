package config

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Format writes each problem as file:line:col, what is wrong, the line with a
// caret under the place, and a hint. Secrets in the line are masked already.
func Format(w io.Writer, ps []Problem, color bool) {
	p := painter{on: color}
	for _, problem := range ps {
		fmt.Fprintf(w, "%s: %s\n", p.paint("1", problem.Position.String()), problem.Message)
		if problem.Excerpt != "" {
			number := fmt.Sprintf("%5d", problem.Position.Line)
			line, caret := window(problem.Excerpt, problem.Position.Col)
			fmt.Fprintf(w, "%s | %s\n", p.paint("2", number), line)
			fmt.Fprintf(w, "%s | %s%s\n", strings.Repeat(" ", len(number)), strings.Repeat(" ", caret), p.paint("1;31", "^"))
		}
		if problem.Hint != "" {
			fmt.Fprintf(w, "        %s %s\n", p.paint("36", "hint:"), problem.Hint)
		}
	}
}

// painter wraps text in terminal colours, or does not.
type painter struct{ on bool }

func (p painter) paint(code, text string) string {
	if !p.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// window returns the part of a line that fits a terminal around byte column
// col, with tabs as spaces and nothing that a terminal would act on, and how
// many characters stand before the column.
func window(line string, col int) (text string, before int) {
	const width = 100
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	before = utf8.RuneCountInString(line[:min(max(col-1, 0), len(line))])
	runes := []rune(clean)
	before = min(before, len(runes))
	start := 0
	if before > width-20 {
		start = before - width/2
	}
	end := min(start+width, len(runes))
	text = string(runes[start:end])
	before -= start
	if start > 0 {
		text, before = "…"+text, before+1
	}
	if end < len(runes) {
		text += "…"
	}
	return text, before
}
