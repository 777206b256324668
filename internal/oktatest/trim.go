package oktatest

import (
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"strings"
)

// trimFor returns what leaves out of a user what r does not want: "fields"
// chooses, the "okta-response" parameter of Content-Type drops.
func trimFor(r *http.Request) func(userBody) any {
	drop := omissions(r)
	fields := r.URL.Query().Get("fields")
	return func(b userBody) any {
		if strings.Contains(drop, "omitCredentialsLinks") {
			maps.DeleteFunc(b.Links, func(name string, _ link) bool { return linkPaths[name] != "" && name != "resetFactors" })
		}
		if strings.Contains(strings.ReplaceAll(drop, "omitCredentialsLinks", ""), "omitCredentials") {
			b.Credentials = nil
		}
		if fields == "" {
			return b
		}
		return project(b, fields)
	}
}

// omissions are the values of okta-response, which clients send with
// Content-Type even where there is no content, or with Accept.
func omissions(r *http.Request) string {
	all := ""
	for _, name := range []string{"Content-Type", "Accept"} {
		if _, params, err := mime.ParseMediaType(r.Header.Get(name)); err == nil {
			all += params["okta-response"]
		}
	}
	return all
}

// project keeps the fields named, of the profile those in "profile:(...)", and
// always the id.
func project(b userBody, fields string) map[string]any {
	var whole, kept map[string]any
	raw := must(json.Marshal(b))
	must(raw, json.Unmarshal(raw, &whole))
	before, profile, _ := strings.Cut(fields, "profile:(")
	profile, after, _ := strings.Cut(profile, ")")
	kept = map[string]any{"id": whole["id"]}
	for _, name := range strings.Split(before+","+after, ",") {
		if v, ok := whole[strings.TrimSpace(name)]; ok {
			kept[strings.TrimSpace(name)] = v
		}
	}
	if profile == "" {
		return kept
	}
	chosen := map[string]any{}
	for _, name := range strings.Split(profile, ",") {
		if v, ok := b.Profile[strings.TrimSpace(name)]; ok {
			chosen[strings.TrimSpace(name)] = v
		}
	}
	kept["profile"] = chosen
	return kept
}
