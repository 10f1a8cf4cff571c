// Command decoder is floor plus the decoder that the SDK builds on, which is a
// module of its own until go.mod says go 1.27, where the standard library has it.
package main

import (
	stdjson "encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var events []struct{ ID, Title string }
	if err := json.UnmarshalDecode(jsontext.NewDecoder(resp.Body), &events); err != nil {
		return err
	}
	return stdjson.NewEncoder(os.Stdout).Encode(events)
}
