package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const mib = 1 << 20

var (
	counting   = &grpc.StreamDesc{StreamName: "Count", ServerStreams: true}
	summing    = &grpc.StreamDesc{StreamName: "Sum", ClientStreams: true}
	conversing = &grpc.StreamDesc{StreamName: "Echo", ServerStreams: true, ClientStreams: true}
)

var scenarios = map[string]func(context.Context, *grpc.ClientConn) error{
	"kinds": kinds, "turns": turns, "thousand": thousand, "deadline": deadline, "cancel": cancelled,
	"large": large, "trailers": trailersOnly, "metadata": largeMetadata,
}

func call(address, name string) error {
	play, known := scenarios[name]
	if !known {
		return fmt.Errorf("no scenario %q", name)
	}
	limits := grpc.WithDefaultCallOptions(
		grpc.ForceCodecV2(raw{}), grpc.MaxCallRecvMsgSize(256*mib), grpc.MaxCallSendMsgSize(256*mib))
	channel, err := grpc.NewClient("passthrough:///"+address, limits,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithMaxHeaderListSize(64*1024))
	if err != nil {
		return err
	}
	defer channel.Close()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	for { // the test before took its server with it, and the sidecar waits before it dials again
		if _, err = unary(ctx, channel, []byte("ready")); status.Code(err) != codes.Unavailable {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	return play(ctx, channel)
}

func unary(ctx context.Context, channel *grpc.ClientConn, request []byte, options ...grpc.CallOption) ([]byte, error) {
	var answer []byte
	err := channel.Invoke(ctx, "/t.T/Unary", &request, &answer, options...)
	return answer, err
}

func wanted(what string, found, expected any) error {
	if found != expected {
		return fmt.Errorf("%s: %v, not %v", what, found, expected)
	}
	return nil
}

// exchange sends one message and expects it back.
func exchange(stream grpc.ClientStream, message []byte) error {
	if err := stream.SendMsg(&message); err != nil {
		return err
	}
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	if !bytes.Equal(answer, message) {
		return fmt.Errorf("%d bytes came back as %d others", len(message), len(answer))
	}
	return nil
}

// finish closes our side, and expects the end with status OK.
func finish(stream grpc.ClientStream) error {
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var answer []byte
	return wanted("the end", stream.RecvMsg(&answer), io.EOF)
}

func kinds(ctx context.Context, channel *grpc.ClientConn) error {
	answer, err := unary(ctx, channel, []byte("hello"))
	if err != nil {
		return err
	}
	if err := wanted("unary", string(answer), "hello"); err != nil {
		return err
	}
	stream, err := channel.NewStream(ctx, counting, "/t.T/Count")
	if err != nil {
		return err
	}
	request := []byte("1000")
	if err := stream.SendMsg(&request); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for number := 0; number < 1000; number++ {
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
		if err := wanted("server streaming", string(answer), strconv.Itoa(number)); err != nil {
			return err
		}
	}
	if err := wanted("its end", stream.RecvMsg(&answer), io.EOF); err != nil {
		return err
	}
	stream, err = channel.NewStream(ctx, summing, "/t.T/Sum")
	if err != nil {
		return err
	}
	for number := 0; number < 1000; number++ {
		request = strconv.AppendInt(nil, int64(number), 10)
		if err := stream.SendMsg(&request); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	if err := wanted("client streaming", string(answer), "499500"); err != nil {
		return err
	}
	stream, err = channel.NewStream(ctx, conversing, "/t.T/Echo")
	if err != nil {
		return err
	}
	for _, size := range []int{0, 1, 16_384, 65_535, 65_536, 70_000, mib} {
		if err := exchange(stream, bytes.Repeat([]byte("x"), size)); err != nil {
			return err
		}
	}
	return finish(stream)
}

func turns(ctx context.Context, channel *grpc.ClientConn) error {
	stream, err := channel.NewStream(ctx, conversing, "/t.T/Echo")
	if err != nil {
		return err
	}
	for number := 0; number < 200; number++ {
		if err := exchange(stream, strconv.AppendInt(nil, int64(number), 10)); err != nil {
			return err
		}
	}
	return finish(stream)
}

// thousand holds a thousand streams open at once, each with a message there and back, and then ends them.
func thousand(ctx context.Context, channel *grpc.ClientConn) error {
	var begun, ended sync.WaitGroup
	failures := make(chan error, 1000)
	begun.Add(1000)
	for number := 0; number < 1000; number++ {
		ended.Add(1)
		go func() {
			defer ended.Done()
			stream, err := channel.NewStream(ctx, conversing, "/t.T/Echo")
			if err == nil {
				err = exchange(stream, strconv.AppendInt(nil, int64(number), 10))
			}
			begun.Done()
			begun.Wait()
			if err == nil {
				err = finish(stream)
			}
			failures <- err
		}()
	}
	ended.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func deadline(ctx context.Context, channel *grpc.ClientConn) error {
	short, stop := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stop()
	_, err := unary(short, channel, []byte("sleep"))
	return wanted("code", status.Code(err), codes.DeadlineExceeded)
}

func cancelled(ctx context.Context, channel *grpc.ClientConn) error {
	short, stop := context.WithCancel(ctx)
	stream, err := channel.NewStream(short, conversing, "/t.T/Echo")
	if err == nil {
		err = exchange(stream, []byte("one"))
	}
	stop()
	if err != nil {
		return err
	}
	var answer []byte
	if err := wanted("code", status.Code(stream.RecvMsg(&answer)), codes.Canceled); err != nil {
		return err
	}
	answer, err = unary(ctx, channel, []byte("next"))
	if err != nil {
		return err
	}
	return wanted("the next call", string(answer), "next")
}

func large(ctx context.Context, channel *grpc.ClientConn) error {
	message := make([]byte, 64*mib)
	for at := range message {
		message[at] = byte(at)
	}
	answer, err := unary(ctx, channel, message)
	if err != nil {
		return err
	}
	return wanted("the same 64 MiB", bytes.Equal(answer, message), true)
}

func trailersOnly(ctx context.Context, channel *grpc.ClientConn) error {
	var trailer metadata.MD
	_, err := unary(ctx, channel, []byte("refuse"), grpc.Trailer(&trailer))
	if err := wanted("code", status.Code(err), codes.FailedPrecondition); err != nil {
		return err
	}
	if err := wanted("message", status.Convert(err).Message(), "not 100 %: doughnuts — é\n"); err != nil {
		return err
	}
	if err := wanted("why-bin", strings.Join(trailer.Get("why-bin"), "|"), "\x00\xff\n"); err != nil {
		return err
	}
	var answer []byte
	err = channel.Invoke(ctx, "/t.T/Nothing", &answer, &answer)
	return wanted("code of no method", status.Code(err), codes.Unimplemented)
}

func largeMetadata(ctx context.Context, channel *grpc.ClientConn) error {
	long, rawBin := strings.Repeat("m", 12_000), strings.Repeat("\x00\xff\n", 700)
	var header, trailer metadata.MD
	sent := metadata.AppendToOutgoingContext(ctx, "large", long, "raw-bin", rawBin)
	answer, err := unary(sent, channel, []byte("metadata"), grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		return err
	}
	got := strings.Join(header.Get("back"), "|") == long && strings.Join(header.Get("back-bin"), "|") == rawBin
	if err := wanted("metadata there and back", got, true); err != nil {
		return err
	}
	if err := wanted("trailer there and back", strings.Join(trailer.Get("end"), "|") == long, true); err != nil {
		return err
	}
	return wanted("answer", string(answer), "metadata")
}
