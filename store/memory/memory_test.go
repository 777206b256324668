package memory_test

import (
	"fmt"
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
