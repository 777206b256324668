package directory

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
	"sallyport/idp/okta"
	"sallyport/internal/httpout"
	"sallyport/internal/oktatest"
)

// BenchmarkRequests counts what a whole reading of 10,000 people in 1,000 groups
// asks of the stand-in, ours and other ways. Time says nothing here.
func BenchmarkRequests(b *testing.B) {
	k, err := oktatest.New(oktatest.Options{APITokens: []string{"token"}, RateLimits: oktatest.RateLimits{}})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	k.Load(oktatest.Load{People: 10_000, Groups: 1_000, Memberships: 100_000, Seed: 1})
	client, err := httpout.New(httpout.Options{Timeout: time.Minute, MaxBody: 16 << 20})
	if err != nil {
		b.Fatal(err)
	}
	source, err := okta.NewDirectory(okta.Options{OrgURL: k.URL(), APIKey: "token", HTTP: client})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	people, groups := pagesOf(b, func(c string) (idp.Page[idp.User], error) { return source.Users(ctx, idp.UserQuery{}, c) }),
		pagesOf(b, func(c string) (idp.Page[idp.Group], error) { return source.Groups(ctx, idp.GroupQuery{}, c) })
	listing := k.Count("GET", "/api/v1/")
	ways := map[string]func() int{
		"ours": func() int {
			k.ForgetRequests()
			for _, g := range groups {
				if g.Users > 0 && g.Type != idp.GroupBuiltIn {
					pagesOf(b, func(c string) (idp.Page[string], error) { return source.Members(ctx, g.ID, c) })
				}
			}
			return listing + k.Count("GET", "/api/v1/")
		},
		// The members of every group, Everyone and empty ones too, 200 a page.
		"groups-and-members-of-all": func() int {
			k.ForgetRequests()
			for _, g := range groups {
				membersBy200(b, client, k.URL(), g.ID)
			}
			return listing + k.Count("GET", "/api/v1/")
		},
		"groups-of-each-person": func() int {
			k.ForgetRequests()
			for _, p := range people {
				if _, err := source.GroupsOf(ctx, p.ID); err != nil {
					b.Fatal(err)
				}
			}
			return (len(people)+199)/200 + k.Count("GET", "/api/v1/")
		},
	}
	for name, count := range ways {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(count()), "requests")
			}
		})
	}
}

// membersBy200 reads the members of a group with the size of page that an SDK asks
// for when nobody says otherwise.
func membersBy200(b *testing.B, client *http.Client, org, group string) {
	b.Helper()
	for next := org + "/api/v1/groups/" + group + "/users?limit=200"; next != ""; {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, next, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "SSWS token")
		res, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d, %v", next, res.StatusCode, err)
		}
		next = ""
		for _, link := range res.Header.Values("Link") {
			if to, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				next = strings.TrimPrefix(to, "<")
			}
		}
	}
}

func pagesOf[T any](b *testing.B, ask func(string) (idp.Page[T], error)) (all []T) {
	b.Helper()
	for cursor := ""; ; {
		page, err := ask(cursor)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" || strings.TrimSpace(cursor) == "" {
			return all
		}
	}
}
