package proxy

import (
	"sallyport/config"
)

// hostRoutes are the routes of one host, by the port that was asked for.
type hostRoutes struct {
	anyPort *pathIndex // nil if all routes name a port
	byPort  map[string]*pathIndex
}

// newHostRoutes builds one index per port that some route names, each holding
// the routes without a port as well, in file order.
func newHostRoutes(routes []*config.Route) *hostRoutes {
	h := &hostRoutes{anyPort: newPathIndex(portRoutes(routes, otherPort)), byPort: map[string]*pathIndex{}}
	ports := map[string]bool{}
	for _, r := range routes {
		if r.From.Port != "" {
			ports[r.From.Port] = true
			if r.From.Port == defaultPort(r) {
				ports[""] = true
			}
		}
	}
	for port := range ports {
		h.byPort[port] = newPathIndex(portRoutes(routes, port))
		h.byPort[port].named = true
	}
	return h
}

// otherPort stands for every port that no route names.
const otherPort = "0"

// portRoutes are the routes reached through port; "" is a Host without one.
func portRoutes(routes []*config.Route, port string) []*config.Route {
	var fit []*config.Route
	for _, r := range routes {
		from := r.From.Port
		if from == "" || from == port || port == "" && from == defaultPort(r) {
			fit = append(fit, r)
		}
	}
	return fit
}

func defaultPort(r *config.Route) string {
	if r.From.Scheme == "http" {
		return "80"
	}
	return "443"
}

func (h *hostRoutes) on(port string) *pathIndex {
	if paths, ok := h.byPort[port]; ok {
		return paths
	}
	return h.anyPort
}
