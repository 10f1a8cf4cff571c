// Command sdk does what floor does, with the SDK.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/darktrace-go/darktrace"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, err := darktrace.NewClientFromEnv()
	if err != nil {
		return err
	}
	for event, err := range client.AIAnalyst.Events(ctx, nil) {
		if err != nil {
			return err
		}
		fmt.Println(event.ID, event.Title)
	}
	return nil
}
