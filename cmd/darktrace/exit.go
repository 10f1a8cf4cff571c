package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/darktrace-go/darktrace"
)

// exits are the exit codes by the kind of error. 0 is success, and 1 is any error
// that is not listed here. An error of several kinds has the lowest code.
var exits = []struct {
	code    int
	meaning string
	kinds   []error
}{
	{2, "wrong verb, flag, argument or environment: nothing was changed", []error{errUsage, darktrace.ErrArgument}},
	{3, "a write may or may not have been carried out, or reading back does not show it: check before you repeat it", []error{darktrace.ErrOutcomeUnknown, darktrace.ErrNotStored}},
	{4, "tokens, clock or login rejected", []error{darktrace.ErrSignature, darktrace.ErrDate, darktrace.ErrLogin}},
	{5, "the token's user lacks a permission", []error{darktrace.ErrPermission}},
	{6, "no such event, incident, alert or device", []error{darktrace.ErrNotFound}},
	{7, "the appliance rejected the request, or does not have the endpoint", []error{darktrace.ErrInput, darktrace.ErrRejected, darktrace.ErrEndpoint}},
	{8, "no connection, a server error or a rate limit: try again later", []error{darktrace.ErrConnection, darktrace.ErrServer, darktrace.ErrRateLimited}},
	{9, "the response is too large or not understood", []error{darktrace.ErrTooLarge, darktrace.ErrDecode}},
}

const (
	exitOther       = 1   // such as a file that can't be written
	exitInterrupted = 130 // as shells report an interrupt
)

func exitCode(err error) int {
	interrupted := errors.Is(err, context.Canceled)
	for _, exit := range exits {
		for _, kind := range exit.kinds {
			if errors.Is(err, kind) && (!interrupted || kind != darktrace.ErrConnection) { //nolint:errorlint // Both are sentinels.
				return exit.code
			}
		}
	}
	if interrupted {
		return exitInterrupted
	}
	return exitOther
}

// errUsage is the kind of a mistake in the command line.
var errUsage = errors.New("usage")

type usageError string

func (e usageError) Error() string   { return string(e) }
func (usageError) Is(err error) bool { return err == errUsage }

func usage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }
