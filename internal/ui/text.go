package ui

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText bounds any text from outside on a page, in bytes.
const maxText = 2000

// clean makes a text from outside fit to be read: html/template escapes markup,
// this removes what deceives the eye. Control characters and the ones that turn
// the direction of writing (CVE-2021-42574) become U+FFFD, so that they show.
func clean(s string) string {
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c':
			return utf8.RuneError
		case r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, s)
}

// link lets http and https addresses and paths of this host through and turns
// everything else into "": no javascript:, no "//host" that looks like a path.
func link(raw string) string {
	if raw == "" || clean(raw) != raw || strings.Contains(raw, `\`) {
		return ""
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return ""
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//"):
		return raw
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host != "":
		return raw
	}
	return ""
}

// relative says how far t is from now, in one unit.
func relative(t, now time.Time) string {
	d := now.Sub(t).Round(time.Second)
	switch {
	case d < 0 && d > -time.Minute:
		return "in less than a minute"
	case d < 0:
		return "in " + largest(-d)
	case d < time.Minute:
		return "just now"
	}
	return largest(d) + " ago"
}

// largest says d in one unit; days only from the third on. Hours and days are the
// nearest, so that a session of 14 hours does not begin with 13 left.
func largest(d time.Duration) string {
	switch {
	case d < time.Minute:
		return count(int(d.Seconds()), "second")
	case d < time.Hour:
		return count(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return count(int(d.Round(time.Hour).Hours()), "hour")
	}
	return count(int(d.Round(24*time.Hour).Hours()/24), "day")
}

// span says d exactly, to the second.
func span(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / u.size; n > 0 {
			parts = append(parts, count(int(n), u.name))
			d -= n * u.size
		}
	}
	return strings.Join(parts, " ")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// browserName is what people call the browser of a User-Agent, with its system:
// enough to tell one's own from another's. Order matters, since most claim to be
// others too.
func browserName(agent string) string {
	name := firstOf(agent, [][2]string{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	})
	system := firstOf(agent, [][2]string{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	})
	switch {
	case name == "" && system == "":
		return "A browser"
	case name == "":
		return "A browser on " + system
	case system == "":
		return name
	}
	return name + " on " + system
}

func firstOf(text string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(text, n[0]) {
			return n[1]
		}
	}
	return ""
}
