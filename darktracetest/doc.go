// Package darktracetest is a fake Darktrace appliance for tests, with the bad
// days that real ones have. It verifies every signature as an appliance does and
// says which byte was wrong.
package darktracetest
