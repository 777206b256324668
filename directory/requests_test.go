package directory

import (
	"context"
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
			n := listing
			for _, g := range groups {
				n += max(1, (g.Users+199)/200)
			}
			return n
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
