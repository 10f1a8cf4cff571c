package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

const (
	mounted  = "DARKTRACE_TEST_MOUNTED_CHECKPOINT"
	one, two = `{"v":2,"through":1}`, `{"v":2,"through":2}`
)

// The other process sees the file like a container whose volume is that file.
func init() { //nolint:gochecknoinits // TestMain looks there.
	servers[mounted] = func() error {
		path := os.Getenv(mounted)
		if err := syscall.Mount(path, path, "", syscall.MS_BIND, ""); err != nil {
			fmt.Println("can't mount:", err)
			return nil
		}
		first, second := new(darktrace.Checkpoint), new(darktrace.Checkpoint)
		err := errors.Join(json.Unmarshal([]byte(one), first), json.Unmarshal([]byte(two), second))
		if err == nil {
			fmt.Println(darktrace.FileCheckpoint(path).Save(context.Background(), first, second))
		}
		return err
	}
}

func TestFileCheckpointThatIsMountedAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	require.NoError(t, os.WriteFile(path, []byte(one), 0o600))
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program) //nolint:gosec // It is this test itself.
	cmd.Env = append(os.Environ(), mounted+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	if err != nil || strings.HasPrefix(string(out), "can't mount") {
		t.Skipf("there are no namespaces here: %v %s", err, out)
	}
	assert.Contains(t, string(out), "the file is mounted alone and can't be replaced; mount its folder instead")
}
