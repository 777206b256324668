package directory

import (
	"testing"
	"time"

	"sallyport/identity"
)

// T46: a process that begins after the clock was a day wrong, in either direction,
// follows at once, and what is stored does not stay young for that day where the
// source no longer answers. (While a process runs, its own clock cannot jump.)
func TestT46ClockThatWasWrongNeitherStopsFollowingNorKeepsTheDirectoryYoung(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := settled(t)
			somebody := sortedKeys(w.org.people)[0]
			w.org.status(somebody, identity.StatusActive, "user.lifecycle.unsuspend")
			w.d.now = func() time.Time { return w.org.now.Add(wrong) }
			w.s.st.FullAt = time.Time{} // has everybody listed by the wrong clock
			w.run(5 * time.Minute)
			w.start()
			w.org.faults = 1
			if w.d.Fresh(w.d.Person(somebody), time.Hour) {
				t.Error("without an answer the directory is taken for younger than an hour")
			}
			w.org.faults = 0
			w.org.status(somebody, identity.StatusSuspended, eventSuspend)
			w.run(time.Minute)
			if got := w.d.snap.Load().Person(somebody).Status; got != identity.StatusSuspended {
				t.Errorf("a minute after the clock was put right somebody suspended is %s", got)
			}
			w.run(5 * time.Minute)
			if age, _ := w.d.Age(); age > 2*time.Minute {
				t.Errorf("the age is %v, expected less than two minutes", age)
			}
			if at := w.s.st.FullAt; at.After(w.org.now) {
				t.Errorf("everybody is listed again a day after %v, and it is %v", at, w.org.now)
			}
			if wrong := w.differences(); len(wrong) > 0 {
				t.Error(wrong)
			}
		})
	}
}
