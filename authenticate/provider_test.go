package authenticate

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

const tokenLife = time.Hour

// fakeProvider is an idp.Provider with a page of its own, strict about what must
// be strict: codes and refresh tokens are good once, and a refresh token that is
// used twice ends its family.
type fakeProvider struct {
	w      *world
	client string

	mu        sync.Mutex
	user      string // who signs in at the page; "" shows it and waits
	codes     map[string]grant
	refreshes map[string]string // refresh token -> family
	spent     map[string]string
	dead      map[string]bool // families
	serial    int

	authErr     error
	exchangeErr error
	refreshErr  error
	hang        chan struct{} // closed to let hung calls go on
	revokeHang  chan struct{} // never closed: Revoke ends with its context
	during      func()        // called inside Refresh
	noRefresh   bool
	noLogout    bool
	answerError string // error= instead of a code
	formPost    bool
	alter       func(*identity.Subject)

	requests  []idp.AuthRequest
	exchanges int
	refreshed int
	reuses    int
	revoked   []idp.Tokens
	revokeErr error
	budget    [2]int
	reset     time.Time
}

type grant struct {
	user, challenge, nonce, redirect string
}

func newFakeProvider(w *world, client string) *fakeProvider {
	return &fakeProvider{
		w: w, client: client, user: "alice", codes: map[string]grant{}, refreshes: map[string]string{},
		spent: map[string]string{}, dead: map[string]bool{},
	}
}

func (p *fakeProvider) locked(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *fakeProvider) wait(ctx context.Context) error {
	p.mu.Lock()
	hang := p.hang
	p.mu.Unlock()
	if hang == nil {
		return nil
	}
	select {
	case <-hang:
		return nil
	case <-ctx.Done():
		return &idp.UnavailableError{What: "too slow", Err: ctx.Err()}
	}
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (p *fakeProvider) AuthURL(ctx context.Context, r idp.AuthRequest) (string, error) {
	if err := p.wait(ctx); err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.authErr != nil {
		return "", p.authErr
	}
	p.requests = append(p.requests, r)
	q := url.Values{
		"client_id": {p.client}, "redirect_uri": {r.RedirectURI}, "state": {r.State}, "nonce": {r.Nonce},
		"code_challenge": {s256(r.Verifier)}, "code_challenge_method": {"S256"},
	}
	for k, v := range r.Params {
		q.Set(k, v)
	}
	return "https://" + idpAt + "/authorize?" + q.Encode(), nil
}

// serve is the provider's page for both clients: it signs in whoever user is.
func (p *fakeProvider) serve(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") == "second" && p.client != "second" {
		p.w.second.serve(rw, r)
		return
	}
	switch r.URL.Path {
	case "/authorize":
		p.mu.Lock()
		waiting := p.user == ""
		p.mu.Unlock()
		if waiting {
			fmt.Fprint(rw, "provider: please sign in")
			return
		}
		p.answer(rw, r, p.approve(q))
	case "/logout":
		back, _ := url.Parse(q.Get("post_logout_redirect_uri"))
		back.RawQuery = url.Values{"state": {q.Get("state")}}.Encode()
		http.Redirect(rw, r, back.String(), http.StatusFound)
	default:
		http.NotFound(rw, r)
	}
}

// approve is what the provider answers once a person has signed in.
func (p *fakeProvider) approve(q url.Values) url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	back := url.Values{"state": {q.Get("state")}, "iss": {"https://" + idpAt}}
	if p.answerError != "" {
		back.Set("error", p.answerError)
		back.Set("error_description", `<script>alert("from the provider")</script>`)
		return back
	}
	p.serial++
	code := fmt.Sprintf("code-%s-%d", p.client, p.serial)
	user := p.user
	if user == "" {
		user = "alice"
	}
	p.codes[code] = grant{user: user, challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), redirect: q.Get("redirect_uri")}
	back.Set("code", code)
	return back
}

func (p *fakeProvider) answer(rw http.ResponseWriter, r *http.Request, back url.Values) {
	target := r.URL.Query().Get("redirect_uri")
	if p.formPost {
		fmt.Fprintf(rw, "POST %s %s", target, back.Encode())
		return
	}
	http.Redirect(rw, r, target+"?"+back.Encode(), http.StatusFound)
}

func (p *fakeProvider) Exchange(ctx context.Context, c idp.Callback) (identity.Subject, idp.Tokens, error) {
	if err := p.wait(ctx); err != nil {
		return identity.Subject{}, idp.Tokens{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges++
	if p.exchangeErr != nil {
		return identity.Subject{}, idp.Tokens{}, p.exchangeErr
	}
	g, ok := p.codes[c.Code]
	delete(p.codes, c.Code)
	switch {
	case !ok, g.redirect != c.RedirectURI, s256(c.Verifier) != g.challenge:
		return identity.Subject{}, idp.Tokens{}, &idp.RefusedError{Code: "invalid_grant", Description: "code not good"}
	case c.Issuer != "https://"+idpAt:
		return identity.Subject{}, idp.Tokens{}, &idp.InvalidError{What: "iss parameter"}
	case g.nonce != c.Nonce:
		return identity.Subject{}, idp.Tokens{}, &idp.InvalidError{What: "nonce"}
	}
	who := p.subject(g.user)
	if p.alter != nil {
		p.alter(&who)
	}
	return who, p.tokens(g.user + fmt.Sprint(p.serial)), nil
}

func (p *fakeProvider) subject(user string) identity.Subject {
	return identity.Subject{
		Issuer: "https://" + idpAt, ID: "00u" + user, ClientID: p.client, Email: user + "@example.com", Name: user,
		Claims: identity.Claims{"serial": float64(p.serial)}, AuthenticatedAt: p.w.clock.now(),
	}
}

func (p *fakeProvider) tokens(family string) idp.Tokens {
	p.serial++
	t := idp.Tokens{
		Access: fmt.Sprintf("access-%s-%d", p.client, p.serial), ID: fmt.Sprintf("idtoken-%s-%d", p.client, p.serial),
		AccessExpires: p.w.clock.now().Add(tokenLife),
	}
	if !p.noRefresh {
		t.Refresh = fmt.Sprintf("refresh-%s-%d", p.client, p.serial)
		p.refreshes[t.Refresh] = family
	}
	return t
}

func (p *fakeProvider) Refresh(ctx context.Context, prev identity.Subject, t idp.Tokens) (identity.Subject, idp.Tokens, error) {
	p.mu.Lock()
	p.refreshed++
	during := p.during
	p.mu.Unlock()
	if during != nil {
		during()
	}
	if err := p.wait(ctx); err != nil {
		return identity.Subject{}, idp.Tokens{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refreshErr != nil {
		return identity.Subject{}, idp.Tokens{}, p.refreshErr
	}
	if family, used := p.spent[t.Refresh]; used {
		p.reuses++
		p.dead[family] = true
	}
	family, ok := p.refreshes[t.Refresh]
	if !ok || p.dead[family] {
		return identity.Subject{}, idp.Tokens{}, &idp.RefusedError{Code: "invalid_grant", Description: "refresh token not good"}
	}
	delete(p.refreshes, t.Refresh)
	p.spent[t.Refresh] = family
	next := p.tokens(family)
	prev.Claims = identity.Claims{"serial": float64(p.serial)}
	return prev, next, nil
}

func (p *fakeProvider) Revoke(ctx context.Context, t idp.Tokens) error {
	if err := p.wait(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revokeHang != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	p.revoked = append(p.revoked, t)
	return p.revokeErr
}

func (p *fakeProvider) LogoutURL(_ context.Context, idToken, back, state string) string {
	if p.noLogout {
		return ""
	}
	return "https://" + idpAt + "/logout?" + url.Values{
		"id_token_hint": {idToken}, "post_logout_redirect_uri": {back}, "state": {state},
	}.Encode()
}

func (p *fakeProvider) Check(context.Context) error { return nil }

func (p *fakeProvider) TokenBudget() (remaining, limit int, reset time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budget[0], p.budget[1], p.reset
}

var (
	_ idp.Provider = (*fakeProvider)(nil)
	_ idp.Budgeted = (*fakeProvider)(nil)
)
