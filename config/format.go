package config

import "io"

// Format writes each problem as file:line:col, what is wrong, the line with a
// caret under the place, and a hint.
func Format(w io.Writer, ps []Problem, color bool) {}
