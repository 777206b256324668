package okta

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// answer is one page: its body, path and query of the next one ("" for none),
// and Okta's clock.
type answer struct {
	body json.RawMessage
	next string
	date time.Time
}

// lean tells Okta to leave out of users what nobody here reads.
const lean = `application/json; okta-response="omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"`

// pages calls f with each page of a listing. A page that was seen before, and
// too many of them, are errors: a listing is whole or it is none.
func (d *Directory) pages(ctx context.Context, path string, f func(json.RawMessage) error) error {
	seen := map[string]bool{path: true}
	for page := path; page != ""; {
		raw, next, err := d.get(ctx, page)
		if err != nil {
			return err
		}
		if err := f(raw); err != nil {
			return nonsense(path, "page cannot be read: %v", err)
		}
		if next != "" && seen[next] {
			return nonsense(path, "pages go round in a circle")
		}
		if len(seen) > maxPages {
			return nonsense(path, "more than %d pages", maxPages)
		}
		seen[next], page = true, next
	}
	return nil
}

// get fetches one page and returns it with the path and query of the next one.
func (d *Directory) get(ctx context.Context, path string) (raw json.RawMessage, next string, err error) {
	a, err := d.ask(ctx, path)
	return a.body, a.next, err
}

// ask fetches one page through the SDK. A clone of the executor is used, since
// the SDK's own is mutable and shared.
func (d *Directory) ask(ctx context.Context, path string) (a answer, err error) {
	executor := d.client.CloneRequestExecutor()
	req, err := executor.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return a, nonsense(path, "request cannot be made: %v", err)
	}
	req.Header.Set("Content-Type", lean)
	resp, err := executor.Do(ctx, req, &a.body)
	if err != nil {
		return answer{}, asUnavailable(path, err)
	}
	if len(a.body) == 0 {
		return answer{}, nonsense(path, "answer is empty")
	}
	// Not resp.NextPage, into which the SDK merges the query that was asked: with
	// "since" beside "after" Okta refuses it.
	next, err := nextLink(resp.Header, req.URL)
	if err != nil {
		return answer{}, nonsense(path, "%v", err)
	}
	if next != nil {
		a.next = next.RequestURI()
	}
	a.date, _ = http.ParseTime(resp.Header.Get("Date"))
	return a, nil
}
