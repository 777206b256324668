package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"sallyport/store"
)

// The file:
//
//	meta                    "format" -> formatVersion; its sequence gives versions
//	expiry                  expires (8) | kind | NUL | key -> nothing
//	records / <kind>        key -> version (8) | expires (8) | sealed(expires (8) | value)
//
// Numbers are big endian, times nanoseconds since 1970, 0 for never. The expiry
// outside serves the sweeper; the sealed one must be the same, or the record
// does not open: nobody prolongs a record by writing to the disk.
var (
	bucketMeta    = []byte("meta")
	bucketExpiry  = []byte("expiry")
	bucketRecords = []byte("records")
	keyFormat     = []byte("format")
)

const (
	formatVersion = 1
	headerLen     = 16
)

func prepareFile(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketExpiry, bucketRecords} {
		if !tx.Writable() {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("it has no %s: it is not a store", name)
			}
			continue
		}
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	switch format := meta.Get(keyFormat); {
	case format == nil && tx.Writable():
		return meta.Put(keyFormat, []byte{formatVersion})
	case len(format) != 1 || format[0] != formatVersion:
		return fmt.Errorf("format %v, expected [%d]: it was written by another release", format, formatVersion)
	}
	return nil
}

// raw is a record as it lies in the file.
type raw struct {
	version uint64
	expires int64
	sealed  []byte // inside the file's mapping, good until the transaction ends
}

// find returns the live record under kind and key.
func find(tx *bbolt.Tx, kind store.Kind, key string, now time.Time) (raw, bool) {
	b := tx.Bucket(bucketRecords).Bucket([]byte(kind))
	if b == nil {
		return raw{}, false
	}
	r, ok := parse(b.Get([]byte(key)))
	if !ok || !r.alive(now) {
		return raw{}, false
	}
	return r, true
}

func parse(stored []byte) (raw, bool) {
	if len(stored) < headerLen {
		return raw{}, false
	}
	return raw{
		version: binary.BigEndian.Uint64(stored),
		expires: int64(binary.BigEndian.Uint64(stored[8:])),
		sealed:  stored[headerLen:],
	}, true
}

func (r raw) alive(now time.Time) bool { return r.expires == 0 || now.UnixNano() < r.expires }

// open gives the record its value back, in memory of its own.
func (r raw) open(sealer store.Sealer, kind store.Kind, key string) (store.Record, error) {
	plain, err := sealer.Open(kind, key, r.version, r.sealed)
	if err != nil {
		if !errors.Is(err, store.ErrUnreadable) {
			err = fmt.Errorf("%w: %w", store.ErrUnreadable, err)
		}
		return store.Record{}, err
	}
	if len(plain) < 8 || int64(binary.BigEndian.Uint64(plain)) != r.expires {
		return store.Record{}, fmt.Errorf("%w: expiry of %s record %q is not the one sealed with it", store.ErrUnreadable, kind, key)
	}
	return store.Record{Kind: kind, Key: key, Value: plain[8:], Version: r.version, Expires: toTime(r.expires)}, nil
}

// encode is the inverse of parse and open.
func encode(sealer store.Sealer, r store.Record) ([]byte, error) {
	expires := binary.BigEndian.AppendUint64(nil, uint64(toNanos(r.Expires)))
	sealed, err := sealer.Seal(r.Kind, r.Key, r.Version, append(expires, r.Value...))
	if err != nil {
		return nil, err
	}
	stored := make([]byte, 0, headerLen+len(sealed))
	stored = binary.BigEndian.AppendUint64(stored, r.Version)
	stored = append(stored, expires...)
	return append(stored, sealed...), nil
}

// lastTime is the last one that nanoseconds since 1970 can say.
var lastTime = time.Unix(0, math.MaxInt64)

func toNanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	if t.After(lastTime) {
		return math.MaxInt64
	}
	// Zero would mean never; a moment before 1970 is as long past as 1970 is.
	return max(1, t.UnixNano())
}

func toTime(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

func expiryKey(expires int64, kind store.Kind, key string) []byte {
	k := binary.BigEndian.AppendUint64(make([]byte, 0, 9+len(kind)+len(key)), uint64(expires))
	k = append(k, kind...)
	k = append(k, 0)
	return append(k, key...)
}
