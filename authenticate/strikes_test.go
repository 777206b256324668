package authenticate

import (
	"fmt"
	"testing"
	"time"
)

func TestStrikesAreForgottenOneByOne(t *testing.T) {
	s, now := newStrikes(), time.Unix(1000, 0)
	for i := range maxStrikes {
		if s.out("a", now) {
			t.Fatalf("out after %d", i)
		}
		s.add("a", now)
	}
	if !s.out("a", now) || s.out("b", now) {
		t.Errorf("after %d: out %t, another address %t", maxStrikes, s.out("a", now), s.out("b", now))
	}
	if !s.out("a", now.Add(-time.Hour)) {
		t.Error("a clock that was put back lets the address in")
	}
	now = now.Add(strikeLife)
	if s.out("a", now) {
		t.Error("the first is not forgotten in its time")
	}
	s.add("a", now)
	if !s.out("a", now) {
		t.Error("more than the first is forgotten in the time of one")
	}
	if now = now.Add(time.Hour); s.by["a"].left(now) != 0 {
		t.Errorf("%v left after an hour, want none", s.by["a"].left(now))
	}
	s.add("a", now)
	if got := s.by["a"].left(now); got != 1 {
		t.Errorf("a new one counts %v, want 1", got)
	}
}

func TestRoomForStrikesIsMadeAtTheExpenseOfTheCleanest(t *testing.T) {
	full := func(now time.Time) *strikes {
		s := newStrikes()
		for i := range maxStriking {
			s.add(fmt.Sprint(i), now)
			if i != 77 {
				s.add(fmt.Sprint(i), now)
			}
		}
		return s
	}
	now := time.Unix(1000, 0)
	s := full(now)
	if s.add("5", now); len(s.by) != maxStriking || s.by["5"].count != 3 {
		t.Errorf("one that is known: %d remembered, it counts %v", len(s.by), s.by["5"].count)
	}
	s.add("new", now)
	if _, left := s.by["77"]; left || len(s.by) != maxStriking || s.by["new"].count != 1 {
		t.Errorf("the cleanest is left: %t; %d remembered, want %d", left, len(s.by), maxStriking)
	}
	s.add("newer", now.Add(time.Hour))
	if len(s.by) != 1 || s.by["newer"].count != 1 {
		t.Errorf("%d remembered when all others are clean, want the new one alone", len(s.by))
	}
}
