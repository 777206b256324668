package oktatest

import "sync"

// Signing is how an ID token is signed.
type Signing int

// Ways to sign; all but SignRS256 are lies that a relying party must refuse.
const (
	SignRS256   Signing = iota // as Okta does
	SignNone                   // no signature: "header.claims."
	SignHS256                  // HMAC whose secret is the RSA public key's PEM
	SignForeign                // RS256 with a key that is not in the JWKS, under the current kid
	SignBroken                 // RS256 with one bit of the signature turned
)

// IDToken is an ID token about to be signed. Mutations change it.
type IDToken struct {
	Grant   string // "authorization_code" or "refresh_token"
	Header  map[string]any
	Claims  map[string]any
	Signing Signing
}

// Mutation makes an ID token lie. See mutations.go for those there are.
type Mutation func(*IDToken)

// Mutate applies mutations to every ID token from now on, in order, and returns
// what ends that. Access tokens stay true.
func (k *Okta) Mutate(mutations ...Mutation) (undo func()) {
	return k.lies.add(&lie{token: mutations})
}

// MutateUserInfo changes the claims of every userinfo answer from now on and
// returns what ends that.
func (k *Okta) MutateUserInfo(change func(claims map[string]any)) (undo func()) {
	return k.lies.add(&lie{userInfo: change})
}

type lies struct {
	mu  sync.Mutex
	all []*lie
}

type lie struct {
	token    []Mutation
	userInfo func(map[string]any)
}

func (l *lies) add(one *lie) (undo func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		kept := make([]*lie, 0, len(l.all))
		for _, other := range l.all {
			if other != one {
				kept = append(kept, other)
			}
		}
		l.all = kept
	}
}

func (l *lies) current() []*lie {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*lie(nil), l.all...)
}

func (l *lies) token(t *IDToken) {
	for _, one := range l.current() {
		for _, m := range one.token {
			m(t)
		}
	}
}

func (l *lies) info(claims map[string]any) {
	for _, one := range l.current() {
		if one.userInfo != nil {
			one.userInfo(claims)
		}
	}
}
