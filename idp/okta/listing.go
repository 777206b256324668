package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sallyport/idp"
)

// pageTimeout bounds one page of a listing, its waits for rate limits included.
const pageTimeout = 4 * time.Minute

// question is one listing: where, and with what query for the first page.
type question struct {
	path  string
	query url.Values
	// endless listings always have a next page, which may be the one asked for.
	endless bool
}

// list fetches one page and reads its items.
func list[T any](ctx context.Context, d *Directory, q question, cursor string, decode func(object) (T, error)) (idp.Page[T], error) {
	page, err := listPage(ctx, d, q, cursor, decode)
	if d.health.concerns(q.path, err) {
		d.health.report(d.now(), err)
	}
	return page, err
}

func listPage[T any](ctx context.Context, d *Directory, q question, cursor string, decode func(object) (T, error)) (page idp.Page[T], err error) {
	asked, err := d.place(q, cursor)
	if err != nil {
		return page, err
	}
	ctx, cancel := context.WithTimeout(withPriority(ctx, steady), pageTimeout)
	defer cancel()
	a, err := d.ask(ctx, asked)
	if err != nil {
		return page, staleCursor(q.path, cursor, err)
	}
	if page.Items, err = decodeList(a.body, decode); err != nil {
		return page, nonsense(q.path, "page cannot be read: %v", err)
	}
	page.Date = a.date
	switch {
	case a.next == "" && q.endless:
		return page, nonsense(q.path, "expected a link to the next page, which this listing always has, got none")
	case a.next == "":
		return page, nil
	case a.next == asked && !q.endless:
		return page, nonsense(q.path, "pages go round in a circle")
	}
	page.Next, err = d.cursor(q, a.next)
	return page, err
}

// cursor makes of a next link what place takes: the whole address, so that it
// says whose it is. What was asked for is kept where Okta's link leaves it out.
func (d *Directory) cursor(q question, next string) (string, error) {
	u, err := url.Parse(next)
	if err != nil {
		return "", nonsense(q.path, "next page cannot be read")
	}
	query := u.Query()
	for name, values := range q.query {
		if name != "since" && !query.Has(name) { // since and after exclude each other
			query[name] = values
		}
	}
	return d.transport.org.String() + q.path + "?" + query.Encode(), nil
}

// place returns path and query of the page that a cursor stands for.
func (d *Directory) place(q question, cursor string) (string, error) {
	if cursor == "" {
		if len(q.query) == 0 {
			return q.path, nil
		}
		return q.path + "?" + q.query.Encode(), nil
	}
	u, err := url.Parse(cursor)
	if err != nil {
		return "", fmt.Errorf("okta: %s: cursor is not an address: %w", q.path, idp.ErrCursor)
	}
	org := d.transport.org
	if u.Scheme != org.Scheme || u.Host != org.Host || u.User != nil || u.EscapedPath() != q.path {
		return "", fmt.Errorf("okta: %s: cursor is of %q: %w", q.path, clip(u.Host+u.Path, 200), idp.ErrCursor)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query) == 0 {
		return "", fmt.Errorf("okta: %s: cursor has no query: %w", q.path, idp.ErrCursor)
	}
	if want := q.query.Get("filter"); want != "" && query.Get("filter") != want {
		return "", fmt.Errorf("okta: %s: cursor is of another question: %w", q.path, idp.ErrCursor)
	}
	return q.path + "?" + query.Encode(), nil
}

// staleCursor tells a cursor that Okta does not take from a request that it
// never takes.
func staleCursor(path, cursor string, err error) error {
	var e *Error
	if cursor != "" && errors.As(err, &e) && e.Status == http.StatusBadRequest {
		return fmt.Errorf("okta: %s: %s: %w", path, e.Summary, idp.ErrCursor)
	}
	return err
}

// decodeList reads every item or fails: a page without some of its items would
// take them away.
func decodeList[T any](raw []byte, decode func(object) (T, error)) ([]T, error) {
	var page []object
	if err := json.Unmarshal(raw, &page); err != nil || page == nil {
		return nil, errors.New("expected a list of objects")
	}
	items := make([]T, 0, len(page))
	for i, o := range page {
		item, err := decode(o)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// decodeID reads an object of which only the id counts.
func decodeID(o object) (string, error) {
	id := o.text("id")
	if !plausibleID(id) {
		return "", fmt.Errorf("expected an id, got %q", clip(id, 40))
	}
	return id, nil
}

// oktaTime is how Okta writes times, and wants them in filters.
const oktaTime = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(oktaTime) }

// time reads a timestamp; zero where it is null, absent or none.
func (o object) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, o.text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
