// Package e2e holds the tests that need parts of the real world beside Go: a
// certified OpenID Provider on Node (op/) and Chromium. It has no code of its
// own. With CI=true a missing part fails; elsewhere it is skipped, loudly.
package e2e
