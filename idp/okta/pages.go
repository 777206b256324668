package okta

import (
	"context"
	"encoding/json"
	"net/http"
)

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

// get fetches one page through the SDK and returns it with the path and query of
// the next one. A clone of the executor is used, since the SDK's own is mutable
// and shared.
func (d *Directory) get(ctx context.Context, path string) (raw json.RawMessage, next string, err error) {
	executor := d.client.CloneRequestExecutor()
	req, err := executor.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, "", nonsense(path, "request cannot be made: %v", err)
	}
	resp, err := executor.Do(ctx, req, &raw)
	if err != nil {
		return nil, "", asUnavailable(path, err)
	}
	if len(raw) == 0 {
		return nil, "", nonsense(path, "answer is empty")
	}
	return raw, resp.NextPage, nil
}
