package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// actions lists the actions of RESPOND: those that are active or wait for
// confirmation, and with -all those that are over.
func actions(ctx context.Context, j *job) error {
	opts := &darktrace.AntigenaListOptions{DID: j.deviceID, IncludeCleared: j.all}
	if j.pending {
		opts.NeedConfirming = &j.pending
	}
	found, err := j.client.Antigena.ListActions(ctx, opts)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(a *darktrace.AntigenaAction) bool {
		state := a.State(j.now())
		return !j.all && (state == darktrace.AntigenaExpired || state == darktrace.AntigenaCleared)
	})
	return list(j, "actions", withoutError(found), []column[*darktrace.AntigenaAction]{
		{"STATE", func(a *darktrace.AntigenaAction) string { return string(a.State(j.now())) }},
		{"BEGAN (UTC)", func(a *darktrace.AntigenaAction) string { return minute(a.Start) }},
		{"UNTIL (UTC)", func(a *darktrace.AntigenaAction) string { return minute(a.Expires) }},
		{"ACTION", func(a *darktrace.AntigenaAction) string { return short(actionName(a), 40) }},
		{"DEVICE", func(a *darktrace.AntigenaAction) string { return actionDevice(a) }},
		{"WHY", func(a *darktrace.AntigenaAction) string { return short(actionReason(a), 48) }},
		{"ID", func(a *darktrace.AntigenaAction) string { return fmt.Sprint(a.CodeID) }},
	})
}

func actionName(a *darktrace.AntigenaAction) string {
	return strings.TrimSpace(cmp.Or(a.Label, string(a.Action)) + " " + a.Detail)
}

func actionDevice(a *darktrace.AntigenaAction) string {
	if a.IP == "" {
		return fmt.Sprintf("device %d", a.DID)
	}
	return fmt.Sprintf("%s (device %d)", a.IP, a.DID)
}

func actionReason(a *darktrace.AntigenaAction) string {
	if a.Triggerer != nil {
		return strings.TrimSpace(a.Triggerer.Username + ": " + a.Triggerer.Reason)
	}
	return a.Model
}

// responses are the ways in which respond can change an action of RESPOND.
var responses = map[string]struct {
	done      string
	needsTime bool // it needs a duration
	takesTime bool
	write     func(s *darktrace.AntigenaService, ctx context.Context, id int64, d time.Duration, reason string) (*darktrace.AntigenaAction, error)
}{
	"activate": {"activated", false, true, (*darktrace.AntigenaService).ActivateVerified},
	"extend":   {"extended", true, true, (*darktrace.AntigenaService).ExtendVerified},
	"clear": {"cleared", false, false, func(s *darktrace.AntigenaService, ctx context.Context, id int64, _ time.Duration, reason string) (*darktrace.AntigenaAction, error) {
		return s.ClearVerified(ctx, id, reason)
	}},
	"reactivate": {"reactivated", true, true, (*darktrace.AntigenaService).ReactivateVerified},
}

// respond changes an action of RESPOND, or makes one that blocks connections, and
// reads it back.
func respond(ctx context.Context, j *job) error {
	what := j.args[0]
	r, known := responses[what]
	takes := 2
	if what == "block" {
		known, takes, r.done, r.needsTime, r.takesTime = true, 4, "blocked", true, true
	}
	id, err := parseID(j.args[1])
	switch {
	case !known:
		return usage("respond can activate, extend, clear, reactivate and block, not %q", what)
	case len(j.args) != takes:
		return usage("respond %s takes %s", what, map[int]string{2: "an action", 4: "a device, and the two ends of the connections"}[takes])
	case err != nil:
		return err
	case j.reason == "":
		return usage("respond needs a -reason, which the history of the action keeps")
	case r.needsTime && j.duration == 0:
		return usage("respond %s needs -for, the duration of the action from now on", what)
	case !r.takesTime && j.duration != 0:
		return usage("respond %s takes no -for", what)
	}
	if what == "block" {
		target, err := parseTarget(j.args[2], j.args[3])
		if err != nil {
			return err
		}
		r.write = func(s *darktrace.AntigenaService, ctx context.Context, did int64, d time.Duration, reason string) (*darktrace.AntigenaAction, error) {
			return s.BlockConnectionsVerified(ctx, did, []darktrace.AntigenaTarget{target}, d, reason)
		}
	}
	action, err := r.write(j.client.Antigena, ctx, id, j.duration, j.reason)
	if err != nil {
		return err
	}
	if !j.out.table() {
		return j.out.object(action)
	}
	state := action.State(j.now())
	text := fmt.Sprintf("%d: %s, and read back: %s on %s, %s", action.CodeID, r.done, actionName(action), actionDevice(action), state)
	if state != darktrace.AntigenaCleared {
		text += " until " + minute(action.Expires) + " UTC"
	}
	j.out.say("%s", text)
	return nil
}

// parseTarget reads the two ends of a connection; the second may have a port.
func parseTarget(from, to string) (target darktrace.AntigenaTarget, err error) {
	if host, port, err := net.SplitHostPort(to); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return target, usage("%q is not a port", port)
		}
		to, target.Port = host, int(n)
	}
	if target.Source, err = parseHost(from); err == nil {
		target.Destination, err = parseHost(to)
	}
	return target, err
}

// parseHost reads an address, with or without brackets, or the name of a host: a block
// of anything else would match nothing.
func parseHost(value string) (string, error) {
	if address, ok := siem.Address(strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")); ok {
		return address, nil
	}
	if !siem.Hostname(value) {
		return "", usage("%q is not an address or the name of a host", value)
	}
	return value, nil
}
