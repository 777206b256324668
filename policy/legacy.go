package policy

// Legacy is what a route's older keys say, each with its place. The zero value
// says nothing.
type Legacy struct {
	AllowedUsers          []Valued     // allowed_users: user ids or e-mails
	AllowedDomains        []Valued     // allowed_domains
	AllowedGroups         []Valued     // allowed_groups: ids or names
	AllowedClaims         []ClaimValue // allowed_idp_claims, one entry per value
	AllowAnyAuthenticated Flag         // allow_any_authenticated_user
	AllowPublic           Flag         // allow_public_unauthenticated_access
	CORSPreflight         Flag         // cors_allow_preflight
}

// Valued is a string and where it stands.
type Valued struct {
	Value    string
	Position Position
}

// ClaimValue is one value that a claim may have. Value is a string, a bool, an
// int or a float64; a claim matches only a value of its own type.
type ClaimValue struct {
	Claim    string // name or path, without "claim/"
	Value    any
	Position Position
}

// Flag is a boolean key and where it stands.
type Flag struct {
	On       bool
	Position Position
}
