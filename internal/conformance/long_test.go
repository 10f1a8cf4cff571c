package conformance_test

import "flag"

// long makes simulations run at their full length; see CONTRIBUTING.md.
var (
	long  = flag.Bool("long", false, "run simulations at full length")
	first = flag.Uint64("first", 0, "the first seed of the feed's simulations")
)
