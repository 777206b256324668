package memory_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"sallyport/store"
	"sallyport/store/memory"
	"sallyport/store/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Engine {
		clock := storetest.NewClock()
		return storetest.Engine{Store: memory.New(memory.Options{Now: clock.Now}), Advance: clock.Advance, Now: clock.Now}
	})
}

func BenchmarkPut(b *testing.B) {
	s := memory.New(memory.Options{})
	value := make([]byte, 4096)
	b.ReportAllocs()
	for i := range b.N {
		r := store.Record{Kind: "session", Key: fmt.Sprint(i % 100_000), Value: value, Expires: time.Now().Add(time.Hour)}
		if _, err := s.Put(b.Context(), r, store.Any); err != nil {
			b.Fatal(err)
		}
	}
}

func TestExpiredRecordsGiveTheirMemoryBack(t *testing.T) {
	clock := storetest.NewClock()
	s := memory.New(memory.Options{Now: clock.Now})
	big := make([]byte, 1<<20)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 64 {
		r := store.Record{Kind: "handoff", Key: fmt.Sprint(i), Value: big, Expires: clock.Now().Add(time.Minute)}
		if _, err := s.Put(t.Context(), r, store.Any); err != nil {
			t.Fatal(err)
		}
	}
	if held := heap() - before; held < 32<<20 {
		t.Fatalf("64 MiB of records hold %d bytes: this test measures the wrong thing", held)
	}
	clock.Advance(2 * time.Minute)
	if _, err := s.Put(t.Context(), store.Record{Kind: "session", Key: "a"}, store.Any); err != nil {
		t.Fatal(err)
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("%d bytes held after everything expired, want about the %d of before", after, before)
	}
	runtime.KeepAlive(s)
}
