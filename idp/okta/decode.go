package okta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"sallyport/identity"
)

// maxID bounds ids; Okta's have 20 characters.
const maxID = 100

// userID is what may stand in a path as a user's id. Okta looks logins up there
// too, so that anything with an "@" or a dot could be somebody.
var userID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func plausibleID(id string) bool { return len(id) <= maxID && userID.MatchString(id) }

// groupID is the form of Okta's group ids.
var groupID = regexp.MustCompile(`^00g[A-Za-z0-9]{17}$`)

// object is a JSON object of whose fields only some are looked at, by their exact
// names: encoding/json would take "ID" for "id" in a struct.
type object map[string]json.RawMessage

// text returns the string in a field; "" where it is null, absent or another type.
func (o object) text(name string) string {
	var s string
	if json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// displayName is for people to read; Okta often has none.
func displayName(profile object) string {
	for _, name := range []string{
		profile.text("displayName"),
		profile.text("firstName") + " " + profile.text("lastName"),
		profile.text("login"),
	} {
		name = strings.TrimSpace(strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, name))
		if name != "" {
			return name
		}
	}
	return ""
}

// keep returns the attributes asked for, as texts; nil when there are none.
func keep(profile object, attributes map[string]bool) map[string][]string {
	var kept map[string][]string
	for name := range attributes {
		var value any
		exact := json.NewDecoder(bytes.NewReader(orNull(profile[name])))
		exact.UseNumber()
		if exact.Decode(&value) != nil {
			continue
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			if s, ok := attributeText(v); ok {
				if kept == nil {
					kept = map[string][]string{}
				}
				kept[name] = append(kept[name], s)
			}
		}
	}
	return kept
}

func attributeText(v any) (string, bool) {
	if literal, ok := v.(json.Number); ok {
		v, _ = identity.Number(string(literal))
	}
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// decodeGroups reads a page of groups. A page that is null, or a group without
// id, is an error and not an empty page: it would take groups away.
func decodeGroups(raw []byte) ([]identity.Group, error) { return decodeList(raw, decodeGroup) }

func decodeGroup(o object) (identity.Group, error) {
	var profile object
	if err := json.Unmarshal(orNull(o["profile"]), &profile); err != nil {
		return identity.Group{}, errors.New("expected an object as profile")
	}
	g := identity.Group{ID: o.text("id"), Name: profile.text("name")}
	if !plausibleID(g.ID) {
		return identity.Group{}, fmt.Errorf("expected an id, got %q", clip(g.ID, 40))
	}
	if groupID.MatchString(g.Name) {
		// Policies name groups by id or by name: a group called like another one's
		// id would pass for it.
		g.Name = ""
	}
	return g, nil
}
