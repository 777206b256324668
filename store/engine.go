package store

import (
	"encoding/json"
	"fmt"
	"strings"
)

// KindLease is where engines keep leases.
const KindLease Kind = "lease"

const (
	maxKind = 64
	maxKey  = 1024
)

// CheckKey is for engines: it reports what is wrong with the address of a
// record, or nil.
func CheckKey(kind Kind, key string) error {
	switch {
	case kind == "" || len(kind) > maxKind || strings.ContainsRune(string(kind), 0):
		return fmt.Errorf("store: kind %q, expected 1 to %d bytes without NUL", kind, maxKind)
	case key == "" || len(key) > maxKey:
		return fmt.Errorf("store: key of %d bytes in kind %q, expected 1 to %d", len(key), kind, maxKey)
	}
	return nil
}

type lease struct {
	Holder string `json:"holder"`
	Fence  uint64 `json:"fence"`
}

// Grant is for engines: it decides whether holder gets a lease. standing is the
// value of the live lease record, nil if there is none, next the version that a
// write would have, which is the fence of a new holder: versions only grow, so
// fences do, even over a lease that was released or lapsed. value is to be
// written when held.
func Grant(standing []byte, holder string, next uint64) (value []byte, fence uint64, held bool, err error) {
	if standing != nil {
		var l lease
		if err := json.Unmarshal(standing, &l); err != nil {
			return nil, 0, false, fmt.Errorf("%w: lease: %w", ErrUnreadable, err)
		}
		return standing, l.Fence, l.Holder == holder, nil
	}
	value, err = json.Marshal(lease{Holder: holder, Fence: next})
	return value, next, err == nil, err
}
