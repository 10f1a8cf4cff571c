// Command wiregen writes the decoders, encoders and JSON methods of the objects
// of a package, from the tags of their structs. It reads syntax only, so that it
// works on a package that does not compile.
//
// An object is a struct with a field "unusual". Each exported field has a json
// tag: a name, and omitzero if it is left out when zero; "-" leaves it to others.
// A wire tag says what the json tag can't:
//
//	wire:"summary"      readSummary reads the field, and writeSummary writes it, if there is one
//	wire:"also=uuid"    another name of the member, for which its value stays in Extra, too
//	wire:"prefix=net_"  a map of all members whose names begin so
//	wire:"rest"         a map of all members that no other field is for
//	wire:"places"       a list whose places count, so that null leaves an element zero
//
// A type with a method readJSON of its own is left alone; it needs writeJSON and
// isZero, too.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	files, err := generate(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.FromSlash(name), content, 0o644); err != nil { //nolint:gosec // source code
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
