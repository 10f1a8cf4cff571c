// Command sdk fetches one event with the SDK.
package main

import (
	_ "github.com/darktrace-go/darktrace"
)

func main() {}
