package harness

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// Browser is one person's browser: host-only cookies by exact host (ports share
// them, as RFC 6265 has it), the headers of a navigation, redirects followed one
// by one.
type Browser struct {
	t      testing.TB
	client *http.Client
	mu     sync.Mutex
	jar    map[string]map[string]string // host -> name -> value
	// Trail is every URL requested, in order.
	Trail []string
	// Plain speaks http where URLs say https, to a proxy behind a TLS terminator.
	Plain bool
	// Emitted is every header and body received, for the test on secrets.
	Emitted strings.Builder
}

// Page is what the browser shows.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
}

// NewBrowser returns one without cookies.
func NewBrowser(t testing.TB) *Browser {
	b := &Browser{t: t, jar: map[string]map[string]string{}}
	transport := &http.Transport{DialContext: DialLoopback, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

// Get navigates to a URL and follows redirects until a page rests.
func (b *Browser) Get(target string) *Page { b.t.Helper(); return b.follow("GET", target, nil, "none") }

// Step navigates without following the redirect.
func (b *Browser) Step(target string) *Page {
	b.t.Helper()
	return b.do("GET", target, nil, "none", nil)
}

// Fetch is what a script does: no navigation, no redirects followed.
func (b *Browser) Fetch(method, target string, header http.Header) *Page {
	b.t.Helper()
	h := http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"}, "Accept": {"*/*"}}
	for k, v := range header {
		h[k] = v
	}
	return b.do(method, target, nil, "", h)
}

func (b *Browser) follow(method, target string, form url.Values, origin string) *Page {
	b.t.Helper()
	for range 20 {
		p := b.do(method, target, form, origin, nil)
		loc := p.Header.Get("Location")
		if p.Status < 300 || p.Status > 399 || loc == "" {
			return p
		}
		next, err := p.URL.Parse(loc)
		if err != nil {
			b.t.Fatalf("redirect to %q: %v", loc, err)
		}
		target = next.String()
		if p.Status != http.StatusTemporaryRedirect && p.Status != http.StatusPermanentRedirect {
			method, form = "GET", nil
		}
	}
	b.t.Fatalf("redirected more than 20 times: %s", strings.Join(b.Trail[max(0, len(b.Trail)-20):], "\n"))
	return nil
}

func (b *Browser) do(method, target string, form url.Values, origin string, header http.Header) *Page {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.dress(req, form != nil, origin, header)
	shown := *req.URL
	if b.Plain {
		req.URL.Scheme = "http"
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, target, err)
	}
	b.keep(req.URL.Hostname(), resp)
	b.mu.Lock()
	b.Trail = append(b.Trail, target)
	fmt.Fprintf(&b.Emitted, "%s %s\n%s\n", method, target, content)
	_ = resp.Header.Write(&b.Emitted)
	b.mu.Unlock()
	return &Page{URL: &shown, Status: resp.StatusCode, Header: resp.Header, Body: string(content)}
}

func (b *Browser) dress(req *http.Request, form bool, origin string, header http.Header) {
	req.Header.Set("User-Agent", "Mozilla/5.0 (harness)")
	if header == nil {
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		req.Header.Set("Sec-Fetch-User", "?1")
	}
	if form {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
	}
	for k, v := range header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range b.jar[req.URL.Hostname()] {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
}

// keep stores cookies as RFC 6265bis says of the __Host- prefix.
func (b *Browser) keep(host string, resp *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != "") {
			b.t.Errorf("%s: a browser refuses cookie %s: Secure, Path=/ and no Domain are required", host, c.Name)
			continue
		}
		if b.jar[host] == nil {
			b.jar[host] = map[string]string{}
		}
		if c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Before(time.Now()) || c.Value == "" {
			delete(b.jar[host], c.Name)
			continue
		}
		b.jar[host][c.Name] = c.Value
	}
}

// Cookies returns a copy of what the browser holds for a host.
func (b *Browser) Cookies(host string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]string{}
	for k, v := range b.jar[host] {
		out[k] = v
	}
	return out
}

// SetCookie plants a cookie.
func (b *Browser) SetCookie(host, name, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jar[host] == nil {
		b.jar[host] = map[string]string{}
	}
	b.jar[host][name] = value
}

// Forget drops all cookies of a host.
func (b *Browser) Forget(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.jar, host)
}

// SignIn navigates to target and signs in on the stand-in's page when it comes.
func (b *Browser) SignIn(target, user, password string) *Page {
	b.t.Helper()
	p := b.Get(target)
	if !strings.Contains(p.URL.Host, "okta") {
		return p
	}
	return b.Submit(p, map[string]string{"username": user, "password": password})
}

// Submit fills in and sends the first form of a page that has all the fields.
func (b *Browser) Submit(p *Page, fields map[string]string) *Page {
	b.t.Helper()
	action, method, values, err := findForm(p, fields)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", p.URL, err, p.Body)
	}
	for k, v := range fields {
		values.Set(k, v)
	}
	if method == "GET" {
		action.RawQuery = values.Encode()
		return b.follow("GET", action.String(), nil, "none")
	}
	return b.follow("POST", action.String(), values, p.URL.Scheme+"://"+p.URL.Host)
}

// findForm returns the first form holding all the named fields.
func findForm(p *Page, fields map[string]string) (*url.URL, string, url.Values, error) {
	doc, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		return nil, "", nil, err
	}
	for form := range doc.Descendants() {
		if form.Type != html.ElementNode || form.Data != "form" {
			continue
		}
		values := url.Values{}
		for n := range form.Descendants() {
			if n.Type == html.ElementNode && attr(n, "name") != "" && (n.Data == "input" || n.Data == "button" || n.Data == "select") {
				values.Set(attr(n, "name"), attr(n, "value"))
			}
		}
		missing := false
		for k := range fields {
			_, ok := values[k]
			missing = missing || !ok
		}
		if missing {
			continue
		}
		action, err := p.URL.Parse(attr(form, "action"))
		return action, strings.ToUpper(attr(form, "method")), values, err
	}
	return nil, "", nil, fmt.Errorf("no form with %v", fields)
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// Seen decodes what the echo application saw.
func (p *Page) Seen(t testing.TB) Seen {
	t.Helper()
	var s Seen
	if err := json.Unmarshal([]byte(p.Body), &s); err != nil {
		t.Fatalf("%s answered %d, not the echo application: %s", p.URL, p.Status, p.Body)
	}
	return s
}
