package bolt

import (
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"sallyport/store"
)

// writeTx is one write transaction as the calls see it: it reads what earlier
// writes of the same transaction did, and gathers the changes for the feed.
type writeTx struct {
	now     time.Time
	sealer  store.Sealer
	tx      *bbolt.Tx
	meta    *bbolt.Bucket
	expiry  *bbolt.Bucket
	records *bbolt.Bucket
	changes []store.Change
}

func (t *writeTx) bind(tx *bbolt.Tx) {
	t.tx = tx
	t.meta = tx.Bucket(bucketMeta)
	t.expiry = tx.Bucket(bucketExpiry)
	t.records = tx.Bucket(bucketRecords)
}

func (t *writeTx) find(kind store.Kind, key string) (raw, bool) {
	return find(t.tx, kind, key, t.now)
}

// nextVersion is the version that the next put will have.
func (t *writeTx) nextVersion() uint64 { return t.meta.Sequence() + 1 }

// put writes r whatever stands there and returns it with its version.
func (t *writeTx) put(r store.Record) (store.Record, error) {
	version, err := t.meta.NextSequence()
	if err != nil {
		return r, &fileError{err}
	}
	r.Version = version
	r.Expires = toTime(toNanos(r.Expires))
	r.Value = slices.Clone(r.Value)
	stored, err := encode(t.sealer, r)
	if err != nil {
		return r, &fileError{err}
	}
	b, err := t.records.CreateBucketIfNotExists([]byte(r.Kind))
	if err != nil {
		return r, &fileError{err}
	}
	if err := t.unindex(b, r.Kind, r.Key); err != nil {
		return r, err
	}
	if err := b.Put([]byte(r.Key), stored); err != nil {
		return r, &fileError{err}
	}
	if nanos := toNanos(r.Expires); nanos != 0 {
		if err := t.expiry.Put(expiryKey(nanos, r.Kind, r.Key), nil); err != nil {
			return r, &fileError{err}
		}
	}
	t.changes = append(t.changes, store.Change{Record: r})
	return r, nil
}

// remove deletes a record that stands there.
func (t *writeTx) remove(kind store.Kind, key string) error {
	version, err := t.meta.NextSequence()
	if err != nil {
		return &fileError{err}
	}
	if err := t.erase(kind, key); err != nil {
		return err
	}
	t.changes = append(t.changes, store.Change{Deleted: true, Record: store.Record{Kind: kind, Key: key, Version: version}})
	return nil
}

// erase deletes a record, if there is one, without telling anybody.
func (t *writeTx) erase(kind store.Kind, key string) error {
	b := t.records.Bucket([]byte(kind))
	if b == nil {
		return nil
	}
	if err := t.unindex(b, kind, key); err != nil {
		return err
	}
	if err := b.Delete([]byte(key)); err != nil {
		return &fileError{err}
	}
	return nil
}

// unindex drops the expiry of the record that stands in b under key.
func (t *writeTx) unindex(b *bbolt.Bucket, kind store.Kind, key string) error {
	standing, ok := parse(b.Get([]byte(key)))
	if !ok || standing.expires == 0 {
		return nil
	}
	if err := t.expiry.Delete(expiryKey(standing.expires, kind, key)); err != nil {
		return &fileError{err}
	}
	return nil
}
