package idp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
)

func TestUnavailableErrorIsErrUnavailableAndItsCause(t *testing.T) {
	err := fmt.Errorf("refresh: %w", &idp.UnavailableError{What: "token endpoint: status 429", RetryAfter: time.Second, Err: context.DeadlineExceeded})
	var u *idp.UnavailableError
	if !errors.Is(err, idp.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &u) || u.RetryAfter != time.Second {
		t.Errorf("%v is not what it should be", err)
	}
	if !strings.Contains(err.Error(), "429") || strings.Contains(err.Error(), "deadline") {
		t.Errorf("text: %v", err)
	}
	if err := (&idp.UnavailableError{What: "x"}); !errors.Is(err, idp.ErrUnavailable) {
		t.Error("without a cause it is nothing")
	}
}
