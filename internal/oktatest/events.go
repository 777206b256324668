package oktatest

import "time"

// Types of events that the org writes of its own accord.
const (
	userCreated     = "user.lifecycle.create"
	userActivated   = "user.lifecycle.activate"
	userDeactivated = "user.lifecycle.deactivate"
	userSuspended   = "user.lifecycle.suspend"
	userUnsuspended = "user.lifecycle.unsuspend"
	userDeleting    = "user.lifecycle.delete.initiated"
	userDeleted     = "user.lifecycle.delete.completed"
	accountLocked   = "user.account.lock"
	accountUnlocked = "user.account.unlock"
	passwordReset   = "user.account.reset_password"
	passwordExpired = "user.account.expire_password"
	passwordChanged = "user.account.update_password"
	profileChanged  = "user.account.update_profile"
	sessionStarted  = "user.session.start"
	sessionEnded    = "user.session.end"
	sessionCleared  = "user.session.clear"
	groupCreated    = "group.lifecycle.create"
	groupDeleted    = "group.lifecycle.delete"
	groupChanged    = "group.profile.update"
	memberAdded     = "group.user_membership.add"
	memberRemoved   = "group.user_membership.remove"
	groupAssigned   = "group.application_assignment.add"
	groupUnassigned = "group.application_assignment.remove"
	appCreated      = "application.lifecycle.create"
	appActivated    = "application.lifecycle.activate"
	appDeactivated  = "application.lifecycle.deactivate"
	appDeleted      = "application.lifecycle.delete"
	appUserAdded    = "application.user_membership.add"
	appUserRemoved  = "application.user_membership.remove"
	tokensRevoked   = "app.oauth2.token.revoke.implicit.user"
	tokenRevoked    = "system.api_token.revoke"
)

// kind is what Okta's catalogue says of a type of event: what is shown, what it
// was called before, whether event hooks deliver it. The older names are those
// of recorded events.
type kind struct {
	message, legacy string
	hook            bool
}

var kinds = map[string]kind{
	userCreated:     {"Create Okta user", "", true},
	userActivated:   {"Activate Okta user", "", true},
	userDeactivated: {"Deactivate Okta user", "core.user.config.user_deactivated", true},
	userSuspended:   {"Suspend Okta user", "core.user.config.user_status.suspended", true},
	userUnsuspended: {"Unsuspend Okta user", "", true},
	userDeleting:    {"Delete Okta user initiated", "", true},
	userDeleted:     {"Delete Okta user completed", "", false},
	accountLocked:   {"Auto-lock user account for Okta", "", true},
	accountUnlocked: {"Auto-unlock user account for Okta", "", true},
	passwordReset:   {"User's Okta password has been reset", "", true},
	passwordExpired: {"Fired when the user's Okta password is expired", "", false},
	passwordChanged: {"User update password for Okta", "", true},
	profileChanged:  {"Update user profile for Okta", "", true},
	sessionStarted:  {"User login to Okta", "core.user_auth.login_success", true},
	sessionEnded:    {"User logout from Okta", "", true},
	sessionCleared:  {"Clear user session", "core.user_auth.session_clear", true},
	groupCreated:    {"Create Okta group", "", true},
	groupDeleted:    {"Delete Okta group", "", true},
	groupChanged:    {"Okta group profile updated", "", true},
	memberAdded:     {"Add user to group membership", "core.user_group_member.user_add", true},
	memberRemoved:   {"Remove user from group membership", "core.user_group_member.user_remove", true},
	groupAssigned:   {"Add assigned application to group", "", true},
	groupUnassigned: {"Remove assigned application from group", "", true},
	appCreated:      {"Create application", "", true},
	appActivated:    {"Activate application", "", true},
	appDeactivated:  {"Deactivate application", "", true},
	appDeleted:      {"Delete application", "", true},
	appUserAdded:    {"Add user to application membership", "app.generic.provision.assign_user_to_app", true},
	appUserRemoved:  {"Remove user's application membership", "", true},
	tokensRevoked:   {"Tokens revoked for user", "", false},
	tokenRevoked:    {"Revoke API token", "", true},
}

// Entity is somebody or something in an event. Empty strings are null.
type Entity struct{ ID, Type, AlternateID, DisplayName string }

// system is who acts where no administrator does.
var system = Entity{"00uOktaSystem0000000", "SystemPrincipal", "system@okta.com", "Okta System"}

// Event is an event of the System Log.
type Event struct {
	UUID      string    // made if empty; two events of one UUID are one event twice
	Type      string    // required
	Message   string    // that of the catalogue if empty
	Severity  string    // "INFO" if empty
	Outcome   string    // "SUCCESS" if empty
	Reason    string    // of the outcome; "" is null
	Actor     Entity    // the org's administrator if zero
	Targets   []Entity  // none is null
	Published time.Time // now if zero
	Job       bool      // written by a task of Okta's: no client, no request
	Hook      bool      // delivered by event hooks; so is what the catalogue says

	uri       string
	persisted time.Time
	seq       int
}

// WriteLog writes an event and returns its UUID: what the org's own acts do not
// write, such as a failure, or an event a second time.
func (k *Okta) WriteLog(e Event) string {
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	return k.org.writeEvent(e).UUID
}

// SetActor changes whom events name as the administrator.
func (k *Okta) SetActor(e Entity) {
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	k.org.actor = e
}

// write writes that the administrator did something to targets. The caller holds
// the lock.
func (o *org) write(event string, targets ...Entity) {
	o.writeEvent(Event{Type: event, Targets: targets})
}

func (o *org) writeEvent(e Event) Event {
	if e.Actor == (Entity{}) {
		e.Actor = o.actor
		if e.Job {
			e.Actor = system
		}
	}
	return o.log.add(e)
}
