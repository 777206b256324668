package policy

import (
	"strings"
	"time"
	_ "time/tzdata" // zones, wherever the binary runs
)

// operandOf returns the text of the operand of op, "" where it is not given.
func (c *criterion) operandOf(op string) string {
	for _, m := range c.matchers {
		if m.op == op {
			return m.operands[0].value.text()
		}
	}
	return ""
}

// compileDate asks whether it is past one moment and before another.
func compileDate(c *criterion) question {
	after, _ := moment(c.operandOf("after"))
	before, _ := moment(c.operandOf("before"))
	return func(f facts) bool {
		now := f.in.Now
		return (after.IsZero() || now.After(after)) && (before.IsZero() || now.Before(before))
	}
}

// weekdays are the days as they are written, by time.Weekday.
var weekdays = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// weekday reads a day's name, or at least its first three letters.
func weekday(s string) (time.Weekday, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	for i, name := range weekdays {
		if len(s) >= 3 && strings.HasPrefix(name, s) {
			return time.Weekday(i), true
		}
	}
	return 0, false
}

// weekdaySet reads "mon-fri", "mon,wed" or "*"; a range may run over Sunday.
func weekdaySet(s string) (set [7]bool, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(part) == "*" {
			return [7]bool{true, true, true, true, true, true, true}, true
		}
		first, last, isRange := strings.Cut(part, "-")
		from, ok := weekday(first)
		to := from
		if ok && isRange {
			to, ok = weekday(last)
		}
		if !ok {
			return set, false
		}
		for d := from; ; d = (d + 1) % 7 {
			set[d] = true
			if d == to {
				break
			}
		}
	}
	return set, true
}

// compileDays asks for the day of the week, in UTC unless a zone is given.
func compileDays(c *criterion) question {
	set, _ := weekdaySet(c.operandOf("is"))
	zone := c.zone()
	return func(f facts) bool { return set[f.in.Now.In(zone).Weekday()] }
}

func (c *criterion) zone() *time.Location {
	if zone, err := time.LoadLocation(c.operandOf("timezone")); err == nil {
		return zone
	}
	return time.UTC
}

// clockLayouts are how times of day are written.
var clockLayouts = []string{"15:04:05", "15:04", "3:04:05PM", "3:04PM", "3PM"}

// clock reads a time of day as seconds since midnight.
func clock(s string) (int, bool) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	for _, layout := range clockLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Hour()*3600 + t.Minute()*60 + t.Second(), true
		}
	}
	return 0, false
}

// compileTimeOfDay asks what a clock on the wall of the zone shows, daylight
// saving included: from "after" on and before "before". Where after is the later
// one, the time runs over midnight.
func compileTimeOfDay(c *criterion) question {
	after, _ := clock(c.operandOf("after")) // midnight where it is not given
	before, hasBefore := clock(c.operandOf("before"))
	if !hasBefore {
		before = 24 * 3600
	}
	zone := c.zone()
	return func(f facts) bool {
		t := f.in.Now.In(zone)
		now := t.Hour()*3600 + t.Minute()*60 + t.Second()
		if after <= before {
			return after <= now && now < before
		}
		return after <= now || now < before
	}
}

func hadTime(f facts, c *criterion) []string {
	return some(f.in.Now.In(c.zone()).Format("Mon 2006-01-02 15:04:05 MST"))
}
