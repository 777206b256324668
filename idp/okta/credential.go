package okta

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"sallyport/internal/serviceaccount"
)

// credential authorises requests to the Management API.
type credential interface {
	// authorize sets the headers of one request. It may have to fetch a token.
	authorize(ctx context.Context, r *http.Request) *Error
	// refused takes in an answer that is no 200 and reports whether the same
	// request, authorised anew, may fare better.
	refused(r *http.Request, resp *http.Response, failed *Error) bool
	// repeats reports whether a text holds a secret of ours.
	repeats(text string) bool
	// granted lists the scopes that we have; nil where there is no such thing, or
	// nothing is known yet.
	granted() []string
	// app reports whether we are an API Services app rather than an API token.
	app() bool
}

// apiToken is Okta's SSWS scheme.
type apiToken string

func (a apiToken) authorize(_ context.Context, r *http.Request) *Error {
	r.Header.Set("Authorization", "SSWS "+string(a))
	return nil
}

func (apiToken) refused(*http.Request, *http.Response, *Error) bool { return false }

func (a apiToken) repeats(text string) bool { return strings.Contains(text, string(a)) }

func (apiToken) granted() []string { return nil }

func (apiToken) app() bool { return false }

// account reads what Options say about who we are.
func (o Options) account() (*serviceaccount.Account, error) {
	if len(o.ServiceAccount) > 0 {
		a, err := serviceaccount.Parse(string(o.ServiceAccount))
		if err != nil {
			return nil, errors.New("okta: service account: " + err.Error())
		}
		return a, nil
	}
	key := strings.TrimSpace(o.APIKey)
	if key == "" || strings.ContainsAny(key, " \t\r\n") {
		return nil, errors.New("okta: expected an API token of one word")
	}
	return &serviceaccount.Account{APIKey: key}, nil
}
