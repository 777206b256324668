package policy

// Decision is what a policy says about an input. The zero value denies.
type Decision struct {
	Effect Effect
	// AllowHolds and DenyHolds say whether the allow and the deny rules held,
	// whatever came of it.
	AllowHolds, DenyHolds bool
	// AllowReasons and DenyReasons are why they did or did not.
	AllowReasons, DenyReasons ReasonSet
	// Rule decided: the first that denies, allows or asks for a sign-in; nil if
	// nothing allows.
	Rule *Rule
	// Anonymous says that a session was there but did not count, because its
	// person may not pass: whoever acts on the decision must not speak in that
	// person's name. Set by authorize.
	Anonymous bool
}
