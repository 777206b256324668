package okta

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/oktatest"
)

const serviceID = "0oaservice0000000001"

// ecJWK is a private key and its public half under that id.
func ecJWK(t *testing.T, id string) (private string, public jose.JSONWebKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := (&jose.JSONWebKey{Key: key, KeyID: id}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), jose.JSONWebKey{Key: &key.PublicKey, KeyID: id}
}

// service is an organisation whose directory is read by an app.
type service struct {
	*oktatest.Okta
	d    *Directory
	logs *bytes.Buffer
	now  *time.Time
}

func (s *service) tokens() *tokens { return s.d.transport.credential.(*tokens) }

// asked counts requests for tokens.
func (s *service) asked() int { return s.Count("POST", tokenPath) }

func newService(t *testing.T, change func(*oktatest.Client), options ...func(*Options)) *service {
	t.Helper()
	private, public := ecJWK(t, "k1")
	k := standIn(t, 3)
	c := oktatest.Client{ID: serviceID, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, APIScopes: Scopes, Role: oktatest.ReadOnlyAdmin}
	if change != nil {
		change(&c)
	}
	k.AddClient(c)
	now := time.Now()
	s := &service{Okta: k, logs: &bytes.Buffer{}, now: &now}
	var mu sync.Mutex
	s.d, _ = under(t, k.URL(), append([]func(*Options){func(o *Options) {
		o.APIKey, o.ServiceAccount = "", fmt.Appendf(nil, `{"client_id":%q,"private_key":%s}`, serviceID, private)
		o.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: s.logs, mu: &mu}, nil))
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return *s.now }
	}}, options...)...)
	return s
}

type lockedWriter struct {
	w  *bytes.Buffer
	mu *sync.Mutex
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (s *service) read(t *testing.T) {
	t.Helper()
	if p, err := s.d.Person(context.Background(), aliceID); err != nil || p.ID != aliceID {
		t.Fatalf("got %v, %v", p, err)
	}
}
