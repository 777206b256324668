// Package store is the contract of the one place where state outlives a
// process: records in kinds, with versions, expiry, an atomic take, leases and
// a feed of changes. It says what every engine must do; store/bolt (default),
// store/memory and later engines do it and pass store/storetest. What records
// mean is known to the packages that write them (session, authenticate,
// directory). The hot path never calls a store: it reads views fed by Watch.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that callers branch on; engines wrap them. ErrUnavailable says nothing
// about a record: the engine cannot answer now. ErrClosed is one kind of it.
// ErrUnreadable is a record that stands but whose value does not open: its key
// has left the ring, or somebody changed it on the disk.
var (
	ErrNotFound    = errors.New("store: not found")
	ErrConflict    = errors.New("store: version conflict")
	ErrUnreadable  = errors.New("store: value does not open")
	ErrUnavailable = errors.New("store: unavailable")
	ErrClosed      = fmt.Errorf("%w: closed", ErrUnavailable)
)

// Kind names a family of records: "session", "handoff", "person", ... A kind is
// 1 to 64 bytes without NUL, a key 1 to 1024 bytes. KindLease is the engines' own.
type Kind string

// Record is one value under (Kind, Key).
type Record struct {
	Kind Kind
	Key  string
	// Value is opaque to the store and sealed before it reaches a disk or a wire.
	// One that comes from Get, Put or Take is the caller's own; one that comes by
	// the feed is shared by all readers and must not be changed.
	Value []byte
	// Version is given by the store: greater than that of any earlier write of
	// any record of this store.
	Version uint64
	// Expires is when the record ceases to exist; zero means never. An expired
	// record is never returned, swept or not.
	Expires time.Time
}

// Change is one entry of the feed. Reset says that changes may have been lost
// and the reader must scan anew; nothing else is set then.
type Change struct {
	Record  Record // after Deleted, only Kind, Key and Version are set
	Deleted bool
	Reset   bool
}

// Expect is what Put demands of the record that stands there.
type Expect struct {
	set, absent bool
	version     uint64
}

// Any writes whatever stands there; Absent only where nothing does; Is only over
// that version.
var (
	Any    = Expect{}
	Absent = Expect{set: true, absent: true}
)

// Is expects the record to stand at version v.
func Is(v uint64) Expect { return Expect{set: true, version: v} }

// Holds reports whether e is met by the standing version, 0 meaning none.
func (e Expect) Holds(standing uint64) bool {
	switch {
	case !e.set:
		return true
	case e.absent:
		return standing == 0
	}
	return standing == e.version && standing != 0
}

// Store is implemented by every engine. All methods are safe for concurrent
// use. Errors wrap the sentinels above; anything else is a fault of the engine.
type Store interface {
	// Get returns the record or ErrNotFound.
	Get(ctx context.Context, kind Kind, key string) (Record, error)
	// Put writes r (its Version is ignored) and returns it with the new version,
	// or ErrConflict. On return the write survives a crash of the process.
	Put(ctx context.Context, r Record, expect Expect) (Record, error)
	// PutAll writes all records in one transaction, whatever stands there.
	PutAll(ctx context.Context, rs []Record) error
	// Take returns the record and deletes it in one atomic step: of any number
	// of concurrent takers exactly one succeeds, the others get ErrNotFound. One
	// that is unreadable is deleted all the same.
	Take(ctx context.Context, kind Kind, key string) (Record, error)
	// Delete removes the record; that it is absent is no error.
	Delete(ctx context.Context, kind Kind, key string) error
	// Scan calls f for each live record whose key has the prefix, in key order,
	// over one consistent view, until f returns an error, which it returns. A
	// record that is unreadable is passed over. f must not call the store: an
	// engine may hold a transaction open meanwhile.
	Scan(ctx context.Context, kind Kind, prefix string, f func(Record) error) error
	// Count returns how many live records the prefix covers.
	Count(ctx context.Context, kind Kind, prefix string) (int, error)
	// Watch feeds every change of the kinds (none: of all) made after it returned,
	// own writes included, in version order, until ctx ends or the engine closes;
	// then the channel is closed. A reader that lags gets a Reset. Expiry makes no
	// change.
	Watch(ctx context.Context, kinds ...Kind) (<-chan Change, error)
	// Acquire takes or renews the named lease for holder until now+ttl. held is
	// false when another holder has it; fence is the holder's then, for logs. The
	// fence grows with every change of holder and never shrinks.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (fence uint64, held bool, err error)
	// Release gives the lease up if holder has it.
	Release(ctx context.Context, name, holder string) error
	// Ping reports whether the engine can read and write.
	Ping(ctx context.Context) error
	// Close ends feeds and releases the engine; calls after it get ErrClosed.
	Close() error
}

// Sealer protects values at rest. Kind, key and version are associated data: a
// value moved to another record, or an older one put back, does not open.
type Sealer interface {
	Seal(kind Kind, key string, version uint64, plain []byte) ([]byte, error)
	Open(kind Kind, key string, version uint64, sealed []byte) ([]byte, error)
}
