package proxy

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersToPeopleLetInAreKeptFromSharedCaches(t *testing.T) {
	for _, tt := range []struct {
		name       string
		says, want []string
	}{
		{"nothing", nil, []string{"private"}},
		{"for everybody", []string{"public, max-age=3600"}, []string{"max-age=3600, private"}},
		{"for shared caches", []string{"max-age=60, S-MaxAge=86400, immutable"}, []string{"max-age=60, immutable, private"}},
		{"in two lines", []string{"Public", "max-age=1"}, []string{"max-age=1, private"}},
		{"about one header", []string{`private="Set-Cookie"`}, []string{`private="Set-Cookie", private`}},
		{"about two headers", []string{`no-cache="Set-Cookie, X-A", public`}, []string{`no-cache="Set-Cookie, X-A", private`}},
		{"not to be stored", []string{"no-store"}, []string{"no-store"}},
		{"private already", []string{"Private, max-age=5"}, []string{"Private, max-age=5"}},
		{"to be asked about", []string{"no-cache"}, []string{"no-cache, private"}},
		{"blanks", []string{" , "}, []string{"private"}},
	} {
		h := http.Header{"Cdn-Cache-Control": {"max-age=9"}, "Surrogate-Control": {"max-age=9"}, "X-Accel-Expires": {"9"}, "Etag": {`"x"`}}
		if tt.says != nil {
			h["Cache-Control"] = tt.says
		}
		keepPrivate(h)
		if diff := cmp.Diff(http.Header{"Cache-Control": tt.want, "Etag": {`"x"`}}, h); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
