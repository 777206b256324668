package server

import (
	"net"
	"slices"

	"sallyport/authenticate"
	"sallyport/config"
	"sallyport/proxy"
)

// routeHosts answers which public authorities exist: redirects go nowhere else.
func routeHosts(cfg *config.Config) func(string) (authenticate.Route, bool) {
	router := proxy.NewHosts(cfg.Routes, publicPorts(cfg))
	return func(hostport string) (authenticate.Route, bool) {
		r, ok := router.Lookup(hostport)
		if !ok {
			return authenticate.Route{}, false
		}
		return authenticate.Route{Host: hostport, ClientID: r.ClientID, DependsOn: r.DependsOn, Origins: originsOf(cfg, r.From)}, true
	}
}

// publicPorts are those that browsers may be sent to where a route names none:
// of https, of plain http where a route is of it, of the listener and of the
// authenticate host.
func publicPorts(cfg *config.Config) []string {
	ports := []string{"443"}
	if slices.ContainsFunc(cfg.Routes, func(r *config.Route) bool { return r.From.Scheme == "http" }) {
		ports = append(ports, "80")
	}
	if _, port, err := net.SplitHostPort(cfg.Listen.Address); err == nil {
		ports = append(ports, port)
	}
	if cfg.Authenticate.URL != nil && cfg.Authenticate.URL.Port() != "" {
		ports = append(ports, cfg.Authenticate.URL.Port())
	}
	return ports
}

// originsOf are the origins that any route of a host lists: a sign-in is for the
// host as a whole.
func originsOf(cfg *config.Config, from config.From) (origins []string) {
	for _, r := range cfg.Routes {
		if r.From == from {
			origins = append(origins, r.CORS.AllowOrigins...)
		}
	}
	return origins
}

func certificatesOf(cfg *config.Config) []config.Certificate { return cfg.Listen.Certificates }
