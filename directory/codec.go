package directory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// Records of a snapshot are binary: a format number, then varints and texts with
// their length before them. JSON would be read five times slower at a start.
const recordFormat = 1

var errRecord = errors.New("directory record is malformed")

type encoder struct{ b []byte }

func (e *encoder) int(v int64)   { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) uint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) text(s string) { e.uint(uint64(len(s))); e.b = append(e.b, s...) }

func (e *encoder) bool(v bool) {
	e.b = append(e.b, byte(live(v)))
}

// time has the seconds and thousandths that listings have; 0 is no time.
func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.int(0)
		return
	}
	e.int(t.UnixMilli())
}

// decoder reads what encoder wrote. After the first failure everything is zero
// and err is set.
type decoder struct {
	b   []byte
	all string // the same bytes, for texts to share
	err error
}

func newDecoder(value []byte) *decoder {
	d := &decoder{b: value, all: string(value)}
	if format := d.uint(); d.err == nil && format != recordFormat {
		d.err = fmt.Errorf("directory record has format %d, expected %d", format, recordFormat)
	}
	return d
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errRecord
	}
	d.b = nil
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// piece returns a text that shares the memory of the whole record.
func (d *decoder) piece() string {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	from := len(d.all) - len(d.b)
	d.b = d.b[n:]
	return d.all[from : from+int(n)]
}

func (d *decoder) bool() bool {
	if len(d.b) == 0 {
		d.fail()
		return false
	}
	v := d.b[0] != 0
	d.b = d.b[1:]
	return v
}

func (d *decoder) time() time.Time {
	if ms := d.int(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// length is a count of things that take a byte each at least.
func (d *decoder) length() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.err = errRecord
	}
	return d.err
}

func (e *encoder) person(h handle, p *personNode) {
	e.uint(uint64(h))
	e.text(p.ID)
	e.bool(p.known)
	e.bool(p.gone)
	e.text(p.Login)
	if p.Email == p.Login {
		e.bool(true)
	} else {
		e.bool(false)
		e.text(p.Email)
	}
	e.text(p.Name)
	e.text(string(p.Status))
	e.time(p.LastUpdated)
	e.int(p.asOf)
	e.int(p.groupsAsOf)
	e.int(p.merged)
	e.uint(p.version)
	e.uint(uint64(len(p.Profile)))
	names := make([]string, 0, len(p.Profile))
	for name := range p.Profile {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e.text(name)
		e.uint(uint64(len(p.Profile[name])))
		for _, v := range p.Profile[name] {
			e.text(v)
		}
	}
}

// statuses are shared by all people.
var statuses = map[string]identity.Status{
	string(identity.StatusStaged): identity.StatusStaged, string(identity.StatusProvisioned): identity.StatusProvisioned,
	string(identity.StatusActive): identity.StatusActive, string(identity.StatusRecovery): identity.StatusRecovery,
	string(identity.StatusPasswordExpired): identity.StatusPasswordExpired, string(identity.StatusLockedOut): identity.StatusLockedOut,
	string(identity.StatusSuspended): identity.StatusSuspended, string(identity.StatusDeprovisioned): identity.StatusDeprovisioned,
}

func internStatus(s string) identity.Status {
	if known, ok := statuses[s]; ok {
		return known
	}
	return identity.Status(strings.Clone(s))
}

// maxHandle bounds what a malformed record can ask for.
const maxHandle = 1 << 26

func (d *decoder) handle() handle {
	h := d.uint()
	if h >= maxHandle {
		d.fail()
		return 0
	}
	return handle(h)
}

func (d *decoder) person() (handle, *personNode) {
	p := &personNode{}
	h := d.handle()
	p.ID = d.piece()
	p.known, p.gone = d.bool(), d.bool()
	p.Login = d.piece()
	if p.Email = p.Login; !d.bool() {
		p.Email = d.piece()
	}
	p.Name = d.piece()
	p.Status = internStatus(d.piece())
	p.LastUpdated = d.time()
	p.asOf, p.groupsAsOf, p.merged, p.version = d.int(), d.int(), d.int(), d.uint()
	for range d.length() {
		if p.Profile == nil {
			p.Profile = map[string][]string{}
		}
		name := d.piece()
		values := make([]string, d.length())
		for i := range values {
			values[i] = d.piece()
		}
		p.Profile[name] = values
	}
	return h, p
}

// group writes a group with the handles of its members, each as the step from
// the one before.
func (e *encoder) group(g *groupNode) {
	e.text(g.ID)
	e.bool(g.gone)
	e.text(g.Name)
	e.text(string(g.Type))
	e.time(g.LastUpdated)
	e.time(g.LastMembershipUpdated)
	e.int(int64(g.Users))
	e.int(g.readAt)
	e.int(int64(g.offset))
	e.uint(g.version)
	e.uint(uint64(len(g.members)))
	last := handle(0)
	for _, m := range g.members {
		e.uint(uint64(m - last))
		last = m
	}
}

func internType(s string) idp.GroupType {
	for _, t := range []idp.GroupType{idp.GroupOkta, idp.GroupApp, idp.GroupBuiltIn} {
		if string(t) == s {
			return t
		}
	}
	return idp.GroupType(strings.Clone(s))
}

// group returns a group and its members, in order.
func (d *decoder) group() (*groupNode, []handle) {
	g := &groupNode{}
	g.ID = strings.Clone(d.piece())
	g.gone = d.bool()
	g.Name = strings.Clone(d.piece())
	g.Type = internType(d.piece())
	g.LastUpdated, g.LastMembershipUpdated = d.time(), d.time()
	g.Users, g.readAt, g.offset = int(d.int()), d.int(), int(d.int())
	g.version = d.uint()
	members := make([]handle, d.length())
	last := handle(0)
	for i := range members {
		step := d.handle()
		if i > 0 && step == 0 {
			d.fail() // somebody twice
		}
		last += step
		if members[i] = last; last >= maxHandle {
			d.fail()
			return g, nil
		}
	}
	return g, members
}
