package upstreamtest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// GRPC is an upstream that speaks gRPC over HTTP/2 without TLS: the standard
// health service, unary (Check) and streaming (Watch), and /echo/Talk, which sends
// back every HealthCheckRequest that it gets.
type GRPC struct {
	// Health is what Check and Watch answer from.
	Health *health.Server
	ln     net.Listener
	srv    *grpc.Server
	mu     sync.Mutex
	seen   []metadata.MD
}

// StartGRPC listens on loopback.
func StartGRPC() (*GRPC, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &GRPC{Health: health.NewServer(), ln: ln}
	g.srv = grpc.NewServer(
		grpc.UnknownServiceHandler(talk),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			g.note(ctx)
			_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "seen"))
			return next(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			g.note(s.Context())
			return next(srv, s)
		}))
	healthpb.RegisterHealthServer(g.srv, g.Health)
	go func() { _ = g.srv.Serve(ln) }()
	return g, nil
}

func talk(_ any, s grpc.ServerStream) error {
	if method, _ := grpc.MethodFromServerStream(s); method != "/echo/Talk" {
		return status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	for {
		var m healthpb.HealthCheckRequest
		switch err := s.RecvMsg(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := s.SendMsg(&m); err != nil {
			return err
		}
	}
}

func (g *GRPC) note(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	g.mu.Lock()
	g.seen = append(g.seen, md.Copy())
	g.mu.Unlock()
}

// Addr is host and port.
func (g *GRPC) Addr() string { return g.ln.Addr().String() }

// Calls are the metadata of the calls so far.
func (g *GRPC) Calls() []metadata.MD {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]metadata.MD(nil), g.seen...)
}

// Close breaks every connection.
func (g *GRPC) Close() { g.srv.Stop() }
