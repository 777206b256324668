package directory

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/keyring"
	"sallyport/store"
	"sallyport/store/bolt"
)

// big is a directory of the size that the numbers are stated for: 100,000 people,
// 10,000 groups of very different sizes, 1,000,000 memberships.
func big() *edit {
	const people, groups, memberships = 100_000, 10_000, 1_000_000
	rng := rand.New(rand.NewPCG(1, 2))
	e := (*Snapshot)(nil).edit()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range people {
		login := fmt.Sprintf("first%d.last%d@corp.example.com", i, i)
		e.putUser(idp.User{
			ID: personID(i), Login: login, Email: login, Name: fmt.Sprintf("First%d Last%d", i, i), Status: identity.StatusActive, LastUpdated: at,
		}, at.UnixMilli())
	}
	left := memberships
	for i := range groups {
		id := fmt.Sprintf("00g%017d", i)
		e.putGroup(idp.Group{ID: id, Name: fmt.Sprintf("Group %d of the company", i), Type: idp.GroupOkta, LastUpdated: at, LastMembershipUpdated: at})
		size := min(left, int(math.Exp(rng.NormFloat64()*1.5)*32.5), people/8)
		if i == groups-1 {
			size = min(left, people)
		}
		left -= size
		ids := make([]string, size)
		start := rng.IntN(people)
		for j := range ids {
			ids[j] = personID((start + j*7) % people)
		}
		e.setMembers(id, ids, at.UnixMilli())
	}
	return e
}

func personID(i int) string { return fmt.Sprintf("00u%017d", i) }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkMemory(b *testing.B) {
	before := heap()
	for b.Loop() {
		s, _ := big().commit(time.Now())
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
		b.ReportMetric(float64(s.counts.Memberships), "memberships")
		runtime.KeepAlive(s)
	}
}

// Somebody leaves the largest group and joins it again.
func BenchmarkOneGroupUpdated(b *testing.B) {
	s, _ := big().commit(time.Now())
	largest := handle(0)
	for h := range s.groups.n {
		if len(s.groups.at(handle(h)).members) > len(s.groups.at(largest).members) {
			largest = handle(h)
		}
	}
	b.ReportMetric(float64(len(s.groups.at(largest).members)), "members")
	b.ReportAllocs()
	in := true
	for b.Loop() {
		e := s.edit()
		m := handle(b.N % 1000)
		if in = !in; in {
			e.join(largest, m)
		} else {
			e.leave(largest, m)
		}
		s, _ = e.commit(time.Now())
	}
}

func BenchmarkPersonLookedUp(b *testing.B) {
	s, _ := big().commit(time.Now())
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if p := s.Person("00u00000000000000042"); p == nil || p.HasGroup("nobody") {
			b.Fatal("unknown")
		}
		i++
	}
}

func BenchmarkStartFromDisk(b *testing.B) {
	dir := b.TempDir()
	ring, err := keyring.New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	st, err := bolt.Open(bolt.Options{Dir: dir, Sealer: store.NewSealer(ring)})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	d, err := New(Options{Source: newOrganisation(1), Store: st})
	if err != nil {
		b.Fatal(err)
	}
	s, c := big().commit(time.Now())
	began := time.Now()
	if err := d.save(context.Background(), s, c, state{Org: "x", Whole: true, Ready: true}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/write-all")
	for b.Loop() {
		d, err := New(Options{Source: newOrganisation(1), Store: st})
		if err != nil {
			b.Fatal(err)
		}
		if err := d.loadWhole(context.Background()); err != nil || d.snap.Load() == nil || d.snap.Load().counts != s.counts {
			b.Fatal(err)
		}
	}
}
