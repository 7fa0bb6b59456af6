package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Name  string `json:"name"`
	Fail  bool   `json:"fail"`
	Panic bool   `json:"panic"`
	Sleep int    `json:"sleep"`
	Parts int    `json:"parts"`
}

func stream(e event) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		for part := range e.Parts {
			fmt.Fprintf(writer, "part %d;", part)
			time.Sleep(100 * time.Millisecond)
		}
		if e.Fail {
			writer.CloseWithError(errors.New("no " + e.Name))
		}
		writer.Close()
	}()
	return reader
}

func handle(ctx context.Context, e event) (any, error) {
	known, _ := lambdacontext.FromContext(ctx)
	fmt.Println("a line from Go about", e.Name)
	time.Sleep(time.Duration(e.Sleep) * time.Millisecond)
	if e.Panic {
		panic("gone")
	}
	if e.Parts > 0 {
		return stream(e), nil
	}
	if e.Fail {
		return nil, errors.New("no " + e.Name)
	}
	return map[string]any{"hello": e.Name, "colour": os.Getenv("COLOUR"), "id": known.AwsRequestID}, nil
}

func main() {
	// Registers an internal extension, without which there would be no such signal.
	told := lambda.WithEnableSIGTERM(func() { fmt.Println("a line from Go at its end") })
	lambda.StartWithOptions(handle, told)
}
