package policy

// RequireCertificate is the policy that denies whoever shows no trusted client
// certificate, and allows nobody; at is the place of the setting that asks for it.
// Join puts it before the policy of a route.
func RequireCertificate(at Position) *Policy {
	c := &criterion{pos: at, kind: kinds["invalid_client_certificate"]}
	return &Policy{rules: []*Rule{{Effect: Deny, Position: at, lists: []*list{{pos: at, op: Or, criteria: []*criterion{c}}}}}}
}
