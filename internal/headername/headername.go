// Package headername compares header names as careless readers do: CGI and its
// heirs turn "-" into "_" and fold case, so that a client's X_Forwarded_User
// arrives at an application as X-Forwarded-User. Whoever protects a name must
// protect all names that fold to it.
package headername

import "strings"

// Fold returns the spelling under which all look-alikes of a name meet: lower
// case, "_" as "-", without blanks around it and without the "HTTP_" that CGI
// puts in front.
func Fold(name string) string {
	name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	return strings.TrimPrefix(name, "http-")
}
