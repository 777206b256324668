package okta

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport/idp"
	"sallyport/internal/oktatest"
)

func TestAppReadsWithOneTokenForAll(t *testing.T) {
	s := newService(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.d.User(context.Background(), aliceID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.asked(); n != 1 {
		t.Errorf("%d requests for tokens, want 1", n)
	}
	for _, r := range s.Requests() {
		if r.Path != tokenPath {
			if r.Auth != "Bearer" {
				t.Errorf("%s came with %q", r.Path, r.Auth)
			}
			continue
		}
		want := []string{"client_assertion", "client_assertion_type", "grant_type", "scope"}
		if diff := cmp.Diff(want, r.Form); diff != "" || len(r.Query) != 0 || r.Auth != "" {
			t.Errorf("token request: query %v, authorization %q, form %s", r.Query, r.Auth, diff)
		}
	}
	if diff := cmp.Diff(Scopes, s.tokens().granted()); diff != "" {
		t.Error(diff)
	}
}

func TestTokenIsRenewedBesideRequestsAndDroppedWhenRefused(t *testing.T) {
	s := newService(t, nil)
	s.read(t)
	*s.now = s.now.Add(47 * time.Minute)
	s.SetClockOffset(47 * time.Minute)
	s.read(t)
	if n := s.asked(); n != 1 {
		t.Errorf("renewed at 47 of 60 minutes: %d requests", n)
	}
	*s.now = s.now.Add(2 * time.Minute)
	s.SetClockOffset(49 * time.Minute)
	first, _ := s.tokens().get(context.Background()) // asks for the next one beside
	s.tokens().mu.Lock()
	f := s.tokens().flight
	s.tokens().mu.Unlock()
	if f != nil {
		<-f.done
	}
	second, _ := s.tokens().get(context.Background())
	if s.asked() != 2 || first.value == second.value {
		t.Errorf("at 49 of 60 minutes: %d requests, same token %v", s.asked(), first.value == second.value)
	}
	s.read(t)
	s.RevokeClientTokens(serviceID)
	s.read(t)
	if n := s.asked(); n != 3 {
		t.Errorf("after the revocation: %d requests for tokens, want 3", n)
	}
}

// A token that never worked is not dropped at once: an app that is refused for
// another reason would ask for tokens as often as for people.
func TestTokenThatNeverWorkedIsKeptForAWhile(t *testing.T) {
	s := newService(t, nil)
	s.Fail(oktatest.Fault{Path: "/api/", Act: oktatest.Status(401, "application/json", `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)})
	for range 5 {
		if _, err := s.d.User(context.Background(), aliceID); !errors.Is(err, idp.ErrUnavailable) || !strings.Contains(err.Error(), "still active") {
			t.Fatalf("got %v", err)
		}
	}
	if n := s.asked(); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
	*s.now = s.now.Add(provenAfter)
	_, _ = s.d.User(context.Background(), aliceID)
	if n := s.asked(); n != 2 {
		t.Errorf("%d tokens once the first was old enough, want 2", n)
	}
}

func TestKeysRotateWithoutAGap(t *testing.T) {
	oldPrivate, oldPublic := ecJWK(t, "old")
	newPrivate, newPublic := ecJWK(t, "new")
	s := newService(t, func(c *oktatest.Client) { c.Keys.Keys = []jose.JSONWebKey{oldPublic} }, func(o *Options) {
		o.ServiceAccount = fmt.Appendf(nil, `{"client_id":%q,"private_keys":[%s,%s]}`, serviceID, newPrivate, oldPrivate)
	})
	s.read(t) // okta knows the old one alone
	if !strings.Contains(s.logs.String(), "newest private key") || !strings.Contains(s.logs.String(), "used_key_id=old") {
		t.Errorf("log: %s", s.logs)
	}
	for _, keys := range [][]jose.JSONWebKey{{oldPublic, newPublic}, {newPublic}} {
		s.ChangeClient(serviceID, func(c *oktatest.Client) { c.Keys.Keys = keys })
		s.RevokeClientTokens(serviceID)
		s.ForgetRequests()
		s.read(t)
		if n := s.asked(); n != 1 {
			t.Errorf("%d keys at okta: %d requests, want 1", len(keys), n)
		}
	}
}

func TestClocksMayDiffer(t *testing.T) {
	for _, offset := range []time.Duration{-3 * time.Hour, -time.Minute, 4 * time.Second, 3 * time.Hour} {
		for _, dpop := range []bool{false, true} {
			s := newService(t, func(c *oktatest.Client) { c.DPoP = dpop })
			s.SetClockOffset(offset)
			s.read(t)
			if n := s.asked(); n > 4 {
				t.Errorf("%v: %d requests", offset, n)
			}
		}
	}
}

func TestScopesThatAreMissingAreNamed(t *testing.T) {
	t.Run("granted in part", func(t *testing.T) {
		for _, allOrNone := range []bool{false, true} {
			s := newService(t, func(c *oktatest.Client) {
				c.APIScopes, c.AllScopesOrNone = []string{ScopeUsers, ScopeLogs}, allOrNone
			})
			s.read(t)
			if diff := cmp.Diff([]string{ScopeUsers, ScopeLogs}, s.tokens().granted()); diff != "" {
				t.Error(diff)
			}
			_, err := s.d.Groups(context.Background(), idp.GroupQuery{}, "")
			var f *idp.ForbiddenError
			if !errors.As(err, &f) || f.Scope != ScopeGroups || !strings.Contains(err.Error(), "Okta API Scopes") {
				t.Errorf("groups: got %v", err)
			}
			if err := s.d.Check(context.Background()); err != nil {
				t.Errorf("check: %v, though people can be read", err)
			}
			if !strings.Contains(s.logs.String(), "Okta API Scopes") || !strings.Contains(s.logs.String(), ScopeGroups) {
				t.Errorf("log: %s", s.logs)
			}
			s.ChangeClient(serviceID, func(c *oktatest.Client) { c.APIScopes = Scopes })
			*s.now = s.now.Add(6 * time.Minute)
			s.SetClockOffset(6 * time.Minute)
			s.settle(t)
			if _, err := s.d.Groups(context.Background(), idp.GroupQuery{}, ""); err != nil {
				t.Errorf("six minutes after the grant: %v", err)
			}
		}
	})
	t.Run("withdrawn while running", func(t *testing.T) {
		s := newService(t, nil)
		s.read(t)
		s.ChangeClient(serviceID, func(c *oktatest.Client) { c.APIScopes = []string{ScopeUsers} })
		s.RevokeClientTokens(serviceID)
		_, err := s.d.Log(context.Background(), idp.LogQuery{Since: *s.now}, "")
		var f *idp.ForbiddenError
		if !errors.As(err, &f) || f.Scope != ScopeLogs || !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("role instead of scope", func(t *testing.T) {
		s := newService(t, func(c *oktatest.Client) { c.Role = oktatest.GroupAdmin })
		_, err := s.d.Log(context.Background(), idp.LogQuery{Since: *s.now}, "")
		var f *idp.ForbiddenError
		if !errors.As(err, &f) || f.Scope != "" || !strings.Contains(err.Error(), "Admin roles") {
			t.Errorf("got %v", err)
		}
	})
}

// settle lets the renewal that is due happen.
func (s *service) settle(t *testing.T) {
	t.Helper()
	if _, failed := s.tokens().get(context.Background()); failed != nil {
		t.Fatal(failed)
	}
	s.tokens().mu.Lock()
	f := s.tokens().flight
	s.tokens().mu.Unlock()
	if f != nil {
		<-f.done
	}
}

func TestAccessTokenIsNeverTold(t *testing.T) {
	s := newService(t, nil)
	s.read(t)
	token := s.tokens().current.value
	s.Fail(oktatest.Fault{Path: "/api/", Act: oktatest.Status(400, "application/json", `{"errorCode":"E0000001","errorSummary":"`+token[:150]+token[150:]+`"}`)})
	_, err := s.d.User(context.Background(), aliceID)
	if err == nil || strings.Contains(err.Error(), token[:40]) || strings.Contains(s.logs.String(), token[:40]) {
		t.Errorf("the access token is told: %v", err)
	}
}

func TestServiceAccountThatCannotWorkIsNotBuilt(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	for _, text := range []string{"{}", `{"client_id":"0oa1"}`, base64.StdEncoding.EncodeToString([]byte("x"))} {
		if _, err := NewDirectory(Options{OrgURL: srv.URL, ServiceAccount: []byte(text)}); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
