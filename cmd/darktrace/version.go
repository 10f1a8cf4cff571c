package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/darktrace-go/darktrace"
)

// version prints the version of the command.
func version(_ context.Context, j *job) error {
	v := struct {
		Version  string `json:"version"`
		Module   string `json:"module,omitempty"`
		Commit   string `json:"commit,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{Version: darktrace.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Module = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v.Commit = setting.Value
			}
		}
	}
	if !j.out.table() {
		return j.out.object(v)
	}
	j.out.say("darktrace %s", v.Version)
	j.out.rows([]string{"module", v.Module}, []string{"commit", v.Commit}, []string{"go", v.Go}, []string{"platform", v.Platform})
	return nil
}
