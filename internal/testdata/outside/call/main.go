// Command call does the work of floor with the SDK's request path, but without its
// typed objects.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/darktrace-go/darktrace"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	auth, err := darktrace.NewTokenAuth(args[1], args[2])
	if err != nil {
		return err
	}
	client, err := darktrace.NewClient(args[0], auth)
	if err != nil {
		return err
	}
	var events []struct{ ID, Title string }
	if err := client.Do(ctx, &darktrace.Request{Path: "/aianalyst/incidentevents"}, &events); err != nil {
		return err
	}
	for _, e := range events {
		fmt.Println(e.ID, e.Title)
	}
	return nil
}
