package policy

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"
)

// kind is a sort of criterion: how it is written, what it asks, and the reasons
// it gives. A new criterion is one entry of kinds.
type kind struct {
	name string
	// path says that a path follows the name ("claim/groups").
	path bool
	// person says that it asks about who is signed in. Without a session it does
	// not hold, and its reason is ReasonUserUnauthenticated.
	person bool
	// list says that it asks about a list of values.
	list bool
	// mail says that it asks about the e-mail.
	mail bool
	// wary says that what it asks about may be missing or unclear, and that this
	// counts against whoever asks: see criterion.against.
	wary bool
	// fixed says that the answer is the same for every input: answer.
	fixed, answer bool
	// stepUp says that a new sign-in can make it hold.
	stepUp bool
	// own says that its operators are its own, so that fold leaves it alone.
	own    bool
	ok, no Reason
	// why gives the reason where there are more than two; nil: ok or no.
	why func(facts, bool) Reason

	parse func(*parser, *yaml.Node, *criterion)
	// compile makes the question; a kind on a person may rely on a session.
	compile func(*criterion) question
	// had lists what was there to compare with, for traces.
	had func(facts, *criterion) []string
}

// question asks one criterion of an input. It must not keep anything of the
// criterion's list or rule: programs share it.
type question func(facts) bool

// facts are an input, and what a decision supposes beside it. They are passed by
// value: two words travel in registers.
type facts struct {
	in *Input
	// assume says that the person has signed in as every step-up wants.
	assume bool
}

var kinds = map[string]*kind{
	"accept": {
		name: "accept", ok: ReasonAccept, no: ReasonAccept, fixed: true, answer: true,
		parse: (*parser).flag, compile: always(true), had: hadNothing,
	},
	"reject": {
		name: "reject", ok: ReasonReject, no: ReasonReject, fixed: true,
		parse: (*parser).flag, compile: always(false), had: hadNothing,
	},
	"authenticated_user": {
		name: "authenticated_user", person: true, ok: ReasonUserOK, no: ReasonUserUnauthenticated,
		parse: (*parser).flag, compile: always(true), had: hadUser,
	},
	"cors_preflight": {
		name: "cors_preflight", ok: ReasonCORSRequest, no: ReasonNonCORSRequest,
		parse: (*parser).flag, compile: compilePreflight, had: hadMethod,
	},
	"email": {
		name: "email", person: true, mail: true, wary: true, ok: ReasonEmailOK, no: ReasonEmailUnauthorized,
		parse: (*parser).stringMatchers, compile: compileEmail, had: hadMail,
	},
	"domain": {
		name: "domain", person: true, mail: true, wary: true, ok: ReasonDomainOK, no: ReasonDomainUnauthorized,
		parse: (*parser).stringMatchers, compile: compileDomain, had: hadDomain,
	},
	"user": {
		name: "user", person: true, ok: ReasonUserOK, no: ReasonUserUnauthorized,
		parse: (*parser).stringMatchers, compile: compileUser, had: hadUser,
	},
	"groups": {
		name: "groups", list: true, person: true, ok: ReasonGroupsOK, no: ReasonGroupsUnauthorized,
		parse: (*parser).listMatchers, compile: compileGroups, had: hadGroups,
	},
	"claim": {
		name: "claim", path: true, list: true, person: true, ok: ReasonClaimOK, no: ReasonClaimUnauthorized,
		parse: (*parser).listMatchers, compile: compileClaim, had: hadClaim,
	},
	"http_method": {
		name: "http_method", ok: ReasonHTTPMethodOK, no: ReasonHTTPMethodUnauthorized,
		parse: (*parser).stringMatchers, compile: compileMethod, had: hadMethod,
	},
	"http_path": {
		name: "http_path", ok: ReasonHTTPPathOK, no: ReasonHTTPPathUnauthorized,
		parse: (*parser).stringMatchers, compile: compilePath, had: hadPath,
	},
	"source_ip": {
		name: "source_ip", ok: ReasonSourceIPOK, no: ReasonSourceIPUnauthorized,
		parse: (*parser).addresses, compile: compileSourceIP, had: hadAddress,
	},
	"http_header": {
		name: "http_header", path: true, wary: true, ok: ReasonHTTPHeaderOK, no: ReasonHTTPHeaderUnauthorized,
		parse: (*parser).stringMatchers, compile: compileHeader, had: hadHeader,
	},
	"pomerium_routes": {
		name: "pomerium_routes", ok: ReasonPomeriumRoute, no: ReasonNonPomeriumRoute,
		parse: (*parser).flag, compile: compilePomeriumRoutes, had: hadPath,
	},
	"mcp_tool": {
		name: "mcp_tool", ok: ReasonMCPToolMatch, no: ReasonMCPToolNoMatch, why: whyTool,
		parse: (*parser).stringMatchers, compile: compileTool, had: hadTool,
	},
	"client_certificate": {
		name: "client_certificate", own: true, ok: ReasonClientCertificateOK, no: ReasonClientCertificateUnauthorized,
		parse: (*parser).certificate, compile: compileCertificate, had: hadCertificate,
	},
	"invalid_client_certificate": {
		name: "invalid_client_certificate", ok: ReasonInvalidClientCertificate, no: ReasonValidClientCertificate, why: whyCertificate,
		parse: (*parser).flag, compile: compileInvalidCertificate, had: hadCertificate,
	},
	"date": {
		name: "date", own: true, ok: ReasonDateOK, no: ReasonDateUnauthorized,
		parse: (*parser).dates, compile: compileDate, had: hadTime,
	},
	"day_of_week": {
		name: "day_of_week", own: true, ok: ReasonDayOfWeekOK, no: ReasonDayOfWeekUnauthorized,
		parse: (*parser).days, compile: compileDays, had: hadTime,
	},
	"time_of_day": {
		name: "time_of_day", own: true, ok: ReasonTimeOfDayOK, no: ReasonTimeOfDayUnauthorized,
		parse: (*parser).timeOfDay, compile: compileTimeOfDay, had: hadTime,
	},
	"app": {
		name: "app", list: true, person: true, ok: ReasonAppOK, no: ReasonAppUnauthorized,
		parse: (*parser).appMatchers, compile: compileApp, had: hadApps,
	},
	"profile": {
		name: "profile", path: true, list: true, person: true, ok: ReasonProfileOK, no: ReasonProfileUnauthorized,
		parse: (*parser).listMatchers, compile: compileProfile, had: hadProfile,
	},
	"user_status": {
		name: "user_status", person: true, ok: ReasonUserStatusOK, no: ReasonUserStatusUnauthorized,
		parse: (*parser).stringMatchers, compile: compileStatus, had: hadStatus,
	},
	"device": {
		name: "device", person: true, own: true, ok: ReasonDeviceOK, no: ReasonDeviceUnauthorized, why: whyDevice,
		parse: (*parser).device, compile: always(false), had: hadNothing,
	},
	"auth_age": {
		name: "auth_age", person: true, own: true, stepUp: true, ok: ReasonAuthAgeOK, no: ReasonAuthAgeUnauthorized,
		parse: (*parser).authAge, compile: compileAuthAge, had: hadAuthAge,
	},
	"auth_method": {
		name: "auth_method", person: true, list: true, stepUp: true, ok: ReasonAuthMethodOK, no: ReasonAuthMethodUnauthorized,
		parse: (*parser).authMethod, compile: compileAuthMethod, had: hadAuthMethod,
	},
	"auth_context": {
		name: "auth_context", person: true, stepUp: true, ok: ReasonAuthContextOK, no: ReasonAuthContextUnauthorized,
		parse: (*parser).authContext, compile: compileAuthContext, had: hadAuthContext,
	},
}

// later are criteria of the language that do not work, with the reason. Leaving
// one out would change who gets in, so each is an error.
var later = map[string]string{
	"postgres_application_name":       noPostgres,
	"postgres_database":               noPostgres,
	"postgres_statement_class":        noPostgres,
	"postgres_username":               noPostgres,
	"record":                          "records of other data sources are not kept here; groups, app, profile/NAME and claim/NAME say what the directory and the token know",
	"ssh_access_request_approved":     noSSH,
	"ssh_access_request_not_approved": noSSH,
	"ssh_ca":                          noSSH,
	"ssh_publickey":                   noSSH,
	"ssh_username":                    noSSH,
	"ssh_username_matches_claim":      noSSH,
	"ssh_username_matches_email":      noSSH,
}

const (
	noSSH      = "SSH is not served, so there is nobody that it could let in or keep out"
	noPostgres = "PostgreSQL is not served, so there is nobody that it could let in or keep out"
)

// Criteria returns the names of the criteria that work, sorted.
func Criteria() []string { return slices.Sorted(maps.Keys(kinds)) }
