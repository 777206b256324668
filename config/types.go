// Package config reads what an operator writes: one YAML file, with the
// environment laid over it, becomes a [Config] or a list of everything that is
// wrong with it, each problem with its place, the line and a hint.
//
//	key.go           a table of keys drives decoding (decode.go), environment and reference
//	load.go          Load: file, environment, keys, routes, checks, in this order
//	yaml.go          text to a tree; expand.go frees it of aliases, merges and repeated keys
//	value*.go        one node of the tree, read as the type its key takes
//	environment.go   variables laid over the file
//	files.go         what NAME_file keys and certificates point to
//	source.go        excerpts, with secrets masked (secrets.go)
//	listen.go, provider.go, session.go, ...  one section of keys each
//	route*.go        one route; routes.go checks them against each other
//	inert.go         keys that are known and do nothing, each with its reason
//	watch.go         sees files change
//
// What a policy means is known to policy, what a header template is to
// internal/template; who uses which part of a Config is server's to say.
package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"sallyport/identity"
	"sallyport/policy"
)

// Config is one loaded and validated configuration. Read-only: it is shared by
// a whole generation. Build with Load; a zero Config is good for nothing.
type Config struct {
	// File is the path it was read from, "" where only the environment spoke.
	File string
	// Hash is the hex SHA-256 of every byte it was made from, files it names and
	// environment included. It says nothing about secrets.
	Hash string
	// Warnings are what does not stop a start, in file order.
	Warnings []Problem
	// Files are all paths read, for the watcher.
	Files []string

	Listen       Listen
	Authenticate Authenticate
	Provider     Provider
	Directory    Directory
	EventHook    EventHook
	Session      Session
	Identity     Identity
	Storage      Storage
	Telemetry    Telemetry
	Upstream     UpstreamDefaults
	Hygiene      Hygiene
	Branding     Branding

	ClientCertificates ClientCertificates
	// ErrorDetails says who sees on a denial how it was decided; nil: nobody.
	ErrorDetails *policy.Policy

	// SetResponseHeaders are laid on every response, nil entries removed.
	SetResponseHeaders map[string]string
	Routes             []*Route

	// WatchFiles says whether a change of Files reloads the configuration, which
	// is so unless the runtime flag config_hot_reload is off.
	WatchFiles bool
}

// Listen says where and how connections come in.
type Listen struct {
	Address          string // ":443"
	Insecure         bool   // plain HTTP: TLS ends in front of us
	HTTPRedirectAddr string
	Certificates     []Certificate
	TimeoutRead      time.Duration
	TimeoutWrite     time.Duration
	TimeoutIdle      time.Duration
	DrainTimeout     time.Duration // SIGTERM to exit, 30 s
	DrainDelay       time.Duration // /readyz is 503 this long before accepting stops, 5 s
	Autocert         Autocert
}

// Autocert is how certificates are obtained by ACME.
type Autocert struct {
	Enabled    bool
	CA         string // directory URL, "": Let's Encrypt
	Email      string
	Staging    bool // Let's Encrypt's staging environment
	MustStaple bool
	// EABKeyID and EABMACKey (base64url without padding) bind the account to one
	// that the authority knows already; both or neither are set.
	EABKeyID, EABMACKey string
	TrustedCA           []byte // PEM, trusted beside the system's for CA
}

// Certificate is a pair in PEM; CertFile and KeyFile are set where it came from
// files (watched).
type Certificate struct {
	Cert, Key         []byte
	CertFile, KeyFile string
}

// Authenticate is about the authenticate host and its pages.
type Authenticate struct {
	URL                         *url.URL // authenticate_service_url: scheme and host only
	SignOutRedirectURL          *url.URL
	ProgrammaticRedirectDomains []string // hosts a program's sign-in may return to
	AllowAnySignOutRedirect     bool
	AllowSessionTokenInQuery    bool // ?pomerium_session=; off
	AllowJWTEndpoint            bool // /.pomerium/jwt
}

// Provider is how people are signed in and where their groups are read.
type Provider struct {
	Name           string // "okta" or "oidc"
	URL            string // issuer, canonical: no -admin host, no trailing slash
	ClientID       string
	ClientSecret   string
	Scopes         []string // nil: openid profile email offline_access
	RequestParams  map[string]string
	ServiceAccount ServiceAccount
	CAFile         string  // PEM bundle added to the system roots towards the provider
	QPS            float64 // upper bound on directory requests a second, 0: none
	// RefreshInterval is how often the whole directory is read
	// (idp_refresh_directory_interval), RefreshTimeout how long one reading may
	// take (idp_refresh_directory_timeout).
	RefreshInterval time.Duration
	RefreshTimeout  time.Duration
	// OutageGrace is how long past its access token's expiry a session lives
	// while the provider cannot be asked, 1 h.
	OutageGrace time.Duration
	// AllowUnverifiedEmail takes addresses that the provider does not vouch for.
	AllowUnverifiedEmail bool
}

// Directory is how old what is known about people may be.
type Directory struct {
	// MaxStaleness is the age at which facts of the directory count for nothing
	// and rules on them deny, 1 h.
	MaxStaleness time.Duration
	// RateLimitShare is how much of Okta's rate limits goes to requests that nobody
	// waits for, in (0, 1].
	RateLimitShare float64
	// PassStatuses are the statuses that may pass beside ACTIVE, of LOCKED_OUT,
	// PASSWORD_EXPIRED and RECOVERY.
	PassStatuses []identity.Status
}

// EventHook is where the organisation tells that something happened. Off without
// a secret.
type EventHook struct {
	// Path is on the authenticate host, DefaultEventHookPath.
	Path string
	// Secret is the value of the Authorization header that the organisation sends.
	Secret string
}

// ServiceAccount is idp_service_account decoded; the zero value means none.
type ServiceAccount struct {
	APIKey string
	// Raw is the decoded JSON, for credential forms that idp/okta reads itself.
	Raw []byte
}

// Session is about cookies and lifetimes.
type Session struct {
	CookieName     string // "__Host-sallyport"
	CookieHTTPOnly bool
	CookieSameSite string        // "lax", "strict", "none"
	CookieExpire   time.Duration // absolute lifetime, 14 h
	IdleTimeout    time.Duration // 0: none
	CookieSecret   [][]byte      // key ring, 32 bytes each, first writes; nil: the data directory's
	SharedSecret   [][]byte
	// RevocationBound is how long a session that is in memory is served while
	// the store cannot be reached, 30 s.
	RevocationBound time.Duration
}

// Identity is what upstreams are told.
type Identity struct {
	PassHeaders   bool
	IssuerFormat  string // "hostOnly" or "uri"
	ClaimsHeaders []ClaimHeader
	// GroupsFilter are the only groups that every upstream is told of, by id or
	// name; nil: all. Routes add to it.
	GroupsFilter []string
	SigningKeys  [][]byte // PEM, first signs, all are published; nil: derived from the shared secret
}

// ClaimHeader sends one claim in one header.
type ClaimHeader struct{ Header, Claim string }

// Storage is where records live.
type Storage struct {
	Type    string // "memory", "file"
	DataDir string // created 0700
}

// Telemetry is about logs, metrics and health.
type Telemetry struct {
	LogLevel           string
	AccessLogFields    []string
	AuthorizeLogFields []string
	MetricsAddress     string // "" is off
	MetricsBasicAuth   string // base64 of user:password
	MetricsCertificate Certificate
	MetricsClientCA    []byte
	HealthAddress      string
	DebugAddress       string
}

// UpstreamDefaults hold for routes that say nothing.
type UpstreamDefaults struct {
	Timeout time.Duration // default_upstream_timeout, 30 s
}

// Hygiene is what requests must look like.
type Hygiene struct {
	MergeSlashes     bool
	NormalizePath    bool
	PathParameters   string // "reject_ambiguous", "reject_request", "keep_unchanged"
	EscapedSlashes   string // "reject_request", "keep_unchanged", "unescape_and_redirect", "unescape_and_forward"
	Underscores      string // "reject_request", "allow", "drop_header"
	TrustedProxies   []netip.Prefix
	XFFTrustedHops   int
	SkipXFFAppend    bool
	UseProxyProtocol bool
	AllowUpgrades    []string
}

// Route is one entry of routes.
type Route struct {
	// ID is the route's id key, or 16 hex digits of a hash of from, match and
	// destination: stable over reloads and other routes' changes.
	ID          string
	Name        string // name key, or ID
	Description string
	LogoURL     string
	Position    Position
	From        From
	Match       Match
	// Exactly one of To, Redirect and Response is set.
	To       []Upstream
	Redirect *Redirect
	Response *Response

	// Policy is the policy and legacy keys as one document, never nil.
	Policy           *policy.Policy
	ShowErrorDetails bool
	CORSPreflight    bool // cors_allow_preflight
	// CORS are the origins whose scripts may read what this route answers.
	CORS CORS
	// Answers says in which form the proxy itself answers: "auto" by what the
	// client shows of itself, "page", "json" or "kubernetes".
	Answers string
	// Maintenance is answered in place of the upstream; nil: none.
	Maintenance *Maintenance

	Timeout        *time.Duration // nil: default; 0: none
	IdleTimeout    *time.Duration
	ConnectTimeout time.Duration // 5 s

	Rewrite    Rewrite
	Host       HostHeader
	WebSockets bool
	SPDY       bool
	Upgrades   []string

	SetRequestHeaders      []Header // values are templates
	RemoveRequestHeaders   []string
	SetResponseHeaders     map[string]string
	RewriteResponseHeaders []RewriteHeader

	PassIdentityHeaders bool // resolved with the global key
	// GroupsFilter are the only groups that the upstream is told of, by id or name,
	// those of Identity included; nil: all.
	GroupsFilter []string
	IssuerFormat string

	ClientID     string // resolved: the route's or the global one
	ClientSecret string
	DependsOn    []string

	TLS             UpstreamTLS
	LoadBalancing   string // "round_robin"
	KubernetesToken string
}

// From is a public URL's scheme and authority.
type From struct {
	Scheme string // "https", "http", "tcp+https"
	Host   string // lower case, no port; may contain "*"
	Port   string // "" matches any
}

// Match is the path condition; all given must hold, none given matches all.
type Match struct {
	Prefix string
	Path   string
	Regex  *regexp.Regexp // anchored at both ends
}

// Upstream is one destination.
type Upstream struct {
	URL    *url.URL // http, https, h2c, unix (Path is the socket), tcp
	Weight int      // 0 where none was given
}

// Redirect answers with a redirect.
type Redirect struct {
	HTTPS        bool
	Scheme, Host string
	Port         int
	Path, Prefix string // path_redirect, prefix_rewrite
	Status       int
	StripQuery   bool
}

// Response answers directly.
type Response struct {
	Status int
	Body   string
}

// CORS lists origins as browsers spell them: "https://app.example.com".
type CORS struct{ AllowOrigins []string }

// Maintenance is what those who may pass read while an application is away.
type Maintenance struct {
	Message    string        // "": a sentence that says so
	RetryAfter time.Duration // 0: nothing is said
}

// Branding is how the proxy's own pages look.
type Branding struct {
	Name string // "": Sallyport
	// Logo is a data: URL of an image, "": our mark.
	Logo string
	// Accent and AccentDark are "#rrggbb" in lower case, "": ours.
	Accent, AccentDark string
	// SupportURL is https: or mailto:, SupportText what the link says.
	SupportURL, SupportText string
	// Templates are the operator's own, by file name; they take the place of ours.
	Templates map[string]string
}

// Rewrite changes the path towards the upstream.
type Rewrite struct {
	Prefix       string
	HasPrefix    bool
	Regex        *regexp.Regexp
	Substitution string // Go syntax: \1 already turned into ${1}
}

// HostHeader says what Host the upstream sees; zero: the upstream's own.
type HostHeader struct {
	Preserve         bool
	Literal          string // host_rewrite
	FromHeader       string // host_rewrite_header
	PathRegex        *regexp.Regexp
	PathSubstitution string
}

// Header is a header with its value or template.
type Header struct{ Name, Value string }

// RewriteHeader replaces a prefix of a response header's value.
type RewriteHeader struct{ Header, Prefix, Value string }

// UpstreamTLS is how upstreams are verified and addressed.
type UpstreamTLS struct {
	SkipVerify         bool
	ServerName         string
	CA                 []byte // PEM; replaces the system roots
	Certificate        *Certificate
	AllowRenegotiation bool
}

// Position and Problem are policy's, so that one kind of report serves all.
type (
	Position = policy.Position
	Problem  = policy.Problem
)
