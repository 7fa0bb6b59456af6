package main

import (
	"context"
	"errors"
	"fmt"
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
}

func handle(ctx context.Context, e event) (map[string]any, error) {
	known, _ := lambdacontext.FromContext(ctx)
	fmt.Println("a line from Go about", e.Name)
	time.Sleep(time.Duration(e.Sleep) * time.Millisecond)
	if e.Panic {
		panic("gone")
	}
	if e.Fail {
		return nil, errors.New("no " + e.Name)
	}
	return map[string]any{"hello": e.Name, "colour": os.Getenv("COLOUR"), "id": known.AwsRequestID}, nil
}

func main() { lambda.Start(handle) }
