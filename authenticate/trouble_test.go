package authenticate

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/weberr"
	"sallyport/session"
	"sallyport/store"
)

// troubled is a store in which fail decides what goes wrong.
type troubled struct {
	store.Store
	fail func(op string, kind store.Kind) error
}

func (s *troubled) Get(ctx context.Context, k store.Kind, key string) (store.Record, error) {
	if err := s.fail("get", k); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, k, key)
}

func (s *troubled) Put(ctx context.Context, r store.Record, e store.Expect) (store.Record, error) {
	if err := s.fail("put", r.Kind); err != nil {
		return store.Record{}, err
	}
	return s.Store.Put(ctx, r, e)
}

func (s *troubled) Take(ctx context.Context, k store.Kind, key string) (store.Record, error) {
	if err := s.fail("take", k); err != nil {
		return store.Record{}, err
	}
	return s.Store.Take(ctx, k, key)
}

func (s *troubled) Count(ctx context.Context, k store.Kind, prefix string) (int, error) {
	if err := s.fail("count", k); err != nil {
		return 0, err
	}
	return s.Store.Count(ctx, k, prefix)
}

// failing has the service use a store whose op on kind ends in fault; a session
// manager of its own, so that nothing is known without asking.
func (w *world) failing(op string, kind store.Kind, fault error) {
	st := &troubled{Store: w.store, fail: func(o string, k store.Kind) error {
		if o == op && k == kind {
			return fault
		}
		return nil
	}}
	cold, err := session.New(session.Options{Store: st, Now: w.clock.now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.install(w.newService(func(o *Options) { o.Store, o.Sessions = st, cold }))
}

// asked is a request as a browser on its way to a page makes it.
func (w *world) asked(target string, cookies ...*http.Cookie) *http.Request {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// said checks that a refusal is the one that is meant and has words for people.
func said(t *testing.T, what string, err error, status int, code string) *weberr.Error {
	t.Helper()
	e := weberr.As(err)
	if e == nil {
		t.Errorf("%s: no error, want %s (%d)", what, code, status)
		return &weberr.Error{}
	}
	if e.Status != status || e.Code != code || e.Title == "" || e.Message == "" || e.Next == "" {
		t.Errorf("%s: %+v, want %s (%d) with title, message and what to do", what, e, code, status)
	}
	return e
}

func TestFailuresAreToldApart(t *testing.T) {
	for what, tt := range map[string]struct {
		err    error
		status int
		code   string
		retry  float64
	}{
		"store away":   {storeError(store.ErrUnavailable), http.StatusServiceUnavailable, "sessions-unavailable", 10},
		"store closed": {storeError(store.ErrClosed), http.StatusServiceUnavailable, "sessions-unavailable", 10},
		"store broken": {storeError(errors.New("test")), http.StatusInternalServerError, "internal", 0},
		"bad link":     {badLink(errUnsigned), http.StatusBadRequest, "bad-link", 0},
		"forged form":  {forged(), http.StatusForbidden, "form-expired", 0},
	} {
		if e := said(t, what, tt.err, tt.status, tt.code); e.RetryAfter.Seconds() != tt.retry || e.Err == nil {
			t.Errorf("%s: come again in %s because of %v, want %v s and a reason for the log", what, e.RetryAfter, e.Err, tt.retry)
		}
	}
	if strings.Contains(weberr.As(badLink(errURLExpired)).Message, "expired") {
		t.Error("whoever made a link up is told what is wrong with it")
	}
}
