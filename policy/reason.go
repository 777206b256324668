package policy

import "math/bits"

// Reason is why a criterion held or did not, or why there was nothing to
// evaluate. Its name is stable: logs, tests and pages use it.
type Reason uint8

// The reasons, in the order of their names. Those after the blank line are
// Sallyport's own and come from authorize.
const (
	ReasonAccept Reason = iota
	ReasonAppOK
	ReasonAppUnauthorized
	ReasonAuthAgeOK
	ReasonAuthAgeUnauthorized
	ReasonAuthContextOK
	ReasonAuthContextUnauthorized
	ReasonAuthMethodOK
	ReasonAuthMethodUnauthorized
	ReasonClaimOK
	ReasonClaimUnauthorized
	ReasonClientCertificateOK
	ReasonClientCertificateRequired
	ReasonClientCertificateUnauthorized
	ReasonCORSRequest
	ReasonDateOK
	ReasonDateUnauthorized
	ReasonDayOfWeekOK
	ReasonDayOfWeekUnauthorized
	ReasonDeviceOK
	ReasonDeviceUnauthenticated
	ReasonDeviceUnauthorized
	ReasonDomainOK
	ReasonDomainUnauthorized
	ReasonEmailOK
	ReasonEmailUnauthorized
	ReasonGroupsOK
	ReasonGroupsUnauthorized
	ReasonHTTPHeaderOK
	ReasonHTTPHeaderUnauthorized
	ReasonHTTPMethodOK
	ReasonHTTPMethodUnauthorized
	ReasonHTTPPathOK
	ReasonHTTPPathUnauthorized
	ReasonInvalidClientCertificate
	ReasonMCPNotAToolCall
	ReasonMCPToolMatch
	ReasonMCPToolNoMatch
	ReasonNonCORSRequest
	ReasonNonPomeriumRoute
	ReasonPomeriumRoute
	ReasonProfileOK
	ReasonProfileUnauthorized
	ReasonReject
	ReasonRouteNotFound
	ReasonSourceIPOK
	ReasonSourceIPUnauthorized
	ReasonTimeOfDayOK
	ReasonTimeOfDayUnauthorized
	ReasonUserOK
	ReasonUserStatusOK
	ReasonUserStatusUnauthorized
	ReasonUserUnauthenticated
	ReasonUserUnauthorized
	ReasonValidClientCertificate

	ReasonDirectoryStale
	ReasonDirectoryUnclear
	ReasonEvaluationFailed
	ReasonPathAmbiguous
	ReasonUserInactive
	ReasonUserUnknown

	reasonCount
)

var reasonTexts = [reasonCount]struct{ name, sentence string }{
	ReasonAccept:                        {"accept", "The rule lets everybody in."},
	ReasonAppOK:                         {"app-ok", "The person is assigned to an application that the rule names."},
	ReasonAppUnauthorized:               {"app-unauthorized", "The person is not assigned to the application."},
	ReasonAuthAgeOK:                     {"auth-age-ok", "The person signed in recently enough."},
	ReasonAuthAgeUnauthorized:           {"auth-age-unauthorized", "The sign-in is older than the rule allows."},
	ReasonAuthContextOK:                 {"auth-context-ok", "The sign-in was as strong as the rule wants."},
	ReasonAuthContextUnauthorized:       {"auth-context-unauthorized", "The sign-in was not of the strength that the rule wants."},
	ReasonAuthMethodOK:                  {"auth-method-ok", "The person signed in with the method that the rule wants."},
	ReasonAuthMethodUnauthorized:        {"auth-method-unauthorized", "The person did not sign in with the method that the rule wants."},
	ReasonClaimOK:                       {"claim-ok", "A claim of the token is as the rule wants."},
	ReasonClaimUnauthorized:             {"claim-unauthorized", "The claim of the token is not there or not as the rule wants."},
	ReasonClientCertificateOK:           {"client-certificate-ok", "The client certificate is one that the rule names."},
	ReasonClientCertificateRequired:     {"client-certificate-required", "A client certificate is required and none came."},
	ReasonClientCertificateUnauthorized: {"client-certificate-unauthorized", "No trusted client certificate that the rule names came."},
	ReasonCORSRequest:                   {"cors-request", "The request is a CORS preflight."},
	ReasonDateOK:                        {"date-ok", "The request comes within the dates."},
	ReasonDateUnauthorized:              {"date-unauthorized", "The request comes before or after the dates."},
	ReasonDayOfWeekOK:                   {"day-of-week-ok", "It is one of the days."},
	ReasonDayOfWeekUnauthorized:         {"day-of-week-unauthorized", "It is none of the days."},
	ReasonDeviceOK:                      {"device-ok", "The device is one that the rule names."},
	ReasonDeviceUnauthenticated:         {"device-unauthenticated", "The session knows of no device."},
	ReasonDeviceUnauthorized:            {"device-unauthorized", "The device is not one that the rule names."},
	ReasonDomainOK:                      {"domain-ok", "The domain of the e-mail is as the rule wants."},
	ReasonDomainUnauthorized:            {"domain-unauthorized", "The domain of the e-mail is not as the rule wants."},
	ReasonEmailOK:                       {"email-ok", "The e-mail is as the rule wants."},
	ReasonEmailUnauthorized:             {"email-unauthorized", "The e-mail is not as the rule wants."},
	ReasonGroupsOK:                      {"groups-ok", "The person's groups are as the rule wants."},
	ReasonGroupsUnauthorized:            {"groups-unauthorized", "The person's groups are not as the rule wants."},
	ReasonHTTPHeaderOK:                  {"http-header-ok", "The header is as the rule wants."},
	ReasonHTTPHeaderUnauthorized:        {"http-header-unauthorized", "The header is not there or not as the rule wants."},
	ReasonHTTPMethodOK:                  {"http-method-ok", "The method is one that the rule names."},
	ReasonHTTPMethodUnauthorized:        {"http-method-unauthorized", "The method is not one that the rule names."},
	ReasonHTTPPathOK:                    {"http-path-ok", "The path is one that the rule names."},
	ReasonHTTPPathUnauthorized:          {"http-path-unauthorized", "The path is not one that the rule names."},
	ReasonInvalidClientCertificate:      {"invalid-client-certificate", "The client certificate is not trusted."},
	ReasonMCPNotAToolCall:               {"mcp-not-a-tool-call", "The request is no call of a tool."},
	ReasonMCPToolMatch:                  {"mcp-tool-match", "The tool is one that the rule names."},
	ReasonMCPToolNoMatch:                {"mcp-tool-no-match", "The tool is not one that the rule names."},
	ReasonNonCORSRequest:                {"non-cors-request", "The request is no CORS preflight."},
	ReasonNonPomeriumRoute:              {"non-pomerium-route", "The path is not one that the proxy answers itself."},
	ReasonPomeriumRoute:                 {"pomerium-route", "The path is one that the proxy answers itself."},
	ReasonProfileOK:                     {"profile-ok", "The attribute of the person's profile is as the rule wants."},
	ReasonProfileUnauthorized:           {"profile-unauthorized", "The attribute of the person's profile is not as the rule wants."},
	ReasonReject:                        {"reject", "The rule never holds."},
	ReasonRouteNotFound:                 {"route-not-found", "No route matches."},
	ReasonSourceIPOK:                    {"source-ip-ok", "The client's address is in a network that the rule names."},
	ReasonSourceIPUnauthorized:          {"source-ip-unauthorized", "The client's address is in none of the networks that the rule names."},
	ReasonTimeOfDayOK:                   {"time-of-day-ok", "It is the time of day."},
	ReasonTimeOfDayUnauthorized:         {"time-of-day-unauthorized", "It is not the time of day."},
	ReasonUserOK:                        {"user-ok", "Somebody is signed in, or is who the rule names."},
	ReasonUserStatusOK:                  {"user-status-ok", "The person's status is one that the rule names."},
	ReasonUserStatusUnauthorized:        {"user-status-unauthorized", "The person's status is not one that the rule names."},
	ReasonUserUnauthenticated:           {"user-unauthenticated", "Nobody is signed in."},
	ReasonUserUnauthorized:              {"user-unauthorized", "The person is not who the rule names."},
	ReasonValidClientCertificate:        {"valid-client-certificate", "The client certificate is trusted."},
	ReasonDirectoryStale:                {"directory-stale", "What is known of the directory is too old to decide on."},
	ReasonDirectoryUnclear:              {"directory-unclear", "Something that the policy names was not read from the directory yet, or its name is shared by several."},
	ReasonEvaluationFailed:              {"evaluation-failed", "The decision failed for a reason of the proxy's own; its log has more."},
	ReasonPathAmbiguous:                 {"path-ambiguous", "Servers that cut off what follows a semicolon, or decode escaped slashes, read another path, which the policy does not allow as well."},
	ReasonUserInactive:                  {"user-inactive", "The person's status in the directory lets them pass nothing."},
	ReasonUserUnknown:                   {"user-unknown", "The directory does not know the person."},
}

func (r Reason) String() string { return reasonTexts[r].name }

// Sentence says to a person what the reason means.
func (r Reason) Sentence() string { return reasonTexts[r].sentence }

// AllReasons returns every reason there is, in a fixed order.
func AllReasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

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
func ReasonNames() []string {
	names := make([]string, reasonCount)
	for i := range names {
		names[i] = reasonTexts[i].name
	}
	return names
}
