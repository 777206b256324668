package weberr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAsKeepsTheErrorThatMayBeTold(t *testing.T) {
	want := Denied("wiki.example.com", "alice@example.com")
	if got := As(fmt.Errorf("handler: %w", want)); got != want {
		t.Errorf("As of a wrapped error = %v, want the error itself", got)
	}
}

func TestAsTellsNothingOfUnknownErrors(t *testing.T) {
	cause := errors.New("dial tcp 10.1.2.3:5432: password=hunter2")
	got := As(cause)
	if got.Status != http.StatusInternalServerError || got.Code != "internal" {
		t.Errorf("status and code = %d %q, want 500 internal", got.Status, got.Code)
	}
	if told := got.Title + got.Message + got.Next; strings.Contains(told, "hunter2") {
		t.Errorf("the cause is told: %q", told)
	}
	if !errors.Is(got, cause) || !strings.Contains(got.Error(), "hunter2") {
		t.Errorf("the log lost the cause: %v", got)
	}
}

func TestAsCallsACancelledRequestClientGone(t *testing.T) {
	if got := As(fmt.Errorf("round trip: %w", context.Canceled)); got.Status != StatusClientGone {
		t.Errorf("status = %d, want %d", got.Status, StatusClientGone)
	}
	if got := As(context.DeadlineExceeded); got.Status != http.StatusInternalServerError {
		t.Errorf("a deadline is not the client's doing: status = %d, want 500", got.Status)
	}
}

func TestAsOfNil(t *testing.T) {
	if got := As(nil); got != nil {
		t.Errorf("As(nil) = %v", got)
	}
	var none *Error
	if got := As(none); got == nil || got.HTTPStatus() != http.StatusInternalServerError {
		t.Errorf("As of a nil *Error = %v, want a bare 500", got)
	}
}

func TestHTTPStatusIsAlwaysAnError(t *testing.T) {
	for _, status := range []int{-1, 0, 200, 302, 399, 600, 1000} {
		if got := (&Error{Status: status}).HTTPStatus(); got != http.StatusInternalServerError {
			t.Errorf("HTTPStatus of %d = %d, want 500", status, got)
		}
	}
	if got := (&Error{Status: 403}).HTTPStatus(); got != 403 {
		t.Errorf("HTTPStatus of 403 = %d", got)
	}
}

// Every ready-made error has all that a page needs, with distinct codes.
func TestTextsAreWhole(t *testing.T) {
	cause := errors.New("cause")
	seen := map[string]bool{}
	for _, e := range []*Error{
		Denied("h", "a"), SignInNeeded("h", "/l"), SignInFailed("m", cause), NotFound("h"), UpstreamUnreachable("h", cause),
		UpstreamTimeout("h", cause), ProviderUnavailable(time.Second, cause), StoreUnavailable(time.Second, cause),
		BadRequest("m", cause), Internal(cause), Maintenance("h", "", 0), SignInLoop("h", "c", LostAll),
	} {
		if e.Title == "" || e.Message == "" || e.Next == "" || e.Code == "" {
			t.Errorf("incomplete: %+v", e)
		}
		if e.HTTPStatus() != e.Status {
			t.Errorf("%s: status %d is no error status", e.Code, e.Status)
		}
		if seen[e.Code] {
			t.Errorf("code %q is used twice", e.Code)
		}
		seen[e.Code] = true
	}
}

func TestDeniedWithoutAccount(t *testing.T) {
	if got := Denied("", "").Message; got != "You are not allowed to open this application." {
		t.Errorf("message = %q", got)
	}
}

// Each way of losing the cookie has a text of its own, which names the cookie
// and what usually is behind it.
func TestSignInLoopTellsWhatWasLost(t *testing.T) {
	seen := map[string]bool{}
	for _, lost := range []Lost{LostAll, LostOne, LostUnreadable, LostSession} {
		e := SignInLoop("wiki.example.com", "__Host-sallyport", lost)
		if !strings.Contains(e.Message, "__Host-sallyport") || !strings.Contains(e.Message, "wiki.example.com") || len(e.Hints) < 2 || seen[e.Message] {
			t.Errorf("lost %d: %q %q", lost, e.Message, e.Hints)
		}
		seen[e.Message] = true
	}
}
