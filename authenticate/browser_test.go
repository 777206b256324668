package authenticate

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser keeps cookies as browsers do: per host, __Host- rules enforced, Lax
// cookies withheld from what another site posts.
type browser struct {
	w      *world
	t      testing.TB
	client *http.Client
	header http.Header

	mu      sync.Mutex
	jar     map[string]map[string]*http.Cookie // host -> name
	dropped bool                               // keeps no cookies at all
	lax     bool                               // brings cookies to what another site posts
}

type page struct {
	status   int
	url      *url.URL
	header   http.Header
	body     string
	trail    []string // every address visited, in order
	setCooki []*http.Cookie
}

func (w *world) browser() *browser {
	return &browser{
		w: w, t: w.t, jar: map[string]map[string]*http.Cookie{},
		client: &http.Client{
			Transport:     w.transport(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       20 * time.Second,
		},
		header: http.Header{"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}},
	}
}

// keep stores what a response sets, or fails the test when it breaks the rules
// of its name.
func (b *browser) keep(host string, cookies []*http.Cookie) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped {
		return
	}
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != "") {
			b.t.Errorf("cookie %s breaks the rules of __Host-: %+v", c.Name, c)
			continue
		}
		if b.jar[host] == nil {
			b.jar[host] = map[string]*http.Cookie{}
		}
		if c.MaxAge < 0 || (!c.Expires.IsZero() && c.Expires.Before(b.w.clock.now())) {
			delete(b.jar[host], c.Name)
			continue
		}
		b.jar[host][c.Name] = c
	}
}

func (b *browser) cookies(host string) []*http.Cookie {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*http.Cookie
	for _, c := range b.jar[host] {
		out = append(out, c)
	}
	return out
}

func (b *browser) attempts(host string) (names []string) {
	for _, c := range b.cookies(host) {
		if strings.HasPrefix(c.Name, b.w.codec.AttemptPrefix()) && !strings.HasSuffix(c.Name, landedName) {
			names = append(names, c.Name)
		}
	}
	return names
}

func (b *browser) cookie(host, name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.jar[host][name]; c != nil {
		return c.Value
	}
	return ""
}

func (b *browser) session(host string) string { return b.cookie(host, b.w.codec.Name()) }

// do sends one request and follows nothing.
func (b *browser) do(method, raw string, form url.Values, from string) *page {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, raw, body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, raw, err)
	}
	req.Header = b.header.Clone()
	host := req.URL.Host
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	site := "none"
	if from != "" {
		if site = "same-origin"; from != host {
			site = "cross-site"
		}
		if method == http.MethodPost {
			req.Header.Set("Origin", "https://"+from)
		}
	}
	req.Header.Set("Sec-Fetch-Site", site)
	if site != "cross-site" || method == http.MethodGet || b.lax { // SameSite=Lax
		for _, c := range b.cookies(host) {
			req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, raw, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(host, resp.Cookies())
	return &page{status: resp.StatusCode, url: req.URL, header: resp.Header, body: string(text), trail: []string{raw}, setCooki: resp.Cookies()}
}

// step opens an address and follows nothing.
func (b *browser) step(raw string) *page { b.t.Helper(); return b.do(http.MethodGet, raw, nil, "") }

// open follows redirects to the end, or until stop says so of the next address.
func (b *browser) open(raw string, stop ...func(*url.URL) bool) *page {
	b.t.Helper()
	return b.follow(b.step(raw), stop...)
}

func (b *browser) follow(p *page, stop ...func(*url.URL) bool) *page {
	b.t.Helper()
	trail := p.trail
	for range 40 {
		location := p.header.Get("Location")
		if p.status < 300 || p.status > 399 || location == "" {
			p.trail = trail
			return p
		}
		next, err := p.url.Parse(location)
		if err != nil {
			b.t.Fatalf("Location %q: %v", location, err)
		}
		for _, s := range stop {
			if s(next) {
				p.trail = append(trail, next.String())
				p.url = next
				return p
			}
		}
		trail = append(trail, next.String())
		p = b.do(http.MethodGet, next.String(), nil, p.url.Host)
	}
	b.t.Fatalf("redirects go round in circles: %s", strings.Join(trail[:6], "\n  "))
	return nil
}

func at(host, path string) func(*url.URL) bool {
	return func(u *url.URL) bool { return u.Host == host && u.Path == path }
}

var (
	inputTag = regexp.MustCompile(`<input[^>]*>`)
	attr     = regexp.MustCompile(`(name|value)="([^"]*)"`)
)

// fields returns the hidden fields of the page's form.
func (p *page) fields() url.Values {
	out := url.Values{}
	for _, tag := range inputTag.FindAllString(p.body, -1) {
		parts := map[string]string{}
		for _, m := range attr.FindAllStringSubmatch(tag, -1) {
			parts[m[1]] = m[2]
		}
		if parts["name"] != "" {
			out.Set(parts["name"], parts["value"])
		}
	}
	return out
}

// signIn opens the host and ends up in the application.
func (b *browser) signIn(host string) *page {
	b.t.Helper()
	p := b.open("https://" + host + "/")
	if p.status != 200 || !strings.HasPrefix(p.body, "app host="+host) {
		b.t.Fatalf("sign-in on %s ended with %d at %s:\n%s\ntrail:\n  %s", host, p.status, p.url, p.body, strings.Join(p.trail, "\n  "))
	}
	return p
}

func (b *browser) signOut(host string) *page {
	b.t.Helper()
	confirm := b.open("https://" + host + pathSignOut)
	if confirm.status != 200 || confirm.fields().Get(fieldToken) == "" {
		b.t.Fatalf("no confirmation page: %d %s\n%s", confirm.status, confirm.url, confirm.body)
	}
	return b.follow(b.do(http.MethodPost, "https://"+homeAt+pathSignOut, confirm.fields(), homeAt))
}
