package okta

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// probeOrganisation asks who the host is, without credentials.
func (d *Directory) probeOrganisation(ctx context.Context, r *Report) bool {
	const path = "/.well-known/okta-organization"
	body, failed := d.transport.plain(ctx, path)
	if failed != nil {
		r.add("organisation", "reached", Problem, unreachedStep(failed), "%s", failed.Facts())
		return false
	}
	var about struct {
		ID       string `json:"id"`
		Pipeline string `json:"pipeline"`
		Links    struct {
			Organization struct {
				Href string `json:"href"`
			} `json:"organization"`
		} `json:"_links"`
	}
	if json.Unmarshal(body, &about) != nil || about.ID == "" {
		r.add("organisation", "reached", Problem, betweenStep, "%s answers, but not as an Okta organisation does", d.transport.org.Host)
		return false
	}
	r.ID = clip(about.ID, 40)
	r.add("organisation", "reached", OK, "", "%s is organisation %s (%s)", d.transport.org.Host, r.ID, engineOf(about.Pipeline))
	if own, err := url.Parse(about.Links.Organization.Href); err == nil && own.Host != "" && own.Host != d.transport.org.Host {
		r.add("organisation", "address", Warning, "",
			"the organisation calls itself %s: that address is right for tokens of its own authorization server, a custom domain for those of a custom one", clip(own.Host, 100))
	}
	return true
}

func engineOf(pipeline string) string {
	if pipeline == "idx" {
		return "Identity Engine"
	}
	return "Classic Engine"
}

// plain fetches what takes no credentials.
func (t *transport) plain(ctx context.Context, path string) ([]byte, *Error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.org.String()+path, nil)
	if err != nil {
		return nil, nonsense(path, "request cannot be made: %v", err)
	}
	resp, body, failed := t.exchange(r, bucketOther)
	switch {
	case failed != nil:
		return nil, failed
	case resp.StatusCode != http.StatusOK:
		return nil, failure(path, resp, body, t.now())
	case !isJSON(resp.Header):
		return nil, &Error{Path: path, Status: resp.StatusCode, Summary: "answer is not JSON"}
	}
	return body, nil
}
