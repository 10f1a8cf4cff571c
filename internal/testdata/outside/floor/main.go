// Command floor fetches events with net/http and encoding/json alone. Its size is
// the least that the binary of any client has.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
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
	if err := json.NewDecoder(resp.Body).Decode(&events); err != nil {
		return err
	}
	for _, e := range events {
		fmt.Println(e.ID, e.Title)
	}
	return nil
}
