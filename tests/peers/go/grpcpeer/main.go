// Command grpcpeer is a gRPC server and client for the peers tier: grpc-go at one end of the sidecars, or at both.
//
//	grpcpeer serve ADDRESS          answers the service t.T, and prints a line for each thing that a test asks about
//	grpcpeer call ADDRESS SCENARIO  plays a client; what went wrong is on standard error, with exit status 1
//
// Messages are bytes as they are: no .proto file is between the test and the frames.
package main

import (
	"fmt"
	"os"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// raw passes bytes on as they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) (mem.BufferSlice, error) {
	data, fits := message.(*[]byte)
	if !fits {
		return nil, fmt.Errorf("%T is not bytes", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(*data)}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, message any) error {
	into, fits := message.(*[]byte)
	if !fits {
		return fmt.Errorf("%T is not bytes", message)
	}
	*into = data.Materialize()
	return nil
}

var _ encoding.CodecV2 = raw{}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "call":
		err = call(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: grpcpeer serve ADDRESS | grpcpeer call ADDRESS SCENARIO")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
