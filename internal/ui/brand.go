package ui

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Brand is how the pages introduce themselves; the zero value is ours. What is
// not of the stated form is left out.
type Brand struct {
	Name string // product or organisation; "" is "Sallyport"
	// Logo is a data: URL of an image in base64.
	Logo string
	// Accent is the colour of buttons and links, "#rrggbb"; AccentDark that of
	// dark pages, "" makes it from Accent.
	Accent, AccentDark string
	// SupportURL is where help is found, https: or mailto:; SupportText is what
	// the link says, "" is "Get help".
	SupportURL, SupportText string
}

// brandView is a Brand as templates see it.
type brandView struct {
	Name        string
	Logo        template.URL
	SupportURL  string
	SupportText string
}

var dataImage = regexp.MustCompile(`^data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*$`)

func (b Brand) view() brandView {
	v := brandView{Name: b.Name, SupportText: b.SupportText}
	if v.Name == "" {
		v.Name = "Sallyport"
	}
	if dataImage.MatchString(b.Logo) {
		v.Logo = template.URL(b.Logo) // an image in an <img>: nothing in it runs
	}
	if SupportLink(b.SupportURL) {
		v.SupportURL = b.SupportURL
	}
	if v.SupportText == "" {
		v.SupportText = "Get help"
	}
	return v
}

// SupportLink reports whether people may be sent there for help.
func SupportLink(raw string) bool {
	if address, ok := strings.CutPrefix(raw, "mailto:"); ok {
		return clean(raw) == raw && strings.Count(address, "@") == 1 && !strings.ContainsAny(address, " <>\"\\")
	}
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https" && link(raw) != ""
}

// The grounds that accents are read on: --card of style.css, which a test
// compares.
const (
	cardLight = "#ffffff"
	cardDark  = "#1c2220"
)

var hexColour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// Colour returns a colour written as "#rrggbb" or "#rgb" in one spelling.
func Colour(s string) (string, bool) {
	s = strings.ToLower(s)
	if len(s) == 4 && s[0] == '#' {
		s = "#" + strings.Repeat(s[1:2], 2) + strings.Repeat(s[2:3], 2) + strings.Repeat(s[3:4], 2)
	}
	return s, hexColour.MatchString(s)
}

// AccentContrast is the contrast of an accent with the ground it is read on, 1
// to 21 as WCAG 2.2 computes it; text needs 4.5. colour is as Colour returns it.
func AccentContrast(colour string, dark bool) float64 {
	if dark {
		return contrast(colour, cardDark)
	}
	return contrast(colour, cardLight)
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is WCAG 2.2's relative luminance of "#rrggbb".
func luminance(colour string) float64 {
	var l float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(channel(colour, i)) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func channel(colour string, i int) uint64 {
	n, _ := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
	return n
}

// style is what a brand adds to the stylesheet. Paper stays black on white.
func (b Brand) style() string {
	if !hexColour.MatchString(b.Accent) {
		b.Accent = ""
	}
	if !hexColour.MatchString(b.AccentDark) {
		b.AccentDark = lighter(b.Accent)
	}
	var css string
	if b.Accent != "" {
		css += "@media screen{:root{" + properties(b.Accent) + "}}"
	}
	if b.AccentDark != "" {
		css += "@media screen and (prefers-color-scheme: dark){:root{" + properties(b.AccentDark) + "}}"
	}
	return css
}

// properties sets the accent, and black or white upon it, whichever reads better.
func properties(accent string) string {
	on := "#ffffff"
	if contrast(accent, "#000000") > contrast(accent, on) {
		on = "#000000"
	}
	return "--accent:" + accent + ";--on-accent:" + on
}

// lighter mixes white into a colour until it can be read on a dark page.
func lighter(colour string) string {
	if colour == "" {
		return ""
	}
	mixed := colour
	for white := 0; white <= 100 && AccentContrast(mixed, true) < 4.5; white += 5 {
		var c [3]uint64
		for i := range c {
			own := channel(colour, i)
			c[i] = own + (255-own)*uint64(white)/100
		}
		mixed = fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2])
	}
	return mixed
}
