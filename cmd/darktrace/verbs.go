package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// verb is a verb of the command.
type verb struct {
	name, args string
	min, max   int           // how many arguments it takes; max -1 = any number
	ids        int           // how many arguments, from the first on, are ids of events, incidents or alerts
	words      []string      // the valid first arguments; nil = any
	help       string        // what it does
	permission string        // the permission that the token's user needs beyond the usual ones; "" = none
	since      time.Duration // how far back it looks; 0 = a week
	flags      []string
	maps       bool // also prints ecs and ocsf
	html       bool // prints a page instead
	local      bool // needs no appliance
	observes   bool // observes the connection
	run        func(context.Context, *job) error
}

const (
	acknowledgeBreaches = "Acknowledge Breaches"
	discussBreaches     = "Discuss Breaches"
	darktraceRespond    = "Darktrace RESPOND"
	advancedSearch      = "Advanced Search"
)

var window = []string{"since", "until", "min-score", "all", "did", "limit"}

// verbs lists all verbs in the order in which help shows them.
func verbs() []verb {
	return []verb{
		{name: "ping", help: "test the address, TLS, clock, tokens and permission, and show the version and licence", observes: true, run: ping},
		{name: "incidents", help: "list incidents by score, highest first", flags: slices.Concat(window, []string{"category"}), run: incidents},
		{name: "events", help: "list incident events by incident score, highest first", flags: slices.Concat(window, []string{"category", "incident"}), maps: true, run: events},
		{name: "show", args: "<event, incident or alert>", min: 1, max: 1, ids: 1, help: "show an event, incident or alert in full, with its comments", run: show},
		{name: "watch", args: "[events|alerts]", max: 1, words: []string{"events", "alerts"}, help: "follow new events or model alerts, and print each one once", flags: []string{"checkpoint", "once", "since", "min-score", "category", "updates", "interval"}, since: 24 * time.Hour, maps: true, run: watch},
		{name: "alerts", help: "list model alerts", flags: window, maps: true, run: alerts},
		{name: "device", args: "<id, address or name>", min: 1, max: 1, help: "show a device with its tags; * in a name matches any characters", run: device},
		{name: "actions", help: "list RESPOND actions that are active or wait for confirmation", flags: []string{"pending", "all", "did", "limit"}, run: actions},
		{name: "search", args: "<query>", min: 1, max: 1, help: "search connection metadata of the last hour with a query such as '@type:\"ssl\"'", permission: advancedSearch, flags: []string{"since", "until", "limit"}, since: time.Hour, run: search},
		{name: "report", args: "<event or incident>", min: 1, max: 1, ids: 1, help: "write an HTML page about an event or incident: what happened, when, and which devices are connected", flags: []string{"file"}, html: true, run: report},
		{name: "ack", args: "<event, incident or alert>...", min: 1, max: -1, ids: math.MaxInt, help: "acknowledge events, all events of incidents, or model alerts", permission: acknowledgeBreaches, run: mark},
		{name: "unack", args: "<event, incident or alert>...", min: 1, max: -1, ids: math.MaxInt, help: "remove an acknowledgement", permission: acknowledgeBreaches, run: mark},
		{name: "pin", args: "<event or incident>...", min: 1, max: -1, ids: math.MaxInt, help: "pin events, or all events of incidents", run: mark},
		{name: "unpin", args: "<event or incident>...", min: 1, max: -1, ids: math.MaxInt, help: "remove a pin", run: mark},
		{name: "comment", args: "<event or alert> <text>", min: 2, max: 2, ids: 1, help: "comment on an event or a model alert", permission: discussBreaches, run: comment},
		{name: "respond", args: "activate|extend|clear|reactivate <action>, block <device> <from> <to>", min: 2, max: 4, words: []string{"activate", "extend", "clear", "reactivate", "block"}, help: "change a RESPOND action, or create one that blocks connections of a device", permission: darktraceRespond, flags: []string{"reason", "for"}, run: respond},
		{name: "version", help: "print the version of this command", local: true, run: version},
		{name: "completion", args: "bash|zsh|fish", min: 1, max: 1, words: []string{"bash", "zsh", "fish"}, help: "print a shell script that completes verbs and flags", local: true, run: completion},
	}
}

// find returns the verb of a name.
func find(name string) (*verb, error) {
	all := verbs()
	i := slices.IndexFunc(all, func(v verb) bool { return v.name == name })
	if i < 0 {
		return nil, usage("unknown verb %q; \"darktrace help\" lists all verbs", name)
	}
	return &all[i], nil
}

// outputs are the formats that -o accepts; none for a page.
func (v *verb) outputs() []format {
	if v.html {
		return nil
	}
	return v.formats()
}

func (v *verb) allFlags() []string { return slices.Concat(v.flags, everywhere) }

func (v *verb) formats() []format {
	switch {
	case v.html:
		return []format{formatHTML}
	case v.maps:
		return formats
	}
	return formats[:2]
}

// usage is a verb with its arguments.
func (v *verb) usage() string { return strings.TrimSpace(v.name + " " + v.args) }

// help returns the help of a verb or, for nil, of the command.
func help(v *verb) string {
	var b strings.Builder
	if v != nil {
		fmt.Fprintf(&b, "usage: darktrace [flags] %s\n\n%s.\n", v.usage(), capital(v.help))
		if v.permission != "" {
			fmt.Fprintf(&b, "The token's user needs the permission %q.\n", v.permission)
		}
		helpFlags(&b, "Flags", v.flags)
		helpFlags(&b, "Flags of every verb", everywhere)
		return b.String()
	}
	b.WriteString("usage: darktrace [flags] verb [flags] [arguments]\n\nVerbs\n")
	for _, v := range verbs() {
		entry(&b, v.usage(), v.help)
	}
	entry(&b, "help [verb]", "explain the command or a verb")
	helpFlags(&b, "Flags of every verb", everywhere)
	b.WriteString("\nEnvironment\n")
	for _, variable := range environment {
		entry(&b, variable[0], variable[1])
	}
	b.WriteString("\nExit codes\n  0    done\n  1    any other error, such as a file that can't be written\n")
	for _, exit := range exits {
		fmt.Fprintf(&b, "  %-4d %s\n", exit.code, exit.meaning)
	}
	fmt.Fprintf(&b, "  %-4d interrupted; watch without -once ends with 0 instead\n", exitInterrupted)
	return b.String()
}

func helpFlags(b *strings.Builder, heading string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", heading)
	for _, name := range names {
		o := optionOf(name)
		entry(b, strings.TrimSpace("-"+o.name+" "+o.value), o.help)
	}
}

// entry writes a name and its explanation, which is below a long name.
func entry(b *strings.Builder, name, text string) {
	const column = 30
	if len(name) > column {
		fmt.Fprintf(b, "  %s\n", name)
		name = ""
	}
	fmt.Fprintf(b, "  %-*s %s\n", column, name, text)
}

func optionOf(name string) option {
	return options[slices.IndexFunc(options, func(o option) bool { return o.name == name })]
}

// environment are the variables that name the appliance.
var environment = [][2]string{
	{"DARKTRACE_URL", "base URL of the appliance"},
	{"DARKTRACE_PUBLIC_TOKEN", "the public token"},
	{"DARKTRACE_PRIVATE_TOKEN", "the private token"},
	{"DARKTRACE_PUBLIC_TOKEN_FILE, DARKTRACE_PRIVATE_TOKEN_FILE", "files that hold the tokens instead"},
	{"DARKTRACE_CA_FILE", "PEM file of certificate authorities to trust"},
	{"DARKTRACE_INSECURE", "true trusts any certificate"},
	{"HTTPS_PROXY, NO_PROXY", "proxy to use, and hosts to reach without it"},
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}
