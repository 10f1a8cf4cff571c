// Package engines tests the stores with real databases and servers. It is a
// separate module, so that users of the stores inherit no driver.
package engines
