package proxy

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/keyring"
	"sallyport/session"
)

type Handler struct{}

func New(o Options) (*Handler, error)                              { return &Handler{}, o.check() }
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

type Assertions struct{}
type AssertionOptions struct {
	Ring          *keyring.Ring
	Keys          [][]byte
	ClaimsHeaders []config.ClaimHeader
	Now           func() time.Time
}

func NewAssertions(o AssertionOptions) (*Assertions, error) { return &Assertions{}, nil }
func (a *Assertions) JWKS() http.Handler                    { return http.NotFoundHandler() }
func (a *Assertions) Claims(s *session.Session, p *identity.Person, host, issuerFormat string) map[string]any {
	return nil
}
func (a *Assertions) Header(s *session.Session, p *identity.Person, host, issuerFormat string) (string, error) {
	return "", nil
}

type Transports struct{}

func NewTransports(reg prometheus.Registerer) *Transports { return &Transports{} }
func (t *Transports) Close()                              {}

type Streams struct{}

func NewStreams(reg prometheus.Registerer) *Streams       { return &Streams{} }
func (s *Streams) CutSession(id string, why string) int { return 0 }
func (s *Streams) CutAll(why string) int                { return 0 }
func (s *Streams) Count() int                           { return 0 }

type Certificates struct{}

func NewCertificates(now func() time.Time) *Certificates     { return &Certificates{} }
func (c *Certificates) Set(certs []config.Certificate) error { return nil }
func (c *Certificates) TLSConfig() *tls.Config               { return &tls.Config{} }
func (c *Certificates) Same(a, b string) bool                { return false }

type ServerOptions struct {
	Insecure                               bool
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	ErrorLog                               *log.Logger
}

func NewServer(h http.Handler, o ServerOptions) *http.Server { return &http.Server{Handler: h} }

type Hosts struct{}

func NewHosts(routes []*config.Route) *Hosts                        { return &Hosts{} }
func (h *Hosts) Lookup(hostport string) (route *config.Route, ok bool) { return nil, false }
