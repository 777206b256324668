package policy

// shape is what may stand after a criterion's name.
type shape uint8

const (
	shapeFlag   shape = iota // true
	shapeString              // a scalar or string operators
	shapeList                // a scalar or list operators
	shapeClaim               // the same, with a path in the name
	shapeIP                  // addresses and networks
)

// kind is a sort of criterion.
type kind struct {
	name  string
	shape shape
	// person says that it asks about who is signed in.
	person bool
	ok, no Reason
}

// kinds are the criteria of the language, by name.
var kinds = map[string]*kind{}

func init() {
	for _, k := range []kind{
		{"accept", shapeFlag, false, ReasonAccept, ReasonAccept},
		{"reject", shapeFlag, false, ReasonReject, ReasonReject},
		{"authenticated_user", shapeFlag, true, ReasonUserOK, ReasonUserUnauthenticated},
		{"cors_preflight", shapeFlag, false, ReasonCORSRequest, ReasonNonCORSRequest},
		{"email", shapeString, true, ReasonEmailOK, ReasonEmailUnauthorized},
		{"domain", shapeString, true, ReasonDomainOK, ReasonDomainUnauthorized},
		{"user", shapeString, true, ReasonUserOK, ReasonUserUnauthorized},
		{"groups", shapeList, true, ReasonGroupsOK, ReasonGroupsUnauthorized},
		{"claim", shapeClaim, true, ReasonClaimOK, ReasonClaimUnauthorized},
		{"http_method", shapeString, false, ReasonHTTPMethodOK, ReasonHTTPMethodUnauthorized},
		{"http_path", shapeString, false, ReasonHTTPPathOK, ReasonHTTPPathUnauthorized},
		{"source_ip", shapeIP, false, ReasonSourceIPOK, ReasonSourceIPUnauthorized},
	} {
		kinds[k.name] = &k
	}
}
