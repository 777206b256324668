package okta

import (
	"context"
	"time"
)

// priority is who goes first when a limit is short.
type priority int

const (
	urgent priority = iota // a person waits for the answer
	steady                 // nobody does
)

type priorityKey struct{}

func withPriority(ctx context.Context, p priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func priorityOf(ctx context.Context) priority {
	p, _ := ctx.Value(priorityKey{}).(priority)
	return p
}

// longestWait is how long a request may wait for a rate limit.
func longestWait(ctx context.Context) time.Duration {
	if priorityOf(ctx) == steady {
		return maxListWait
	}
	return maxWait
}
