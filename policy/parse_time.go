package policy

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// The forms of dates, days, zones and times.
var (
	momentForm = form{what: "a time such as 2026-01-31T12:00:00Z", hint: hintMoment, good: func(s string) bool { _, err := moment(s); return err == nil }}
	daysForm   = form{what: `days such as "mon-fri", "sat,sun" or "*"`, hint: hintDays, good: func(s string) bool { _, ok := weekdaySet(s); return ok }}
	clockForm  = form{what: `a time of day such as "16:30" or "4:30PM"`, hint: hintClock, good: func(s string) bool { _, ok := clock(s); return ok }}
	zoneForm   = form{what: `a time zone such as "UTC" or "Europe/Zurich"`, hint: hintZone, good: func(s string) bool {
		_, err := time.LoadLocation(s)
		return err == nil && s != "" && s != "Local"
	}}
)

// momentLayouts are how moments are written; where no zone is given they are UTC.
var momentLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

// moment reads a date, or a date and a time.
func moment(s string) (t time.Time, err error) {
	for _, layout := range momentLayouts {
		if t, err = time.Parse(layout, s); err == nil || strings.Contains(err.Error(), "out of range") {
			return t, err
		}
	}
	return t, err
}

func hintMoment(s string) string {
	switch _, err := moment(s); {
	case err != nil && strings.Contains(err.Error(), "out of range"):
		return "there is no such day or time"
	case strings.Contains(s, " "):
		return `write "T" between the date and the time, and no spaces`
	}
	return ""
}

func hintDays(s string) string {
	if s == "" {
		return `write them as one text: "mon,tue"`
	}
	return "days are English, in full or by their first three letters"
}

func hintClock(s string) string {
	switch {
	case strings.HasPrefix(s, "24"):
		return "a day ends before 24:00: leave before out, for until midnight"
	case strings.Trim(s, "0123456789") == "":
		return "say the minutes, or AM or PM"
	}
	return ""
}

func hintZone(string) string {
	return `zones are called as in the IANA database, most of them after a city: abbreviations such as "CEST" and offsets know no daylight saving`
}

// dates reads {after, before}.
func (p *parser) dates(n *yaml.Node, c *criterion) {
	p.fields(n, c, []string{"after", "before"}, func(m member, v *yaml.Node) {
		if o, ok := p.texted(v, m.name, c, momentForm); ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
	after, _ := moment(c.operandOf("after")) // long ago where it is not given
	before, err := moment(c.operandOf("before"))
	if err == nil && !after.Before(before) {
		p.problem(n, "", "after is not before before: %q never holds", c.name())
	}
}

// days reads text, or {is, timezone}.
func (p *parser) days(n *yaml.Node, c *criterion) {
	if n.Kind != yaml.MappingNode {
		if o, ok := p.texted(n, "is", c, daysForm); ok {
			c.match(o.pos, "is", o)
		}
		return
	}
	named := false
	p.fields(n, c, []string{"is", "timezone"}, func(m member, v *yaml.Node) {
		if m.name == "timezone" {
			p.timezone(m, v, c)
			return
		}
		named = true
		if o, ok := p.texted(v, m.name, c, daysForm); ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
	if !named && len(n.Content) > 0 {
		p.problem(n, "write is: mon-fri", "%q names no days", c.name())
	}
}

func (p *parser) timezone(m member, v *yaml.Node, c *criterion) {
	if o, ok := p.texted(v, m.name, c, zoneForm); ok {
		c.match(p.position(m.key), m.name, o)
	}
}

// timeOfDay reads {timezone, after, before}.
func (p *parser) timeOfDay(n *yaml.Node, c *criterion) {
	named := map[string]bool{}
	p.fields(n, c, []string{"timezone", "after", "before"}, func(m member, v *yaml.Node) {
		named[m.name] = true
		if m.name == "timezone" {
			p.timezone(m, v, c)
		} else if o, ok := p.texted(v, m.name, c, clockForm); ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
	after, okAfter := clock(c.operandOf("after"))
	before, okBefore := clock(c.operandOf("before"))
	switch {
	case named["timezone"] && !named["after"] && !named["before"]:
		p.problem(n, "give after, before or both", "%q names no time", c.name())
	case okBefore && !named["after"] && before == 0:
		p.problem(n, "leave before out, for until midnight", "no time is before midnight: %q never holds", c.name())
	case okAfter && okBefore && after == before:
		p.problem(n, "", "after and before are the same: %q never holds", c.name())
	}
}
