// Package feed is the engine that follows new elements on an appliance. It reads
// windows of a list and delivers each element once, despite errors and crashes. It
// knows nothing about the appliance or the type of the elements.
//
//   - [Kind] is what it has to know about them, [State] is where a feed stands.
//   - plan.go says which windows a pass reads, and what a wrong clock changes.
//   - read.go reads them, in halves when it must; debt.go keeps what could not be.
//   - memory.go remembers ids, and state.go and json.go the rest.
//   - hand.go chooses what is handed over; pending.go keeps what a limit holds back.
package feed

import (
	"context"
	"time"
)

// Kind holds what the engine must know about the elements that it lists.
type Kind[T any] struct {
	// List reads a window. It need not yield elements whose id skip selects.
	List func(ctx context.Context, w Window, skip func(id []byte) bool, yield func(*T)) error
	// Lookup requests elements by their ids, at most Chunk of them, in one request.
	Lookup func(ctx context.Context, ids []string, yield func(*T)) error
	// Chunk is how many ids a request may have.
	Chunk int
	// Askable reports whether an id can be requested.
	Askable func(id string) bool
	// Divisible reports whether an error may concern only this window.
	Divisible func(error) bool
	// Unknown reports whether an error of Lookup means that there are no such ids.
	Unknown func(error) bool
	// ID returns an element's identity; empty for none.
	ID func(*T) string
	// Created returns when an element was created.
	Created func(*T) int64
	// Last returns the latest time in an element.
	Last func(*T) int64
	// Score returns the score that orders pending elements.
	Score func(*T) float64
	// Matches reports whether an element passes the filter.
	Matches func(*T) bool
	// State returns the fields of an element that can change, as a text. Equal fields
	// give equal texts. The text is neither NoState nor Silent.
	State func(*T) string
	// Changed reports whether to report the difference of two states.
	Changed func(before, after string) bool
}

// Options say how a feed reads. Durations are in milliseconds.
type Options struct {
	Feed     string  // what is followed
	Host     string  // the appliance that it is read from
	Since    int64   // 0 = a day before the first pass
	Overlap  int64   // how far each pass reads back
	Sweeps   []Sweep // and how far some passes read back
	Limit    int     // how many elements a Poll hands over; 0 = all
	Updates  bool    // whether elements that have changed are handed over again
	Follow   []string
	Filter   string // fingerprint of the filter
	Ends     bool   // List sends an end even for open windows
	Pause    int64  // between two passes, while there is other work
	Deadline time.Time
	Now      func() time.Time // the time that requests are signed with
	Own      func() time.Time // the local time, which may be wrong
	// Heard returns when a pass began by the appliance's clock, from the first
	// accepted response since Reset; 0 = no response yet.
	Heard func() int64
}

// Item is an element that is handed over.
type Item[T any] struct {
	Value   *T
	New     bool
	Before  string // its state when it was last handed over; NoState for a new one
	After   string // its state now; NoState without Updates
	Updates int    // how often it was handed over before

	pending Pending
	hash    Hash
	within  Window
	entry   Entry // as it is in the memory
	known   bool
}

// Info describes a Poll.
type Info struct {
	Began    int64 // by the appliance's clock; 0 = no pass began
	Swept    int64 // how far back this Poll has read; 0 = not beyond Overlap
	Listed   int
	Requests int
	Found    []Stretch // stretches that failed for the first time
	Lost     []Stretch // stretches that could not be read in time
	NoIDs    int       // elements without an id
}

// Result is the result of a Poll.
type Result[T any] struct {
	Items []Item[T]
	State *State
	More  bool // there is work left that need not wait
	Info  Info
}
