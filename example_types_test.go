package darktrace_test

import (
	"encoding/json"
	"fmt"

	"github.com/darktrace-go/darktrace"
)

// One field of an unexpected type costs that field only. What it was is in
// Extra, and encoding gives it back.
func ExampleIncidentEvent_tolerance() {
	var event darktrace.IncidentEvent
	err := json.Unmarshal([]byte(`{"id":"a","title":{"en":"Upload"},"groupScore":"87.5","newInThisVersion":true}`), &event)
	fmt.Println(err, event.ID, event.Title, event.GroupScore)
	fmt.Println("skipped:", event.Skipped)
	fmt.Println("extra:", string(event.Extra["title"]), string(event.Extra["newInThisVersion"]))
	data, err := json.Marshal(event)
	fmt.Println(string(data), err)
	// Output:
	// <nil> a  87.5
	// skipped: [title]
	// extra: {"en":"Upload"} true
	// {"id":"a","groupScore":87.5,"newInThisVersion":true,"title":{"en":"Upload"}} <nil>
}
