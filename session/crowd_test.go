package session

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// T36: a thousand people at once, each with two requests on a cold replica: each
// request finds its own session, and each session is asked for once at most
// while its question is out.
func TestManyPeopleAtOnceFindTheirOwnSessions(t *testing.T) {
	const people = 1000
	b, codec := newBench(t), newTestCodec(t)
	m, before := b.manager(), b.manager()
	sessions, cookies := make([]*Session, people), make([]*http.Cookie, people)
	for i := range people {
		sessions[i] = b.create(before, fmt.Sprintf("u%d", i))
		w := httptest.NewRecorder()
		codec.SetSession(w, codec.Name(), testHost, sessions[i])
		cookies[i] = w.Result().Cookies()[0]
	}
	b.store.gets.Store(0)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 2 * people {
		wg.Go(func() {
			want := sessions[i%people]
			r := requestWith(cookies[i%people].Name + "=" + cookies[i%people].Value)
			<-start
			id, ok := codec.SessionID(r, codec.Name(), testHost)
			if !ok || id != want.ID {
				t.Errorf("the cookie of %s names %.8q", want.Subject.ID, id)
				return
			}
			got, err := m.Get(t.Context(), id)
			if err != nil || got.ID != want.ID || got.Subject.ID != want.Subject.ID || got.Subject.Email != want.Subject.Email {
				t.Errorf("%s asked and got %+v, %v", want.Subject.ID, got, err)
			}
		})
	}
	close(start)
	wg.Wait()
	if n := b.store.gets.Load(); n != people {
		t.Errorf("the store was asked %d times for %d sessions", n, people)
	}
}
