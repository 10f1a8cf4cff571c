// Package sample has one of everything that the checks look at.
//
// See [Client.Do], [Missing] and [errors.Is].
package sample

import "errors"

// Max is documented.
const Max = 3

// A comment above a group is not a comment for its parts.
const (
	First  Kind = "first"
	Second Kind = "second" // Second has a comment of its own.
)

// Kind is a string kind.
type Kind string

var ErrBare = errors.New("bare")

// Client has fields.
type Client struct {
	embedded
	Base
	Name   string // Name is documented.
	Bare   int
	hidden int
}

type embedded struct{ Promoted bool }

// Base is embedded.
type Base struct{}

// Do has a pointer receiver.
func (c *Client) Do(kind Kind) error { c.hidden++; return nil }

func (c Client) BareMethod() {}

func (embedded) helper() {}

// Doer is an interface.
type Doer interface {
	Do(kind Kind) error
	// Close is documented.
	Close()
	private()
}

// List is generic.
type List[T any] []T

func (l List[T]) BareLen() int { return len(l) }

type BareAlias = Kind

func BareFunc(values ...int) {}
