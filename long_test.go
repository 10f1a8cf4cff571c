package darktrace_test

import "flag"

// long makes simulations run at their full length; see CONTRIBUTING.md.
var long = flag.Bool("long", false, "run simulations at full length")
