package ui

import (
	"testing"
	"time"
)

func TestTimesAreSaidInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", 59 * time.Second: "just now", time.Minute: "1 minute ago", 119 * time.Second: "1 minute ago",
		2 * time.Hour: "2 hours ago", 47 * time.Hour: "47 hours ago", 48 * time.Hour: "2 days ago",
		-time.Second: "in less than a minute", -time.Hour: "in 1 hour", -72 * time.Hour: "in 3 days",
		-14*time.Hour + 2*time.Second: "in 14 hours", -71 * time.Hour: "in 3 days", -100 * time.Minute: "in 2 hours",
	} {
		if got := relative(noon.Add(-d), noon); got != want {
			t.Errorf("relative of %v ago = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Hour: "1 hour", 90 * time.Minute: "1 hour 30 minutes", 49*time.Hour + time.Second: "2 days 1 hour 1 second",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}
