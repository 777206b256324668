package headername

import "testing"

func TestLookAlikesMeet(t *testing.T) {
	for in, want := range map[string]string{
		"X-Forwarded-User": "x-forwarded-user", "x_forwarded-User": "x-forwarded-user", "HTTP_X_FORWARDED_USER": "x-forwarded-user",
		" X-Forwarded-User\t": "x-forwarded-user", "Http-X-Forwarded-User": "x-forwarded-user", "X-Forwarded-Users": "x-forwarded-users", "": "",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}
