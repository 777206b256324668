package oktatest

import (
	"strings"

	"sallyport/identity"
)

// SetStatus moves a person (id or login) to a status. Leaving ACTIVE for
// SUSPENDED or DEPROVISIONED ends their Okta sessions; deprovisioning revokes
// their tokens too, as deactivation does. Memberships stay: see Deactivate. The
// System Log tells of it as of the act that leads there.
func (k *Okta) SetStatus(who string, s identity.Status) {
	id := must(k.org.setStatus(who, s))
	switch s {
	case identity.StatusDeprovisioned:
		k.grants.revokePerson(id)
		k.sessions.endPerson(id)
	case identity.StatusSuspended:
		k.sessions.endPerson(id)
	}
}

// Suspend keeps a person out until Unsuspend.
func (k *Okta) Suspend(who string) { k.SetStatus(who, identity.StatusSuspended) }

// Unsuspend makes a suspended person active again.
func (k *Okta) Unsuspend(who string) { k.SetStatus(who, identity.StatusActive) }

// Activate makes a staged or deactivated person active.
func (k *Okta) Activate(who string) { k.SetStatus(who, identity.StatusActive) }

// Deactivate moves a person to DEPROVISIONED. They lose their applications and
// their memberships except those that a group rule made, which Okta leaves.
func (k *Okta) Deactivate(who string) {
	k.SetStatus(who, identity.StatusDeprovisioned)
	must(k.org.strip(who))
}

// RemovePerson deletes a person for good, with sessions, tokens and memberships.
func (k *Okta) RemovePerson(who string) {
	id := must(k.org.removePerson(who))
	k.grants.revokePerson(id)
	k.sessions.endPerson(id)
}

// ClearSessions ends every browser session of a person here, as an administrator
// does; the System Log tells of it. Tokens live on: see RevokeTokens.
func (k *Okta) ClearSessions(who string) {
	p := must(k.org.findPerson(who))
	k.sessions.endPerson(p.ID)
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	k.org.write(sessionCleared, p.entity())
}

// act is what leads from one status to another.
func act(from, to identity.Status) string {
	switch {
	case to == identity.StatusSuspended:
		return userSuspended
	case to == identity.StatusDeprovisioned:
		return userDeactivated
	case to == identity.StatusLockedOut:
		return accountLocked
	case to == identity.StatusPasswordExpired:
		return passwordExpired
	case to == identity.StatusRecovery:
		return passwordReset
	case from == identity.StatusSuspended:
		return userUnsuspended
	case from == identity.StatusLockedOut:
		return accountUnlocked
	}
	return userActivated
}

func (o *org) setStatus(who string, s identity.Status) (string, error) {
	return o.changePerson(who, func(p *person) {
		if p.activated.IsZero() && (s == identity.StatusActive || s == identity.StatusProvisioned) {
			p.activated = o.second()
		}
		event := act(p.Status, s)
		if (p.Status == identity.StatusDeprovisioned) != (s == identity.StatusDeprovisioned) {
			o.everyoneChanged()
		}
		p.Status, p.statusChanged = s, o.second()
		o.write(event, p.entity())
	})
}

// strip ends what deactivation ends.
func (o *org) strip(who string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, err := o.person(who)
	if err != nil {
		return "", err
	}
	o.stripDirect(p)
	return p.ID, nil
}

func (o *org) stripDirect(p *person) {
	for _, g := range append(ordered[*group](nil), p.in...) {
		if !p.ruled.has(g.ID) {
			o.setMember(g, p, false, cause{})
		}
	}
	for _, a := range o.apps {
		o.assignPerson(a, p, false)
	}
}

// removePerson deletes. Okta deactivates first whom nobody deactivated before.
func (o *org) removePerson(who string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, err := o.person(who)
	if err != nil {
		return "", err
	}
	if p.Status != identity.StatusDeprovisioned {
		p.Status = identity.StatusDeprovisioned
		o.write(userDeactivated, p.entity())
	}
	o.write(userDeleting, p.entity())
	for _, g := range append(ordered[*group](nil), p.in...) {
		o.setMember(g, p, false, cause{})
	}
	o.stripDirect(p)
	o.everyoneChanged()
	o.people.drop(p)
	delete(o.logins, strings.ToLower(p.Login))
	o.write(userDeleted, p.entity())
	return p.ID, nil
}
