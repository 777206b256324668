package oktatest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageRule is how an endpoint pages: the limit that is assumed, the limit that
// is not exceeded whatever is asked, and the parameters it knows besides.
type pageRule struct {
	assumed, most int
	params        []string
	// mark precedes the last id of a page in a cursor, as in Okta's "200u...":
	// clients must not make cursors of ids. Those of applications have none.
	mark string
}

var (
	pageUsers      = pageRule{200, 200, []string{"filter", "search", "q", "fields", "sortBy", "sortOrder", "expand"}, cursorMark}
	pageGroups     = pageRule{10_000, 10_000, []string{"filter", "search", "q", "expand", "sortBy", "sortOrder"}, cursorMark}
	pageUserGroups = pageRule{200, 200, nil, cursorMark}
	pageMembers    = pageRule{1000, 1000, []string{"fields"}, cursorMark}
	pageGroupApps  = pageRule{20, 200, nil, ""}
	pageApps       = pageRule{20, 200, []string{"filter", "q", "expand", "useOptimization", "includeNonDeleted"}, ""}
	pageAppUsers   = pageRule{50, 500, []string{"q", "expand"}, cursorMark}
	pageAppGroups  = pageRule{20, 200, []string{"q", "expand"}, cursorMark}
)

const cursorMark = "2"

// page is what r asks of a listing in ascending order of ids.
type page struct {
	rule  pageRule
	limit int
	after string // id; "" is from the start
}

// read reads limit and after, and refuses parameters nobody knows.
func (rule pageRule) read(r *http.Request) (page, error) {
	query := r.URL.Query()
	for name := range query {
		if name != "limit" && name != "after" && !slices.Contains(rule.params, name) {
			return page{}, errValidation(name, "not known to the stand-in")
		}
	}
	p := page{rule: rule, limit: rule.assumed}
	if asked := query.Get("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			return page{}, errValidation("limit", fmt.Sprintf("The value %q is not a positive number.", asked))
		}
		p.limit = min(n, rule.most)
	}
	if after := query.Get("after"); after != "" {
		last, ok := strings.CutPrefix(after, rule.mark)
		switch {
		case rule.mark == "" && !strings.HasPrefix(after, "0oa"):
			return page{}, errCursor
		case !ok:
			return page{}, errValidation("after", "The cursor is not valid.")
		}
		p.after = last
	}
	return p, nil
}

// cut shows one page of those of all that keep keeps, and returns the id to go
// on after, "" at the end. A cursor whose element is gone goes on after its
// place.
func cut[T identified, B any](p page, all ordered[T], keep func(T) bool, show func(T) B) (bodies []B, next string) {
	from, found := all.place(p.after)
	if found {
		from++
	}
	bodies = []B{}
	last := ""
	for _, one := range all[from:] {
		if keep != nil && !keep(one) {
			continue
		}
		if len(bodies) == p.limit {
			return bodies, last
		}
		bodies, last = append(bodies, show(one)), one.key()
	}
	return bodies, ""
}

// writePage answers with a page: one Link line for it and, where there is more,
// one for the next, each its own header line as Okta sends them.
func (k *Okta) writePage(w http.ResponseWriter, r *http.Request, p page, bodies any, next string) {
	query := r.URL.Query()
	query.Set("limit", strconv.Itoa(p.limit))
	w.Header().Add("Link", k.linkTo(r, query, "self"))
	if next != "" {
		query.Set("after", p.rule.mark+next)
		w.Header().Add("Link", k.linkTo(r, query, "next"))
	}
	writeJSON(w, http.StatusOK, bodies)
}

func (k *Okta) linkTo(r *http.Request, query url.Values, rel string) string {
	return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, k.url, r.URL.EscapedPath(), query.Encode(), rel)
}
