package policy

import "math/bits"

// Reason is why a criterion held or did not, or why there was nothing to
// evaluate. Its name is stable: logs, tests and pages use it.
type Reason uint8

// The reasons, in the order of their names. Those after the blank line are
// Sallyport's own and come from authorize.
const (
	ReasonAccept Reason = iota
	ReasonClaimOK
	ReasonClaimUnauthorized
	ReasonClientCertificateOK
	ReasonClientCertificateRequired
	ReasonClientCertificateUnauthorized
	ReasonCORSRequest
	ReasonDomainOK
	ReasonDomainUnauthorized
	ReasonEmailOK
	ReasonEmailUnauthorized
	ReasonGroupsOK
	ReasonGroupsUnauthorized
	ReasonHTTPMethodOK
	ReasonHTTPMethodUnauthorized
	ReasonHTTPPathOK
	ReasonHTTPPathUnauthorized
	ReasonInvalidClientCertificate
	ReasonNonCORSRequest
	ReasonReject
	ReasonRouteNotFound
	ReasonSourceIPOK
	ReasonSourceIPUnauthorized
	ReasonUserOK
	ReasonUserUnauthenticated
	ReasonUserUnauthorized
	ReasonValidClientCertificate

	ReasonDirectoryStale
	ReasonEvaluationFailed
	ReasonUserInactive
	ReasonUserUnknown

	reasonCount
)

var reasonNames = [reasonCount]string{
	ReasonAccept:                        "accept",
	ReasonClaimOK:                       "claim-ok",
	ReasonClaimUnauthorized:             "claim-unauthorized",
	ReasonClientCertificateOK:           "client-certificate-ok",
	ReasonClientCertificateRequired:     "client-certificate-required",
	ReasonClientCertificateUnauthorized: "client-certificate-unauthorized",
	ReasonCORSRequest:                   "cors-request",
	ReasonDomainOK:                      "domain-ok",
	ReasonDomainUnauthorized:            "domain-unauthorized",
	ReasonEmailOK:                       "email-ok",
	ReasonEmailUnauthorized:             "email-unauthorized",
	ReasonGroupsOK:                      "groups-ok",
	ReasonGroupsUnauthorized:            "groups-unauthorized",
	ReasonHTTPMethodOK:                  "http-method-ok",
	ReasonHTTPMethodUnauthorized:        "http-method-unauthorized",
	ReasonHTTPPathOK:                    "http-path-ok",
	ReasonHTTPPathUnauthorized:          "http-path-unauthorized",
	ReasonInvalidClientCertificate:      "invalid-client-certificate",
	ReasonNonCORSRequest:                "non-cors-request",
	ReasonReject:                        "reject",
	ReasonRouteNotFound:                 "route-not-found",
	ReasonSourceIPOK:                    "source-ip-ok",
	ReasonSourceIPUnauthorized:          "source-ip-unauthorized",
	ReasonUserOK:                        "user-ok",
	ReasonUserUnauthenticated:           "user-unauthenticated",
	ReasonUserUnauthorized:              "user-unauthorized",
	ReasonValidClientCertificate:        "valid-client-certificate",
	ReasonDirectoryStale:                "directory-stale",
	ReasonEvaluationFailed:              "evaluation-failed",
	ReasonUserInactive:                  "user-inactive",
	ReasonUserUnknown:                   "user-unknown",
}

func (r Reason) String() string { return reasonNames[r] }

// ReasonSet is a set of reasons, one bit each. Bits may change between versions;
// names do not.
type ReasonSet uint64

// Reasons returns the set of rs.
func Reasons(rs ...Reason) ReasonSet {
	var s ReasonSet
	for _, r := range rs {
		s |= 1 << r
	}
	return s
}

// Has reports whether r is in the set.
func (s ReasonSet) Has(r Reason) bool { return s&(1<<r) != 0 }

// Names returns the names of the reasons in the set, in a fixed order; nil if
// there are none.
func (s ReasonSet) Names() []string {
	if s == 0 {
		return nil
	}
	names := make([]string, 0, bits.OnesCount64(uint64(s)))
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		names = append(names, Reason(bits.TrailingZeros64(rest)).String())
	}
	return names
}

// ReasonNames returns the names of all reasons, in a fixed order.
func ReasonNames() []string { return reasonNames[:] }
