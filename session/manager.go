package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sallyport/store"
)

// Errors of sessions. The other two are kinds of ErrNone: whoever has no use for
// the difference asks errors.Is(err, ErrNone).
var (
	ErrNone    = errors.New("no such session")
	ErrExpired = fmt.Errorf("%w: expired", ErrNone)
	ErrIdle    = fmt.Errorf("%w: idle for too long", ErrNone)
)

// Options are what a Manager needs.
type Options struct {
	Store           store.Store
	Now             func() time.Time     // nil: time.Now
	Logger          *slog.Logger         // nil: none
	MaxInView       int                  // sessions kept in memory; 0: 50,000
	IdleTimeout     func() time.Duration // of the current generation; nil or 0: none
	RevocationBound time.Duration        // how long the view is trusted while the store is down; 0: not at all
}

// Manager keeps sessions: the store is the truth, the view in memory is what
// requests see.
type Manager struct{}

func New(o Options) (*Manager, error)              { return nil, errors.New("unwritten") }
func (m *Manager) Start(ctx context.Context) error { return nil }
func (m *Manager) Stop(ctx context.Context) error  { return nil }
func (m *Manager) Create(ctx context.Context, s Session) (*Session, error) {
	return nil, nil
}
func (m *Manager) Get(ctx context.Context, id string) (*Session, error) { return nil, nil }
func (m *Manager) Update(ctx context.Context, id string, change func(*Session) error) (*Session, error) {
	return nil, nil
}
func (m *Manager) End(ctx context.Context, id string, why EndReason) error { return nil }
func (m *Manager) EndSubject(ctx context.Context, subjectID string, why EndReason) (int, error) {
	return 0, nil
}
func (m *Manager) Touch(s *Session)                             {}
func (m *Manager) LastUsed(s *Session) time.Time                { return time.Time{} }
func (m *Manager) Check(s *Session, now time.Time) error        { return nil }
func (m *Manager) List(ctx context.Context) ([]*Session, error) { return nil, nil }
func (m *Manager) Live() []*Session                             { return nil }
func (m *Manager) OnEnd(f func(id string, why EndReason))       {}
