// Package darktrace is an unofficial client for the AI Analyst of a Darktrace
// appliance.
package darktrace
