package session

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"sallyport/store"
)

const (
	idBytes = 32
	idLen   = 43 // base64url of idBytes, without padding
)

func newID() string {
	b := make([]byte, idBytes)
	rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// record is a session in the store, or the stub of one that has ended. A stub
// keeps nothing but the reason: tokens go with the session.
type record struct {
	Ended   EndReason `json:"ended,omitempty"`
	Session *Session  `json:"session,omitempty"`
}

func encode(s *Session) (store.Record, error) {
	value, err := json.Marshal(record{Session: s})
	if err != nil {
		return store.Record{}, fmt.Errorf("encode session: %w", err)
	}
	return store.Record{Kind: KindSession, Key: s.ID, Value: value, Expires: s.Expires}, nil
}

func encodeStub(id string, why EndReason, expires time.Time) (store.Record, error) {
	if why == "" {
		why = EndRevoked // an empty reason would not be a stub
	}
	value, err := json.Marshal(record{Ended: why})
	if err != nil {
		return store.Record{}, fmt.Errorf("encode end of session: %w", err)
	}
	return store.Record{Kind: KindSession, Key: id, Value: value, Expires: expires}, nil
}

// decode returns the session in r, or why it has ended.
func decode(r store.Record) (*Session, EndReason, error) {
	var rec record
	if err := json.Unmarshal(r.Value, &rec); err != nil {
		return nil, "", fmt.Errorf("decode session: %w", err)
	}
	if rec.Ended != "" {
		return nil, rec.Ended, nil
	}
	if rec.Session == nil {
		return nil, "", fmt.Errorf("decode session: record holds neither a session nor an end")
	}
	rec.Session.ID = r.Key
	rec.Session.Version = r.Version
	rec.Session.Expires = r.Expires
	return rec.Session, "", nil
}

// mentions reports, without decoding it, whether a record might have the JSON
// string s somewhere: most do not, and decoding is what a scan spends its time on.
func mentions(r store.Record, s string) bool {
	quoted, err := json.Marshal(s)
	return err != nil || bytes.Contains(r.Value, quoted)
}

func encodeUse(id string, u use) store.Record {
	value := binary.BigEndian.AppendUint64(nil, uint64(u.at))
	return store.Record{Kind: kindUse, Key: id, Value: value, Expires: u.expires}
}

// decodeUse returns when the session was used, in nanoseconds since 1970, 0 if
// the record does not say.
func decodeUse(r store.Record) int64 {
	if len(r.Value) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(r.Value))
}
