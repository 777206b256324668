package policy

import "slices"

// CriterionText is a criterion for the reference page.
type CriterionText struct {
	Name string // "claim/NAME" where a path follows
	Data string // how it is written
	Doc  string
	// Person says that it does not hold without a session, and asks for a sign-in.
	Person bool
	// Reasons are those it may give, besides user-unauthenticated.
	Reasons []string
}

var criterionTexts = map[string]struct{ data, doc string }{
	"accept":                     {"`accept: true`", "Always holds."},
	"app":                        {"list operators but `is`", "Applications that the person is assigned to in Okta, by id or label."},
	"auth_age":                   {"`{max: 15m}`", "How long ago the person signed in, as the provider says (`auth_time`). Where it is too long, or the provider did not say, a new sign-in is asked for."},
	"auth_context":               {"`{is: urn:...}`, `{in: [...]}`", "The strength that the provider vouches for (`acr`). Where it is another, a new sign-in is asked for."},
	"auth_method":                {"`{has: mfa}`", "A method that was used to sign in (`amr`). Where it was not, a new sign-in is asked for."},
	"authenticated_user":         {"`authenticated_user: true`", "Anybody who is signed in."},
	"claim":                      {"list operators", "A claim of the ID token or of userinfo; nested ones with `/` or `.` between the names, and `.` where a name holds such characters itself (`claim/https://example.com/app.roles`)."},
	"client_certificate":         {"`{fingerprint, spki_hash, san_email, san_dns, san_uri}`", "The client certificate, which must be trusted: SHA-256 of it (64 digits, or pairs in upper case with colons) or of its public key (base64), one or a list; and names, with string operators, of which any may match."},
	"cors_preflight":             {"`cors_preflight: true`", "A CORS preflight request."},
	"date":                       {"`{after: 2026-01-31T00:00:00Z, before: ...}`", "The moment of the request. Without a time zone it is UTC; a date alone is its first moment."},
	"day_of_week":                {"`mon-fri`, `\"sat,sun\"`, `\"*\"`, or `{is: mon-fri, timezone: Europe/Zurich}`", "The day, in UTC unless a time zone is given."},
	"device":                     {"`{is, approved, type}`", "A registered device. Sessions know of none, so that whoever needs one is denied."},
	"domain":                     {"string operators", "What follows the `@` of the e-mail, whatever its letter case."},
	"email":                      {"string operators", "The e-mail, whatever its letter case: the directory's where there is one."},
	"groups":                     {"list operators", "Groups of the directory, by id or name. A name that has the form of an id (00g and 17 letters or digits) is none."},
	"http_header":                {"string operators", "A header of the request; what is missing counts against the client. Clients write what they like."},
	"http_method":                {"string operators", "The method of the request. Where a policy names it, headers that ask the application for another method are not passed on."},
	"http_path":                  {"string operators", "The path of the request, without the query."},
	"invalid_client_certificate": {"`invalid_client_certificate: true`", "No client certificate came, or one that is not trusted. For deny rules."},
	"mcp_tool":                   {"string operators", "The tool that a `tools/call` of the Model Context Protocol names. It holds for no other request. The proxy does not read that protocol, so that here it never holds, and `validate` warns."},
	"pomerium_routes":            {"`pomerium_routes: true`", "A path that the proxy answers itself."},
	"profile":                    {"list operators", "An attribute of the person's profile in the directory."},
	"reject":                     {"`reject: true`", "Never holds, not even under deny: to deny everybody write `accept: true` there."},
	"source_ip":                  {"an address or network, or a list", "The client's address."},
	"time_of_day":                {"`{timezone: Europe/Zurich, after: 8:00, before: 4:30PM}`", "What a clock on the wall shows, daylight saving included; in UTC unless a time zone is given. Where `after` is the later one, over midnight."},
	"user":                       {"string operators", "The user id (`sub`)."},
	"user_status":                {"string operators", "The person's status in the directory, whatever its letter case."},
}

// Reference returns all criteria, sorted by name.
func Reference() []CriterionText {
	var out []CriterionText
	for _, name := range Criteria() {
		k := kinds[name]
		text := CriterionText{Name: name, Data: criterionTexts[name].data, Doc: criterionTexts[name].doc, Person: k.person}
		if k.path {
			text.Name += "/NAME"
		}
		all := []Reason{k.ok, k.no}
		switch name {
		case "device":
			all = append(all, ReasonDeviceUnauthenticated)
		case "invalid_client_certificate":
			all = append(all, ReasonClientCertificateRequired)
		case "mcp_tool":
			all = append(all, ReasonMCPNotAToolCall)
		}
		for _, r := range all {
			if r != ReasonUserUnauthenticated && !slices.Contains(text.Reasons, r.String()) {
				text.Reasons = append(text.Reasons, r.String())
			}
		}
		out = append(out, text)
	}
	return out
}

// Unsupported returns the criteria of the language that do not work, each with
// the reason.
func Unsupported() map[string]string { return later }
