package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sallyport/config"
)

// pathParameters is what to do with a path that holds ";". Servlet containers
// cut off what follows it in a segment and read "/admin;x/y" as "/admin/y"; to
// most others it is a character like any other.
type pathParameters uint8

const (
	parametersRejectAmbiguous pathParameters = iota // where the two readings part
	parametersReject
	parametersKeep
)

func newPathParameters(action string) (pathParameters, error) {
	switch action {
	case "", "reject_ambiguous":
		return parametersRejectAmbiguous, nil
	case "reject_request":
		return parametersReject, nil
	case "keep_unchanged":
		return parametersKeep, nil
	}
	return 0, fmt.Errorf("path_parameters_action: unknown value %q", action)
}

var (
	errParameters = errors.New("the path holds a semicolon")
	errAmbiguous  = errors.New("the path is another one to servers that cut off what follows a semicolon")
	errDecoded    = errors.New("the path is another one to servers that decode its escaped slashes")
)

// keptEscapes decodes what the path of a target keeps under keep_unchanged.
var keptEscapes = strings.NewReplacer("%2F", "/", "%5C", "\\", "%25", "%")

// readings are all the paths that servers may read in place of that of a target,
// for the policy of its route: those without parameters, and under keep_unchanged
// those with the slashes decoded that were kept.
func (g *gate) readings(path string) []string {
	readings := g.parameters.otherReadings(path)
	if g.paths.slashes != slashKeep || strings.IndexByte(path, '%') < 0 {
		return readings
	}
	decoded := keptEscapes.Replace(path)
	readings = append(readings, decoded)
	if slashes := strings.ReplaceAll(decoded, "\\", "/"); slashes != decoded {
		readings = append(readings, slashes)
	}
	return readings
}

// ambiguity says why the policy does not allow a path in every reading.
func ambiguity(path string) error {
	if strings.IndexByte(path, ';') < 0 {
		return errDecoded
	}
	return errAmbiguous
}

// otherReadings are the paths that servers may read in place of path, because
// they cut off parameters: before they decode escaped slashes that were kept, or
// after. Empty for a path without parameters, and where nobody minds.
func (p pathParameters) otherReadings(path string) []string {
	if p == parametersKeep || strings.IndexByte(path, ';') < 0 {
		return nil
	}
	readings := []string{withoutParameters(path)}
	if later := laterSlashes.Replace(path); later != path {
		readings = append(readings, withoutParameters(later))
	}
	return readings
}

// withoutParameters cuts each segment off at its first semicolon.
func withoutParameters(path string) string {
	var b strings.Builder
	for path != "" {
		end := strings.IndexByte(path[1:], '/') + 1
		if end == 0 {
			end = len(path)
		}
		kept, _, _ := strings.Cut(path[:end], ";")
		b.WriteString(kept)
		path = path[end:]
	}
	return b.String()
}

// checkParameters refuses a path that would be another route's, or none's, in
// another reading.
func (g *gate) checkParameters(host string, t target, route *config.Route) error {
	for _, reading := range g.parameters.otherReadings(t.match) {
		if g.parameters == parametersReject {
			return refuse(http.StatusBadRequest, errParameters)
		}
		if other, _ := g.router.Match(host, reading); other != route {
			return refuse(http.StatusBadRequest, errAmbiguous)
		}
	}
	return nil
}
