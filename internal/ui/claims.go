package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/identity"
)

// timeClaims hold seconds since 1970; they are shown as times.
var timeClaims = map[string]bool{"iat": true, "exp": true, "nbf": true, "auth_time": true, "updated_at": true}

// claimView is one claim, ready to be read.
type claimView struct {
	Name   string
	Values []string
}

// claimViews sorts the claims by name and turns their values into text.
func claimViews(c identity.Claims) []claimView {
	views := make([]claimView, 0, len(c))
	for name, value := range c {
		views = append(views, claimView{Name: name, Values: claimValues(name, value)})
	}
	slices.SortFunc(views, func(a, b claimView) int { return strings.Compare(a.Name, b.Name) })
	return views
}

func claimValues(name string, value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{claimText(name, value)}
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = claimText(name, v)
	}
	return out
}

func claimText(name string, value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return fmt.Sprint(v)
	case float64:
		if timeClaims[name] && v > 0 && v < 1e11 {
			return time.Unix(int64(v), 0).UTC().Format("2 January 2006, 15:04:05 UTC")
		}
	}
	text, err := json.Marshal(value)
	if err != nil { // a value that JSON does not know was never a claim
		return "?"
	}
	return string(text)
}
