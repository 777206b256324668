package policy

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryReasonHasItsOwnName(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for r := range reasonCount {
		if !name.MatchString(r.String()) {
			t.Errorf("reason %d is called %q", r, r)
		}
		if slices.Index(ReasonNames(), r.String()) != int(r) || r.Sentence() == "" {
			t.Errorf("two reasons are called %q", r)
		}
	}
	if reasonCount > 64 {
		t.Errorf("%d reasons do not fit into a set", reasonCount)
	}
}

func TestReasonSet(t *testing.T) {
	s := Reasons(ReasonUserUnknown, ReasonAccept, ReasonEmailOK, ReasonAccept)
	if diff := cmp.Diff([]string{"accept", "email-ok", "user-unknown"}, s.Names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !s.Has(ReasonEmailOK) || s.Has(ReasonEmailUnauthorized) || !s.Has(ReasonAccept) {
		t.Errorf("%v has the wrong members", s.Names())
	}
	if names := Reasons().Names(); names != nil {
		t.Errorf("no reasons are called %v", names)
	}
}
