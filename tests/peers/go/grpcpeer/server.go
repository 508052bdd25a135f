package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// far is the application: all four kinds of call. It says on standard output what it sees of those that end early.
type far struct {
	lock sync.Mutex // lines come in the order of what they tell
	open int
}

func (it *far) opened(more int) {
	it.lock.Lock()
	defer it.lock.Unlock()
	it.open += more
	tell("open %d", it.open)
}

func tell(format string, values ...any) { fmt.Fprintf(os.Stdout, format+"\n", values...) }

func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	limit := grpc.MaxRecvMsgSize(256 << 20)
	server := grpc.NewServer(grpc.ForceServerCodecV2(raw{}), limit, grpc.MaxConcurrentStreams(2000))
	it := &far{}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "t.T",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: it.unary}},
		Streams: []grpc.StreamDesc{
			{StreamName: "Count", Handler: it.count, ServerStreams: true},
			{StreamName: "Sum", Handler: it.sum, ClientStreams: true},
			{StreamName: "Echo", Handler: it.echo, ServerStreams: true, ClientStreams: true},
		},
	}, it)
	tell("ready")
	return server.Serve(listener)
}

func (it *far) unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var request []byte
	if err := decode(&request); err != nil {
		return nil, err
	}
	switch string(request) {
	case "sleep":
		if deadline, set := ctx.Deadline(); set {
			tell("left %f", time.Until(deadline).Seconds())
		}
		select {
		case <-ctx.Done():
			tell("ended %v", ctx.Err())
		case <-time.After(30 * time.Second):
		}
		return nil, ctx.Err()
	case "refuse":
		if err := grpc.SetTrailer(ctx, metadata.Pairs("why-bin", "\x00\xff\n")); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.FailedPrecondition, "not 100 %: doughnuts — é\n")
	case "metadata":
		got, _ := metadata.FromIncomingContext(ctx)
		large, rawBin := got.Get("large")[0], got.Get("raw-bin")[0]
		if err := grpc.SendHeader(ctx, metadata.Pairs("back", large, "back-bin", rawBin)); err != nil {
			return nil, err
		}
		if err := grpc.SetTrailer(ctx, metadata.Pairs("end", large)); err != nil {
			return nil, err
		}
	}
	return &request, nil
}

func (it *far) count(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	until, err := strconv.Atoi(string(request))
	for number := 0; err == nil && number < until; number++ {
		part := strconv.AppendInt(nil, int64(number), 10)
		err = stream.SendMsg(&part)
	}
	return err
}

func (it *far) sum(_ any, stream grpc.ServerStream) error {
	total := 0
	for {
		var request []byte
		if err := stream.RecvMsg(&request); err == io.EOF {
			answer := strconv.AppendInt(nil, int64(total), 10)
			return stream.SendMsg(&answer)
		} else if err != nil {
			return err
		}
		number, err := strconv.Atoi(string(bytes.TrimSpace(request)))
		if err != nil {
			return err
		}
		total += number
	}
}

func (it *far) echo(_ any, stream grpc.ServerStream) error {
	it.opened(1)
	defer it.opened(-1)
	for {
		var request []byte
		if err := stream.RecvMsg(&request); err == io.EOF {
			return nil
		} else if err != nil {
			tell("ended %v", err)
			return err
		}
		if err := stream.SendMsg(&request); err != nil {
			return err
		}
	}
}
