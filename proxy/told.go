package proxy

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"sallyport/identity"
	"sallyport/session"
)

// subjectKey is everything that an assertion depends on.
type subjectKey struct {
	session       string
	version       uint64
	person        string
	personVersion uint64
	host          string
	uri           bool
	only          *groupFilter // that of a route: one for each
}

type assertionShard struct {
	mu sync.Mutex
	m  map[subjectKey]*told
}

// told is what is said about one subject to one host. Its fields are set once,
// before once returns; afterwards they are only read.
type told struct {
	once    sync.Once
	renewAt time.Time
	err     error
	jwt     []string // one value, ready for a header map
	headers []toldHeader
}

type toldHeader struct {
	name  string
	value []string
}

// tell returns what is said about s to host: from memory, or made once for all
// requests that ask at the same moment.
func (a *Assertions) tell(s *session.Session, p *identity.Person, host, issuerFormat string, only *groupFilter) (*told, error) {
	key := subjectKey{session: s.ID, version: s.Version, host: hostOnly(host), uri: issuerFormat == issuerURI, only: only}
	if p != nil {
		key.person, key.personVersion = p.ID, p.Version
	}
	shard := &a.shards[maphash.String(a.seed, s.ID)%assertionShards]
	now := a.now()
	t := shard.get(key, now)
	t.once.Do(func() { t.err = a.make(t, only.of(factsOf(s, p)), host, issuerFormat) })
	if t.err != nil {
		shard.drop(key, t)
		return nil, t.err
	}
	return t, nil
}

// get returns the entry of key, a new one where there is none or it is half
// spent.
func (s *assertionShard) get(key subjectKey, now time.Time) *told {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.m[key]; t != nil && now.Before(t.renewAt) {
		return t
	}
	if len(s.m) >= assertionPerShard {
		s.forget(now)
	}
	t := &told{renewAt: now.Add(assertionLife / 2), err: errUnsigned}
	s.m[key] = t
	return t
}

// forget makes room: what is spent, else whatever comes first.
func (s *assertionShard) forget(now time.Time) {
	for key, t := range s.m {
		if !now.Before(t.renewAt) {
			delete(s.m, key)
		}
	}
	for key := range s.m {
		if len(s.m) < assertionPerShard {
			break
		}
		delete(s.m, key)
	}
}

func (s *assertionShard) drop(key subjectKey, t *told) {
	s.mu.Lock()
	if s.m[key] == t {
		delete(s.m, key)
	}
	s.mu.Unlock()
}

// make signs and encodes.
func (a *Assertions) make(t *told, f facts, host, issuerFormat string) error {
	payload, err := json.Marshal(a.claims(f, host, issuerFormat))
	if err != nil {
		return fmt.Errorf("assertion: %w", err)
	}
	jws, err := a.signer.Sign(payload)
	if err != nil {
		return fmt.Errorf("sign assertion: %w", err)
	}
	jwt, err := jws.CompactSerialize()
	if err != nil {
		return fmt.Errorf("sign assertion: %w", err)
	}
	t.jwt = []string{jwt}
	for _, h := range a.headers {
		value, _ := encodeValues(f.values(h.path))
		t.headers = append(t.headers, toldHeader{h.name, []string{value}})
	}
	return nil
}
