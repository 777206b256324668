package oktatest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageRule is how an endpoint pages: the limit that is assumed and the limit
// that is not exceeded, whatever is asked.
type pageRule struct{ assumed, most int }

var (
	pageUsers      = pageRule{200, 200}
	pageGroups     = pageRule{10_000, 10_000}
	pageUserGroups = pageRule{200, 200}
)

// page is one page of a listing of ids in ascending order.
type page struct {
	limit    int
	from, to int
	more     bool
}

// cut finds the page that r asks for in ids, which are sorted. A cursor whose id
// is gone by now goes on after its place.
func (rule pageRule) cut(r *http.Request, ids []string) (page, error) {
	query := r.URL.Query()
	for name := range query {
		if name != "limit" && name != "after" {
			return page{}, errValidation(name, "not known to the stand-in")
		}
	}
	p := page{limit: rule.assumed}
	if asked := query.Get("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			return page{}, errValidation("limit", fmt.Sprintf("The value %q is not a positive number.", asked))
		}
		p.limit = min(n, rule.most)
	}
	if after := query.Get("after"); after != "" {
		last, ok := strings.CutPrefix(after, cursorMark)
		if !ok {
			return page{}, errValidation("after", "The cursor is not valid.")
		}
		place, found := slices.BinarySearch(ids, last)
		if found {
			place++
		}
		p.from = place
	}
	p.to = min(p.from+p.limit, len(ids))
	p.more = p.to < len(ids)
	return p, nil
}

// cursorMark precedes the last id of a page in a cursor, as in Okta's
// "200u...": clients must not make cursors of ids.
const cursorMark = "2"

// writeLinks sets one Link line for this page and, where there is more, one for
// the next, each its own header line as Okta sends them.
func (k *Okta) writeLinks(w http.ResponseWriter, r *http.Request, p page, ids []string) {
	self := url.Values{"limit": {strconv.Itoa(p.limit)}}
	if after := r.URL.Query().Get("after"); after != "" {
		self.Set("after", after)
	}
	w.Header().Add("Link", k.linkTo(r, self, "self"))
	if p.more {
		next := url.Values{"limit": {strconv.Itoa(p.limit)}, "after": {cursorMark + ids[p.to-1]}}
		w.Header().Add("Link", k.linkTo(r, next, "next"))
	}
}

func (k *Okta) linkTo(r *http.Request, query url.Values, rel string) string {
	return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, k.url, r.URL.EscapedPath(), query.Encode(), rel)
}
